"""What a kind of secret has to be able to do, so that one engine can rotate all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from koprogo_fleet.core.events import Listener
from koprogo_fleet.secrets.spec import SecretSpec, Values

S = TypeVar("S", bound=SecretSpec)


class Origin(StrEnum):
    """
    Who chooses a new value.

    What is made ``here`` is kept in Vault before the backend hears of it: after a kill the same value is used again.
    What is made ``elsewhere`` (by an authority, an API, OVH) is known only when the backend has made it: after a kill,
    what the backend made and nobody kept is found by its marks and removed. A ``person`` makes the others.
    """

    HERE = "here"
    ELSEWHERE = "elsewhere"
    PERSON = "person"


@dataclass(frozen=True)
class Change:
    """
    One rotation, as a kind sees it. A kind keeps nothing of its own: it may be asked again after a kill.

    Attributes:
        id: of the rotation; the same after a kill. A backend that lets its credentials be named or described carries it.
        former: the values that are valid before; empty at the first.
        new: the values to be; empty for a kind made elsewhere until it has made them.
        notes: what the kind wrote down with :attr:`Begun.notes` before anything was made; names and ids, never a value.
    """

    id: str
    former: Values
    new: Values
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tools:
    """
    What a kind may use; each is opened when it is asked for, and closed by whoever made the tools.

    Attributes:
        vault: the run's connection to Vault: gives the clients of its engines.
        cluster: the run's Kubernetes cluster.
        listener: told of what is done, and of each wait.
        services: what upper layers lend, by name: ``k3s-token`` rotates K3s' own token, ``object-storage`` is OVH's.
    """

    vault: Callable[[], Any]
    cluster: Callable[[], Any]
    listener: Listener
    services: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


class Kind(Protocol[S]):
    """
    One kind of secret. Every method may be called again for the same change, and then does no more than is missing.

    The order of a rotation: :meth:`begin` → (made here: :meth:`make`) → kept in Vault → :meth:`create` → the new values at
    their path in Vault → sealed, pushed, consumers rolled → :meth:`prove` → overlap → :meth:`last` → :meth:`revoke`.
    On the way back: the former values are pushed again → :meth:`prove` of them → :meth:`discard`.
    """

    name: str
    spec: type[S]
    origin: Origin

    def begin(self, spec: S, change: Change, tools: Tools) -> Mapping[str, str]:
        """Look at the backend before anything is made; return notes that are kept with the rotation: never a value."""

    def make(self, spec: S, former: Values) -> Values:
        """
        Choose new values. Pure, but for chance; for kinds that are made here.

        A kind whose former value stays valid inside the secret (a signing key) puts it in, too.
        """

    def create(self, spec: S, change: Change, tools: Tools) -> Values:
        """
        Make the new credential valid at the backend, beside the former one; return its values.

        Raises:
            KoprogoError: the backend refused; nothing that was valid before is not any more.
        """

    def prove(self, spec: S, values: Values, tools: Tools) -> None:
        """
        Show that the backend accepts *values*, as a consumer would.

        Raises:
            ProofFailed: it does not; tells what was seen.
        """

    def last(self, spec: S, change: Change) -> Values:
        """Return the values that stay when the overlap is over: the new ones, unless the former are among them."""

    def revoke(self, spec: S, change: Change, tools: Tools) -> None:
        """Make the former credential invalid at the backend; nobody uses it any more."""

    def discard(self, spec: S, change: Change, tools: Tools) -> None:
        """On the way back: make what was created invalid; nobody uses it any more."""
