"""Rotating secrets: those that are named, or those that are due, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.secrets.due import in_words
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.state import Kept
from koprogo_fleet.workflows.secrets.ages import write_ages
from koprogo_fleet.workflows.secrets.opening import Place, SecretsRun, changing_secrets, chosen, looking_at_secrets


def plan_rotation(place: Place, names: Iterable[str] = (), *, due: bool = False) -> None:
    """
    Tell in the report what :func:`rotate_secrets` would do, and change nothing.

    Raises:
        KoprogoError: something cannot be looked at.
    """
    with looking_at_secrets(place, "secrets rotate") as run:
        run.check_files()
        for one in _wanted(run, names, due=due):
            spec = one.spec
            users = ", ".join(map(str, spec.consumers)) or "no consumer"
            place.report.differences.append(
                Difference(
                    Operation.CHANGE,
                    f"secret {spec.name}",
                    _as_it_is(one),
                    f"a new {spec.kind}, for {users}" if one.record is None else "the rotation goes on",
                )
            )


def rotate_secrets(place: Place, names: Iterable[str] = (), *, due: bool = False) -> None:
    """
    Rotate secrets, each as one transaction; what is open is gone on with, and never begun a second time.

    One that goes back to its former value does not keep the others from being rotated.

    Args:
        place: what it is about.
        names: of the secrets; all where none is given.
        due: only those that are older than their policy allows, inside their window; and those whose rotation is open.

    Raises:
        NotConverged: some of them are as before; tells which, and why.
        KoprogoError: something stopped the run; the same again goes on.
    """
    with changing_secrets(place, "secrets rotate") as run:
        failed = [failure for one in _wanted(run, names, due=due) if (failure := _rotated(run, one)) is not None]
        write_ages(place.fleet.name, run.kept(run.specs))
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise NotConverged(
            f"{len(failed)} secrets were not rotated:\n  " + "\n  ".join(failure.seen for failure in failed),
            next_step="their former values are in force; mend what is told, then the same again",
        )


def _rotated(run: SecretsRun, one: Kept) -> NotConverged | None:
    engine: Engine = run.engine
    try:
        outcome = engine.rotate(one.spec)
    except NotConverged as failure:
        run.place.listener(Note(failure.seen))
        return failure
    if not one.there:
        with engine.step(f"{one.spec.name}: push"):
            engine.delivery.push(one.spec)
    run.place.listener(Note(outcome.text))
    run.place.report.differences.append(
        Difference(Operation.CHANGE, f"secret {one.spec.name}", _as_it_is(one), str(outcome.ending))
    )
    return None


def _wanted(run: SecretsRun, names: Iterable[str], *, due: bool) -> Sequence[Kept]:
    """Return the secrets to rotate; tell of those that have to wait for their window, or for a person."""
    found = run.kept(chosen(run.specs, names))
    if not due:
        return found
    wanted = []
    for one in found:
        spec = one.spec
        if one.record is not None:
            wanted.append(one)
        elif not one.due:
            continue
        elif BY_NAME[spec.kind].origin is Origin.PERSON:
            run.place.listener(
                Note(
                    f"{spec.name} is due ({_as_it_is(one)}): {spec.owner or 'a person'} has to write a new one to Vault"
                )
            )
        elif not one.open:
            run.place.listener(
                Note(
                    f"{spec.name} is due ({_as_it_is(one)}), outside its window: it waits for {spec.rotation.window} UTC"
                )
            )
        else:
            wanted.append(one)
    if not wanted:
        run.place.listener(Note("nothing is due that may be rotated now"))
    return wanted


def _as_it_is(one: Kept) -> str:
    if one.stored is None:
        return "none"
    age = f", {in_words(one.age)} old" if one.age is not None else ""
    return f"version {one.stored.version} in Vault{age}"
