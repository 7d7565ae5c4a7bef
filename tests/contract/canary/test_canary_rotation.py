"""A rotation of secrets that are hard to carry: nothing of them is told, journalled or in an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hostile import SMALL
from open_vault import open_vault
from stage import Stage

from koprogo_fleet.core.errors import KoprogoError, ProofFailed, VaultConflict
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.secrets import state
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.kinds.random_password import RandomPassword
from koprogo_fleet.secrets.model import read_secret
from koprogo_fleet.secrets.rotation.engine import Ending, Engine, Outcome
from koprogo_fleet.secrets.spec import VALUE, SecretSpec, Values
from koprogo_fleet.vault import Vault

FORMER, NEW, THEIRS = (Secret(value) for value in SMALL[200:203])
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Hostile(RandomPassword):
    """Makes the worst password; while it is created, somebody may write another one to Vault."""

    def __init__(self, meddle: Callable[[], object] = lambda: None) -> None:
        self._meddle = meddle

    def make(self, _spec: SecretSpec, _former: Values) -> Values:
        """Choose it."""
        return {VALUE: NEW}

    def create(self, _spec: SecretSpec, change: Change, _tools: Tools) -> Values:
        """Meddle."""
        self._meddle()
        return change.new


class Consumer:
    """A delivery to one consumer, which may refuse once; sealing has its own canary."""

    def __init__(self, error: KoprogoError | None = None) -> None:
        self._error = error

    def push(self, spec: SecretSpec) -> None:
        """Do nothing."""

    def roll(self, _spec: SecretSpec, _version: int) -> None:
        """Refuse once."""
        error, self._error = self._error, None
        if error is not None:
            raise error


@pytest.fixture
def vault(bao: VaultEndpoint) -> Iterator[Vault]:
    """Yield a client."""
    with open_vault(bao.address, bao.token, bao.ca) as vault:
        yield vault


def secret(vault: Vault, name: str) -> SecretSpec:
    """Return a secret that Vault has."""
    path = f"canary/rotation-{name}"
    vault.write(path, {"KEY": FORMER}, expected_version=0)
    return read_secret({"name": name, "kind": "random-password", "vault": {"path": path, "key": "KEY"}})


def test_no_rotation_shows_a_value(stage: Stage, vault: Vault) -> None:
    """Neither one that ends well, nor one that goes back, nor one that meets somebody else's value."""

    def tell(event: object) -> None:
        stage.shown.append(repr(event))

    well, back, met = (secret(vault, name) for name in ("well", "back", "met"))
    with Journal(stage.folder / "state", "secrets rotate", "lab", listener=tell) as journal:

        def rotate(spec: SecretSpec, kind: Hostile, consumer: Consumer) -> Outcome:
            tools = Tools(lambda: vault, dict, tell)
            engine = Engine(vault, "canary", consumer, tools, "rotate", tell, kinds={kind.name: kind})
            try:
                return engine.journaled(journal.step).rotate(spec)
            finally:
                stage.shown.append(f"{engine.records.read(spec.name)} {state.kept([spec], vault, 'canary', NOW)}")

        outcome = rotate(well, Hostile(), Consumer())
        error = stage.attempt(lambda: rotate(back, Hostile(), Consumer(ProofFailed("it does not come up"))))
        theirs = Hostile(lambda: vault.write(met.vault.path, {"KEY": THEIRS}, expected_version=1))
        conflict = stage.attempt(lambda: rotate(met, theirs, Consumer()))

    assert Ending.COMMITTED is outcome.ending
    assert isinstance(error, ProofFailed)
    assert isinstance(conflict, VaultConflict)
    stored = vault.read(well.vault.path)
    assert stored is not None
    assert NEW == stored.values["KEY"]
