"""
Rotating one secret: does the steps that :mod:`.stages` decides, and writes the record at each boundary.

Each step may be done again: after a kill the next run reads the record and goes on, in the same direction and with the
same values.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from koprogo_fleet.core.errors import (
    InputError,
    KoprogoError,
    KubernetesError,
    MissingRequirement,
    ProofFailed,
    VaultConflict,
    VaultError,
    WaitTimeout,
)
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets import history
from koprogo_fleet.secrets.bundle import fields_in
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.kind import Change, Kind, Origin, Tools
from koprogo_fleet.secrets.kinds.static import by_a_person
from koprogo_fleet.secrets.rotation.holder import is_dead, this_process
from koprogo_fleet.secrets.rotation.record import Closed, Found, Record, Records, Store
from koprogo_fleet.secrets.rotation.stages import AFTER, Direction, Progress, Stage, Step, can_go_back, next_step
from koprogo_fleet.secrets.spec import SecretSpec, Values
from koprogo_fleet.secrets.weak import refuse_weak
from koprogo_fleet.vault import Stored

STEP_SECONDS = 600.0
"""What a step may take beside its consumers; a run that has not written its record for longer is taken for dead."""
TRIES = 5
"""For a path in Vault that others write to at the same moment, each time under another key."""
ASKED = "a person asked for it"
NOTHING = Stored({}, 0)


class Delivery(Protocol):
    """How values come from Vault to those who use them."""

    def push(self, spec: SecretSpec) -> None:
        """Have every Secret of *spec* hold what is in Vault now, and prove it."""
        ...

    def roll(self, spec: SecretSpec, version: int) -> None:
        """
        Have every consumer of *spec* begin anew with what Vault has in *version*, one after the other, and prove it.

        Raises:
            ProofFailed: one of them does not come up.
        """
        ...


class Ending(StrEnum):
    """How a run left a rotation."""

    COMMITTED = "rotated"
    OVERLAP = "overlap"
    BACK = "back"


@dataclass(frozen=True)
class Outcome:
    """How a run left the rotation of *name*; *text* tells people."""

    name: str
    ending: Ending
    text: str


@dataclass(frozen=True)
class _Held:
    """A record that is ours, and its version in Vault."""

    record: Record
    version: int


@dataclass(frozen=True)
class Engine:
    """
    Rotates secrets, one at a time.

    Attributes:
        vault: where values and records are kept.
        folder: the fleet's in Vault.
        delivery: brings values to the cluster and its consumers.
        tools: what the kinds may use.
        command: what is done, for whoever is refused meanwhile.
        listener: told of what is done.
        step: wraps each step, by its title: a journal's ``step``.
        now: the clock.
        kinds: by name.
        file: seals the values of a secret into files in git, before they are pushed; None where there are no files.
    """

    vault: Store
    folder: str
    delivery: Delivery
    tools: Tools
    command: str
    listener: Listener = ignore
    step: Callable[[str], AbstractContextManager[None]] = lambda _title: nullcontext()
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    kinds: Mapping[str, Kind[Any]] = field(default_factory=lambda: BY_NAME)
    file: Callable[[SecretSpec], None] | None = None

    def journaled(self, step: Callable[[str], AbstractContextManager[None]]) -> Engine:
        """Return the same engine, whose steps are wrapped by *step*."""
        return replace(self, step=step)

    @property
    def records(self) -> Records:
        """The records of all rotations."""
        return Records(self.vault, self.folder)

    def rotate(self, spec: SecretSpec) -> Outcome:
        """
        Rotate *spec*; where a rotation is open, go on with that one.

        What a person makes is taken from Vault as it is there: sealed, and brought to the consumers.

        Returns:
            how it was left: committed, or waiting for its overlap.

        Raises:
            ProofFailed: a consumer or the backend did not take the new value; the former one is in force again.
            VaultConflict: somebody wrote another value to its path, or took the rotation over.
            InputError: a person makes it, and Vault has none.
            KoprogoError: another run is at it; or something stopped this one, and the next one goes on.
        """
        found = self.records.read(spec.name)
        if found.record is not None:
            return self._run(spec, self._take(spec, found))
        by_hand = self._kind(spec).origin is Origin.PERSON
        return self._run(spec, self._adopt(spec, found) if by_hand else self._begin(spec, found))

    def resume(self, spec: SecretSpec) -> Outcome | None:
        """Go on with an open rotation of *spec*, as :meth:`rotate`; None where there is none."""
        found = self.records.read(spec.name)
        return self._run(spec, self._take(spec, found)) if found.record else None

    def first(self, spec: SecretSpec) -> None:
        """
        Make the first values of *spec* and keep them in Vault; nobody uses them yet.

        Raises:
            InputError: a person makes them.
            VaultConflict: another run made them at the same moment.
            KoprogoError: the backend refused.
        """
        self.rotate(spec)

    def go_back(self, spec: SecretSpec) -> Outcome:
        """
        End the open rotation of *spec* with the former values.

        Raises:
            InputError: there is none, or the former values may be revoked already.
            KoprogoError: as :meth:`rotate`.
        """
        found = self.records.read(spec.name)
        if found.record is None:
            raise InputError(f"no rotation of {spec.name} is open", next_step="koprogo-fleet secrets status")
        if not can_go_back(found.record.stage):
            raise InputError(
                f"the rotation of {spec.name} has no way back: its former credential is being revoked",
                next_step=f"koprogo-fleet secrets rotate {spec.name}: it goes on; then koprogo-fleet secrets rollback",
            )
        held = self._take(spec, found)
        if held.record.direction is Direction.FORWARD:
            held = self._save(spec, held, held.record.turned(ASKED))
        return self._run(spec, held)

    def put_in_force(self, spec: SecretSpec, values: Values) -> Outcome:
        """
        Rotate *spec* to given *values*: those of an older version.

        What was made here is given to the backend again; what was made elsewhere has to be valid still.

        Raises:
            InputError: a rotation is open.
            KoprogoError: as :meth:`rotate`.
        """
        found = self.records.read(spec.name)
        if found.record is not None:
            raise InputError(f"a rotation of {spec.name} is open", next_step="koprogo-fleet secrets status")
        return self._run(spec, self._begin(spec, found, values))

    def _kind(self, spec: SecretSpec) -> Kind[Any]:
        return self.kinds[spec.kind]

    def _begin(self, spec: SecretSpec, found: Found, wanted: Values | None = None) -> _Held:
        kind, stored = self._kind(spec), self.vault.read(spec.vault.path) or NOTHING
        record = Record(
            id=secrets.token_hex(6),
            stage=Stage.BEGUN,
            direction=Direction.FORWARD,
            began=self.now(),
            former=fields_in(spec, stored),
            former_version=stored.version,
            former_kept=found.closed.kept if found.closed else stored.created,
            new=wanted or {},
        )
        notes = kind.begin(spec, _change(record), self.tools)
        if wanted is None and kind.origin is Origin.HERE:
            record = replace(record, new=kind.make(spec, record.former))
        if wanted is not None and kind.origin is not Origin.HERE:
            record = replace(record, stage=Stage.CREATED)
        return self._save(spec, _Held(record, found.version), replace(record, notes=dict(notes)))

    def _adopt(self, spec: SecretSpec, found: Found) -> _Held:
        """
        Begin with what a person wrote to Vault, as if a rotation had just kept it there.

        Raises:
            InputError: there is none.
        """
        stored = self.vault.read(spec.vault.path) or NOTHING
        if not (values := fields_in(spec, stored)):
            raise by_a_person(spec)
        refuse_weak(spec, values)
        before = history.former(self.vault, spec, stored) or NOTHING
        record = Record(
            id=secrets.token_hex(6),
            stage=Stage.KEPT,
            direction=Direction.FORWARD,
            began=self.now(),
            former=fields_in(spec, before),
            former_version=before.version,
            former_kept=before.created,
            new=values,
            version=stored.version,
            kept=history.since(self.vault, spec, stored, found.closed),
        )
        return self._save(spec, _Held(record, found.version), record)

    def _take(self, spec: SecretSpec, found: Found) -> _Held:
        """
        Make an open rotation ours.

        Raises:
            KoprogoError: another run is at it.
        """
        record, now = found.record, self.now()
        assert record is not None  # noqa: S101 - asked before
        if record.holder is not None and not is_dead(record.holder, now):
            raise KoprogoError(
                f"{spec.name} is being rotated by another run: {record.holder}",
                cause="two at once would make two new values",
                next_step=f"wait until it ends; if its machine is lost, from {record.holder.until:%H:%M} UTC on the next "
                "run takes over",
            )
        self.listener(
            Note(f"a rotation of {spec.name} is open, {record.direction} at {record.stage}: it goes on with its values")
        )
        return self._save(spec, _Held(record, found.version), record)

    def _save(self, spec: SecretSpec, held: _Held, record: Record) -> _Held:
        """
        Write the record, as ours.

        Raises:
            VaultConflict: another run wrote it.
        """
        lease = timedelta(seconds=STEP_SECONDS + sum(consumer.seconds for consumer in spec.consumers))
        ours = replace(record, holder=this_process(self.command, self.now(), lease))
        try:
            return _Held(ours, self.records.write(spec.name, ours, held.version))
        except VaultConflict as error:
            raise _taken_over(spec) from error

    def _run(self, spec: SecretSpec, held: _Held) -> Outcome:
        failure: KoprogoError | None = None
        while True:
            record = held.record
            step = next_step(self._progress(spec, record))
            if step is Step.WAIT:
                self._release(spec, held)
                return Outcome(
                    spec.name,
                    Ending.OVERLAP,
                    f"{spec.name}: the new value is in use; overlap until {record.overlap_ends:%Y-%m-%d %H:%M} UTC",
                )
            if step is Step.CLOSE:
                with self.step(f"{spec.name}: {step}"):
                    self._close(spec, held)
                return _ended(spec, record, failure)
            try:
                with self.step(f"{spec.name}: {step}"):
                    changed = record
                    try:
                        changed = self._done(step, spec, record)
                    except KoprogoError as error:
                        if not _turns(step, error):
                            raise
                        failure = error
                        changed = record.turned(error.seen)
                        self.listener(Note(f"{spec.name} goes back to its former value: {error.seen}"))
                    held = self._save(spec, held, changed)
            except KoprogoError:
                with suppress(VaultError):  # whoever comes next finds that this process is gone
                    self._release(spec, held)
                raise

    def _progress(self, spec: SecretSpec, record: Record) -> Progress:
        rolled = record.stage is Stage.ROLLED and record.direction is Direction.FORWARD
        return Progress(
            record.stage,
            record.direction,
            first=record.first,
            wrote=record.version > 0,
            waits=record.overlap_ends is not None and self.now() < record.overlap_ends,
            ends_otherwise=rolled and dict(self._last(spec, record)) != dict(record.new),
            files=self.file is not None,
        )

    def _last(self, spec: SecretSpec, record: Record) -> Values:
        return self._kind(spec).last(spec, _change(record))

    def _done(self, step: Step, spec: SecretSpec, record: Record) -> Record:
        """Do one step; return the record as it is after it."""
        kind, change, now = self._kind(spec), _change(record), replace(record, stage=AFTER[step])
        match step:
            case Step.CREATE:
                return replace(now, new=dict(kind.create(spec, change, self.tools)))
            case Step.KEEP:
                return replace(now, version=self._put(spec, record.new, (record.former,)), kept=self.now())
            case Step.KEEP_LAST:
                return replace(now, version=self._put(spec, self._last(spec, record), (record.new,)))
            case Step.RESTORE:
                return replace(now, version=self._restored(spec, record))
            case Step.FILE | Step.FILE_LAST | Step.FILE_BACK:
                self._seal_into_files(spec)
            case Step.PUSH | Step.PUSH_LAST | Step.PUSH_BACK:
                self.delivery.push(spec)
            case Step.ROLL | Step.ROLL_LAST | Step.ROLL_BACK:
                self.delivery.roll(spec, record.version)
                kind.prove(spec, self._in_force(spec, record), self.tools)
                return replace(now, overlap_ends=self._overlap_ends(step, spec, record))
            case Step.REVOKE:
                kind.revoke(spec, change, self.tools)
            case Step.DISCARD:
                kind.discard(spec, change, self.tools)
        return now

    def _overlap_ends(self, step: Step, spec: SecretSpec, record: Record) -> datetime | None:
        """Return until when the former value stays valid, once the consumers have the new one."""
        if step is Step.ROLL and spec.rotation.overlap:
            return self.now() + spec.rotation.overlap
        return record.overlap_ends

    def _seal_into_files(self, spec: SecretSpec) -> None:
        if self.file is not None:
            self.file(spec)

    def _in_force(self, spec: SecretSpec, record: Record) -> Values:
        """Return the values that consumers were just given."""
        match record.stage:
            case Stage.PUSHED:
                return record.new
            case Stage.LAST_PUSHED:
                return self._last(spec, record)
            case _:
                return record.former

    def _put(self, spec: SecretSpec, values: Values, over: tuple[Values, ...]) -> int:
        """
        Keep *values* at their path, where the secret has them already or is still one of *over*; return the version.

        What else is at that path stays. A conflict is read again: only a write of the secret itself is one.

        Raises:
            VaultConflict: somebody else wrote the secret.
        """
        conflict: VaultConflict | None = None
        for _ in range(TRIES):
            stored = self.vault.read(spec.vault.path) or NOTHING
            present = fields_in(spec, stored)
            if present == dict(values):
                return stored.version
            if not any(present == dict(former) for former in over):
                break
            ours = {spec.vault_key(name) for name in spec.FIELDS}
            kept: dict[str, Secret] = {key: value for key, value in stored.values.items() if key not in ours}
            kept |= {spec.vault_key(name): value for name, value in values.items()}
            try:
                return self.vault.write(spec.vault.path, kept, expected_version=stored.version)
            except VaultConflict as error:
                conflict = error
        raise VaultConflict(
            f"somebody else wrote another value of {spec.name} to {spec.vault.path} while it was being rotated",
            cause="a person, or another program",
            next_step="theirs is kept as it is; koprogo-fleet secrets status shows what is in force",
        ) from conflict

    def _restored(self, spec: SecretSpec, record: Record) -> int:
        """Put the former values back, unless they are there or somebody else wrote; return the version to roll to."""
        made = [record.new] if record.new else []
        if record.new:
            made.append(self._last(spec, record))
        before = self.vault.read(spec.vault.path) or NOTHING
        if fields_in(spec, before) == dict(record.former) and not record.version:
            return 0
        try:
            return self._put(spec, record.former, tuple(made))
        except VaultConflict as conflict:
            self.listener(Note(conflict.seen))
            return record.version

    def _release(self, spec: SecretSpec, held: _Held) -> None:
        self.records.write(spec.name, replace(held.record, holder=None), held.version)

    def _close(self, spec: SecretSpec, held: _Held) -> None:
        record, forward = held.record, held.record.direction is Direction.FORWARD
        closed = Closed(
            id=record.id,
            committed=forward,
            ended=self.now(),
            version=record.version or record.former_version,
            kept=record.kept if forward else record.former_kept,
            former_version=record.former_version,
            revoked=forward and not record.first,
            reason=record.reason,
        )
        try:
            self.records.close(spec.name, closed, held.version)
        except VaultConflict as error:
            raise _taken_over(spec) from error


def _change(record: Record) -> Change:
    return Change(record.id, record.former, record.new, record.notes)


def _turns(step: Step, error: KoprogoError) -> bool:
    """
    Say whether *error* sends the rotation back; everything else stops the run, and the next one goes on.

    What may pass by itself, and what says nothing about the new value, does not.
    """
    match step:
        case Step.CREATE:
            passing = error.temporary or error.result_unknown
            return not passing and not isinstance(error, VaultError | KubernetesError | WaitTimeout)
        case Step.KEEP | Step.KEEP_LAST:
            return isinstance(error, VaultConflict)
        case Step.FILE | Step.PUSH:
            return isinstance(error, InputError) and not isinstance(error, MissingRequirement)
        case Step.ROLL | Step.ROLL_LAST:
            return isinstance(error, ProofFailed)
        case _:
            return False


def _ended(spec: SecretSpec, record: Record, failure: KoprogoError | None) -> Outcome:
    """
    Return how a closed rotation ended.

    Raises:
        KoprogoError: it went back because of a failure.
    """
    if record.direction is Direction.FORWARD:
        word = "made" if record.first else "rotated"
        return Outcome(spec.name, Ending.COMMITTED, f"{spec.name} was {word}: version {record.version} in Vault")
    if record.reason == ASKED:
        return Outcome(spec.name, Ending.BACK, f"{spec.name} has its former value again")
    if failure is not None and not isinstance(failure, ProofFailed):
        raise failure
    raise ProofFailed(
        f"{spec.name} was not rotated: {record.reason}",
        cause=failure.cause if failure else None,
        next_step=f"its former value is in force again; mend that, then koprogo-fleet secrets rotate {spec.name}",
    ) from failure


def _taken_over(spec: SecretSpec) -> VaultConflict:
    return VaultConflict(
        f"the rotation of {spec.name} was taken over by another run",
        cause="this one stood still for too long, or both began at the same moment",
        next_step="koprogo-fleet secrets status shows how far it is",
    )
