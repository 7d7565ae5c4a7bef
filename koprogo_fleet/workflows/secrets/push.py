"""From Vault to the cluster, where it differs; open rotations are gone on with first."""

from __future__ import annotations

from collections.abc import Iterable

from koprogo_fleet.core.events import Note
from koprogo_fleet.secrets import push
from koprogo_fleet.workflows.secrets.opening import Place, changing_secrets, chosen, looking_at_secrets


def plan_push(place: Place, names: Iterable[str] = ()) -> None:
    """
    Tell in the report what :func:`push_secrets` would do, and change nothing.

    Raises:
        KoprogoError: something cannot be looked at, or would be refused.
    """
    with looking_at_secrets(place, "secrets push") as run:
        wanted = chosen(run.specs, names)
        for one in run.kept(wanted):
            if one.record is not None:
                place.listener(Note(f"a rotation of {one.spec.name} is open: a push goes on with it first"))
        place.report.differences += push.plan(wanted, run.vault, run.cluster, place.listener, run.files)


def push_secrets(place: Place, names: Iterable[str] = ()) -> None:
    """
    Make the values that Vault lacks, and seal what the cluster lacks; nothing live is deleted.

    Args:
        place: what it is about.
        names: of the secrets; all where none is given.

    Raises:
        ProofFailed: an open rotation went back.
        KoprogoError: something stopped it; the same again goes on.
    """
    with changing_secrets(place, "secrets push") as run:
        wanted = chosen(run.specs, names)
        for spec in wanted:
            if outcome := run.engine.resume(spec):
                place.listener(Note(outcome.text))
        with run.engine.step("secrets: push"):
            place.report.differences += push.apply(
                wanted, run.vault, run.cluster, run.engine.first, files=run.files, listener=place.listener
            )
