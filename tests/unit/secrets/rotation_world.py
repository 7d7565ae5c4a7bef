"""
The stores of a rotation, in memory, with a death at any boundary: Vault, a backend, files, the cluster, a consumer.

Whenever anything has happened, the world looks at itself: what the consumer has, what it would get if it began anew, and
what a push or the file would give it have to be accepted by the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from koprogo_fleet.core.errors import ProofFailed, VaultConflict
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.model import read_secret
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.spec import VALUE, RotationPolicy, SecretSpec, Values
from koprogo_fleet.vault import Stored

PATH = "koprogo/api"
FORMER = "the former value"
NAME = "static"
"""Under which the double stands: a specification without fields of its own."""


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """
    Everything outside of the engine.

    Attributes:
        origin: of the values.
        ends_otherwise: the last values are not the new ones.
        accepts_new: the consumer comes up with a new value.
        overlap: of the policy.
        deaths: at which boundaries, counted over all runs, the process is killed.
        meanwhile: happens once, while a run is about to push.
        files: what is sealed is kept as a file, too; *commits* has what it held, the newest last.
    """

    origin: Origin = Origin.HERE
    ends_otherwise: bool = False
    accepts_new: bool = True
    overlap: timedelta = timedelta(0)
    deaths: Collection[int] = ()
    meanwhile: Callable[[], object] | None = None
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    boundaries: int = 0
    versions: dict[str, list[dict[str, Secret]]] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)
    files: bool = False
    commits: list[str] = field(default_factory=lambda: [FORMER])
    live: str = FORMER
    consumer: str = FORMER
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        """Have one secret in force everywhere."""
        self.versions[PATH] = [{"KEY": Secret(FORMER), "OTHER": Secret("somebody else's")}]
        self.accepted[FORMER] = "before"

    @property
    def spec(self) -> SecretSpec:
        """The secret."""
        written = {"name": "api", "kind": NAME, "vault": {"path": PATH, "key": "KEY"}}
        return read_secret(written).model_copy(update={"rotation": RotationPolicy(overlap=self.overlap)})

    @property
    def in_vault(self) -> str:
        """The value at its path."""
        return self.versions[PATH][-1]["KEY"].reveal()

    def engine(self) -> Engine:
        """Return the engine of a new process."""
        tools = Tools(lambda: self, lambda: self, ignore)
        return Engine(
            self,
            "fleet",
            self,
            tools,
            "a test",
            now=lambda: self.time,
            kinds={NAME: Double(self)},
            file=self.file if self.files else None,
        )

    @contextmanager
    def effect(self) -> Iterator[None]:
        """Surround something that cannot be undone: a death may be before it and after it."""
        self.boundary()
        yield
        self.boundary()

    def boundary(self) -> None:
        """Look, and die if it is time."""
        values = {"consumer": self.consumer, "Secret": self.live, "Vault": self.in_vault}
        values |= {"file": self.commits[-1]} if self.files else {}
        for what, value in values.items():
            assert value in self.accepted, f"the {what} has a value that the backend does not accept"
        self.boundaries += 1
        if self.boundaries in self.deaths:
            raise Killed

    # Vault

    def read(self, path: str, version: int | None = None) -> Stored | None:
        """Return a version."""
        found = self.versions.get(path)
        return None if not found else Stored(found[(version or 0) - 1], version or len(found))

    def write(self, path: str, values: Mapping[str, Secret], expected_version: int) -> int:
        """Write a version."""
        with self.effect():
            found = self.versions.setdefault(path, [])
            if len(found) != expected_version:
                raise VaultConflict("somebody wrote")
            found.append(dict(values))
        return len(found)

    # The file

    def file(self, _spec: SecretSpec) -> None:
        """Commit what Vault has, where it differs."""
        with self.effect():
            if self.commits[-1] != self.in_vault:
                self.commits.append(self.in_vault)

    # The cluster

    def push(self, _spec: SecretSpec) -> None:
        """Give the Secret what Vault has."""
        if happens := self.meanwhile:
            self.meanwhile = None
            happens()
        with self.effect():
            assert not self.files or self.commits[-1] == self.in_vault, "the cluster is ahead of the file"
            self.live = self.in_vault

    def roll(self, _spec: SecretSpec, _version: int) -> None:
        """Have the consumer begin anew; where it does not come up, the former one goes on, as in any rollout."""
        with self.effect():
            if self.live != FORMER and not self.accepts_new:
                raise ProofFailed("the consumer does not come up")
            self.consumer = self.live


class Double:
    """A kind whose backend is the world's."""

    name = NAME
    spec = SecretSpec

    def __init__(self, world: World) -> None:
        self._world = world
        self.origin = world.origin

    def begin(self, _spec: SecretSpec, change: Change, _tools: Tools) -> Mapping[str, str]:
        """Write down what is in force."""
        return {"id": change.id}

    def make(self, _spec: SecretSpec, _former: Values) -> Values:
        """Choose a value."""
        return {VALUE: Secret(f"value {next(self._world.numbers)}")}

    def create(self, spec: SecretSpec, change: Change, _tools: Tools) -> Values:
        """Have the backend accept the new value; what it made for a process that died is removed first."""
        new = change.new
        with self._world.effect():
            if self.origin is Origin.ELSEWHERE:
                self._remove(change)
                new = {VALUE: Secret(f"value {next(self._world.numbers)}")}
            for values in (new, self.last(spec, Change(change.id, change.former, new))):
                self._world.accepted[values[VALUE].reveal()] = change.id
        return new

    def prove(self, _spec: SecretSpec, values: Values, _tools: Tools) -> None:
        """Ask the backend."""
        if values[VALUE].reveal() not in self._world.accepted:
            raise ProofFailed("the backend does not accept it")

    def last(self, _spec: SecretSpec, change: Change) -> Values:
        """Return the new value, or a part of it."""
        end = " alone" if self._world.ends_otherwise else ""
        return {VALUE: Secret(change.new[VALUE].reveal() + end)}

    def revoke(self, spec: SecretSpec, change: Change, _tools: Tools) -> None:
        """Leave the last value."""
        with self._world.effect():
            self._world.accepted = {self.last(spec, change)[VALUE].reveal(): change.id}

    def discard(self, _spec: SecretSpec, change: Change, _tools: Tools) -> None:
        """Remove what was made."""
        with self._world.effect():
            self._remove(change)

    def _remove(self, change: Change) -> None:
        self._world.accepted = {value: by for value, by in self._world.accepted.items() if by != change.id}


def run(world: World, most: int = 60) -> list[ProofFailed]:
    """
    Rotate, and after each death run again as the commands do, until a run has nothing left to do.

    Returns the failures that runs ended with.
    """
    failures: list[ProofFailed] = []
    engine = world.engine()
    before = len(world.versions[PATH])
    for attempt in range(most):
        try:
            if engine.records.read("api").record is not None:
                engine.resume(world.spec)
            elif attempt == 0 or (len(world.versions[PATH]) == before and engine.records.read("api").closed is None):
                engine.rotate(world.spec)
            else:
                return failures
        except Killed:
            engine = world.engine()
        except ProofFailed as failure:
            failures.append(failure)
        world.time += timedelta(hours=1)
    raise AssertionError("it does not end")
