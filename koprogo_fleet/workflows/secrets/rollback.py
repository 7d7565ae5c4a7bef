"""Back to the value that a secret had before."""

from __future__ import annotations

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Note
from koprogo_fleet.secrets import history
from koprogo_fleet.secrets.bundle import fields_in
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.secrets.state import Kept
from koprogo_fleet.vault import Stored
from koprogo_fleet.workflows.secrets.opening import Place, SecretsRun, changing_secrets, chosen


def rollback_secret(place: Place, name: str) -> None:
    """
    End the open rotation of a secret by going back; where none is open, put its former value in force again.

    That is a rotation, too: kept in Vault as a new version, pushed, rolled, proven. A former value that was made here is
    given to the backend again; one that was made elsewhere must not have been revoked.

    Raises:
        InputError: there is no former value, or its credential was revoked; nothing was changed.
        ProofFailed: a consumer does not come up with it; the present value is in force again.
        KoprogoError: something stopped it; ``secrets rotate`` goes on.
    """
    with changing_secrets(place, "secrets rollback") as run:
        (spec,) = chosen(run.specs, [name])
        (present,) = run.kept([spec])
        if present.record is not None:
            outcome = run.engine.go_back(spec)
        else:
            outcome = run.engine.put_in_force(spec, fields_in(spec, _former(run, present)))
        place.listener(Note(outcome.text))
        place.report.differences.append(Difference(Operation.CHANGE, f"secret {name}", "", "the value it had before"))


def _former(run: SecretsRun, present: Kept) -> Stored:
    spec = present.spec
    found = history.former(run.vault, spec, present.stored) if present.stored is not None else None
    if found is None:
        raise InputError(
            f"Vault has no former value of {spec.name}",
            cause="it was never rotated, or so often since that Vault has dropped that version",
            next_step=f"koprogo-fleet secrets rotate {spec.name}, for a new one",
        )
    if _is_revoked(spec, present, found):
        raise InputError(
            f"the former value of {spec.name} (version {found.version} in Vault) was revoked where it was made",
            cause=f"a {spec.kind} is made elsewhere, and cannot be made valid again",
            next_step=f"koprogo-fleet secrets rotate {spec.name}, for a new one",
        )
    return found


def _is_revoked(spec: SecretSpec, present: Kept, found: Stored) -> bool:
    if BY_NAME[spec.kind].origin is not Origin.ELSEWHERE or present.closed is None:
        return False
    return present.closed.revoked and found.version <= max(present.closed.former_version, present.closed.version - 1)
