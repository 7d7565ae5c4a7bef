"""
What the engine has to know of a kind of object.

A kind is one file in ``kinds/``: to add one, copy ``kinds/ssh_key.py`` and add a line to ``kinds/__init__.py``. It says
what the fleet wants, what exists, how the two differ, and makes single calls. When they are made is the engine's
business: order, parallelism, waiting, lost answers, second tries and confirmations are not found in any kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import items
from koprogo_fleet.provision.lists import Listing, Lists

if TYPE_CHECKING:
    from koprogo_fleet.provision.site import Site
    from koprogo_fleet.provision.view import View

Spec = TypeVar("Spec")
Value = TypeVar("Value")


class Ref(NamedTuple):
    """An object by its kind's noun and its name; reads as in a plan: "volume koprogo-worker-1"."""

    noun: str
    name: str

    def __str__(self) -> str:
        return f"{self.noun} {self.name}"


@dataclass(frozen=True)
class Wanted(Generic[Spec]):
    """
    An object that the fleet wants.

    Attributes:
        name: follows from fleet.yaml alone, so that the object is found again after anything.
        spec: what it has to be, in its kind's own words.
        needs: the objects that have to be ready before it is created.
    """

    name: str
    spec: Spec
    needs: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Existing(Generic[Value]):
    """
    An object that the API shows.

    Attributes:
        id: OVH's; another object of the same name has another.
        value: as the adapter reads it. It is what an object that needs this one gets of it.
        needs: the objects that can be deleted only after it.
    """

    name: str
    id: str
    value: Value
    needs: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Change:
    """It differs, and can be changed in place."""

    old: str
    new: str


@dataclass(frozen=True)
class Replace:
    """It differs in what cannot be changed; *old* and *new* are the reason. Nothing is lost where it never worked."""

    old: str
    new: str
    loses_data: bool = True


@dataclass(frozen=True)
class Refuse:
    """It differs, and a person has to take the *next_step*; nothing at all is done before."""

    old: str
    new: str
    next_step: str


Verdict = Change | Replace | Refuse


class Kind(ABC, Generic[Spec, Value]):
    """
    One kind of object. All methods but the last three are pure.

    Attributes:
        noun: what it is called, in plans and errors.
        lists: what is read to know all of them; a list is read by one call, however many objects there are.
        ready_when: completes "waited for: <name>: <noun> …".
        seconds: how long it may take until it is ready.
        holds_data: deleting or replacing one needs its name confirmed.
        lingers: a deletion goes on after its answer, and is waited for.
        tie: it only joins two others, as an attachment does: none is ever an orphan.
    """

    noun: ClassVar[str]
    lists: ClassVar[tuple[Listing[Any], ...]]
    ready_when: ClassVar[str] = "in OVH's list"
    seconds: ClassVar[float] = 600.0
    holds_data: ClassVar[bool] = False
    lingers: ClassVar[bool] = True
    tie: ClassVar[bool] = False

    def ref(self, name: str) -> Ref:
        """Return what others call the object in their *needs*."""
        return Ref(self.noun, name)

    @abstractmethod
    def wanted(self, fleet: Fleet) -> Iterable[Wanted[Spec]]:
        """Return what *fleet* wants, in the order of a plan."""

    @abstractmethod
    def existing(self, lists: Lists, fleet: Fleet) -> Iterable[Existing[Value]]:
        """Return what there is, of this fleet and of others."""

    def owns(self, fleet: Fleet, name: str) -> bool:
        """Whether an object of that name is the fleet's: one that nobody wants is an orphan."""
        return name.startswith(f"{fleet.name}-")

    def surplus(self, _fleet: Fleet, _name: str) -> bool:
        """Whether fleet.yaml says that this object, which it does not want, has to go. Others are left as they are."""
        return False

    def stays(self, _fleet: Fleet, _existing: Existing[Value]) -> Refuse | None:
        """Return why a surplus object must not be deleted like that, if so; the destruction of the whole fleet is no such case."""
        return None

    @abstractmethod
    def describe(self, wanted: Wanted[Spec], view: View) -> str:
        """Return what will be created, for the plan: short, and never secret."""

    def obstacle(self, _wanted: Wanted[Spec], _view: View) -> Refuse | None:
        """Return why an object that does not exist cannot be created, if so."""
        return None

    def check(self, _new: Sequence[Wanted[Spec]], _view: View) -> None:
        """
        Check that all the *new* ones (some replace others) can be had, before anything is done.

        Raises:
            InputError: OVH does not sell it, or not so many.
        """
        return

    @abstractmethod
    def compare(self, wanted: Wanted[Spec], existing: Existing[Value], view: View) -> Iterable[Verdict]:
        """Return what of it is not as desired; what is only on its way is :meth:`lacks`' matter."""

    def lacks(self, _wanted: Wanted[Spec], _value: Value) -> str:
        """Return what the object that was asked for lacks until others can use it ("status BUILD"), or nothing."""
        return ""

    def undone(self, _wanted: Wanted[Spec], _lists: Lists) -> str:
        """
        Return what shows that the object which was asked for will not come ("volume in status available"), or nothing.

        It may be said too early, while OVH's lists are late: it counts once it has been so for
        :attr:`~koprogo_fleet.provision.site.Limits.late_list`. Nothing is deleted for it; the object is asked for once more.
        """
        return ""

    def failed(self, _value: Value) -> str:
        """Return the state in which it failed ("ERROR"), or nothing."""
        return ""

    def lived(self, _value: Value) -> bool:
        """Whether one that failed may have worked before; one that never did is deleted and created again."""
        return True

    def failure_cause(self, _wanted: Wanted[Spec]) -> str | None:
        """Return the likely cause when it fails twice."""
        return None

    def billed(self, _wanted: Wanted[Spec]) -> items.Wanted | None:
        """Return what OVH bills for such an object; None where it is free."""
        return None

    def billed_now(self, _existing: Existing[Value], _lists: Lists) -> items.Wanted | None:
        """Return what OVH bills for one that exists."""
        return None

    @abstractmethod
    def create(self, wanted: Wanted[Spec], site: Site) -> str:
        """Make the POST, once; return the new object's id."""

    def created(self, _wanted: Wanted[Spec], _object_id: str, _site: Site) -> Value | None:
        """Return what the POST has made, where it is whole at once; None where a list has to show that it is ready."""
        return None

    def change(self, _wanted: Wanted[Spec], existing: Existing[Value], _site: Site) -> None:
        """
        Change in place whatever :meth:`compare` called a :class:`Change`.

        It is called again, with what exists then, when the first answer was lost: it says what has to be.
        """
        raise NotImplementedError(f"{self.ref(existing.name)} cannot be changed in place")

    @abstractmethod
    def delete(self, existing: Existing[Value], site: Site) -> None:
        """Make the DELETE; it may be called again, and be refused as long as something else still goes away."""
