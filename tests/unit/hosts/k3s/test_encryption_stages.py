"""The rotation of the encryption keys: what servers say, and what may come next."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from koprogo_fleet.hosts.k3s.encryption import Encryption, Stage, parse
from koprogo_fleet.hosts.k3s.encryption_stages import (
    Await,
    Command,
    Done,
    NextStep,
    Restart,
    Stop,
    key_to_replace,
    next_step,
)

OLD, NEW = "AES-CBC aescbckey", "AES-CBC aescbckey-2026"


def at(stage: Stage, digest: str | None = None, *, unread: bool = False) -> Encryption:
    """Return a server at *stage* with the keys that belong to it."""
    active, inactive = {
        Stage.START: (OLD, ()),
        Stage.PREPARE: (OLD, (NEW,)),
        Stage.ROTATE: (NEW, (OLD,)),
        Stage.REENCRYPT_ACTIVE: (NEW, (OLD,)),
        Stage.REENCRYPT_FINISHED: (NEW, ()),
    }[stage]
    kept = Stage.ROTATE if stage is Stage.REENCRYPT_ACTIVE else stage
    digest = digest or f"hash-of-{kept}".replace("-", "")
    return Encryption(
        enabled=True,
        stage=stage,
        recorded=f"{kept}-{digest}",
        config_hash=digest,
        active=active,
        inactive=inactive,
        unread=unread,
    )


START, PREPARE, ROTATE = at(Stage.START), at(Stage.PREPARE), at(Stage.ROTATE)
ACTIVE, FINISHED = at(Stage.REENCRYPT_ACTIVE), at(Stage.REENCRYPT_FINISHED)


@pytest.mark.parametrize(
    ("one", "two", "old_key", "expected"),
    [
        (START, START, None, Command("one", Stage.PREPARE)),
        (START, START, OLD, Command("one", Stage.PREPARE)),
        (FINISHED, FINISHED, None, Command("one", Stage.PREPARE)),
        (replace(PREPARE, unread=True), START, OLD, Restart("one")),
        (PREPARE, START, OLD, Restart("two")),
        (START, PREPARE, OLD, Restart("one")),
        (PREPARE, replace(FINISHED, active=OLD), OLD, Restart("two")),
        (START, replace(PREPARE, unread=True), OLD, Restart("two")),
        (PREPARE, PREPARE, OLD, Command("one", Stage.ROTATE)),
        (PREPARE, replace(PREPARE, unread=True), OLD, Restart("two")),
        (PREPARE, replace(PREPARE, stage=Stage.START), OLD, Await("two")),
        (replace(ROTATE, unread=True), PREPARE, OLD, Restart("one")),
        (ROTATE, PREPARE, OLD, Restart("two")),
        (ROTATE, ROTATE, OLD, Command("one", Stage.REENCRYPT_ACTIVE)),
        (ACTIVE, ROTATE, OLD, Await("one")),
        (replace(FINISHED, unread=True), ROTATE, OLD, Restart("one")),
        (FINISHED, ROTATE, OLD, Restart("two")),
        (FINISHED, FINISHED, OLD, Done()),
    ],
)
def test_each_stage_has_one_next_step(
    one: Encryption, two: Encryption, old_key: str | None, expected: NextStep
) -> None:
    """From every stage that two servers can be in, the rotation goes on, the one that is ahead first."""
    assert expected == next_step({"one": one, "two": two}, old_key=old_key)


@pytest.mark.parametrize(
    ("one", "two", "reason"),
    [
        (PREPARE, at(Stage.PREPARE, "another"), "hashes differ although all are at the stage prepare"),
        (START, at(Stage.START, "another"), "hashes differ although all are at the stage start"),
        (ROTATE, START, "stages do not follow each other"),
        (FINISHED, PREPARE, "stages do not follow each other"),
        (PREPARE, replace(PREPARE, config_hash="edited"), "of two is not the one of its stage"),
        (START, Encryption(error="connection refused"), "two: connection refused"),
        (START, replace(START, enabled=False), "not encrypted on two"),
        (START, replace(START, active="XSalsa20-POLY1305 secretboxkey"), "no AES-CBC key"),
    ],
)
def test_what_does_not_belong_together_is_left_alone(one: Encryption, two: Encryption, reason: str) -> None:
    """Servers whose configurations differ otherwise than one stage after the other are neither told nor restarted."""
    step = next_step({"one": one, "two": two}, old_key=OLD)

    assert isinstance(step, Stop)
    assert reason in step.reason


@pytest.mark.parametrize(
    "servers",
    [(START, START), (PREPARE, START), (PREPARE, PREPARE), (ROTATE, PREPARE), (ROTATE, ROTATE), (FINISHED, ROTATE)],
)
def test_the_key_that_goes_is_known_at_every_stage(servers: tuple[Encryption, Encryption]) -> None:
    """A run that finds a rotation begun by another machine knows which key it replaces."""
    assert OLD == key_to_replace(dict(zip(("one", "two"), servers, strict=True)))


def test_a_server_is_read_from_its_words() -> None:
    """The status of K3s, its state file, the configuration's hash, its age and the canary make one state."""
    status = {"stage": "prepare", "activekey": OLD, "enable": True, "inactivekeys": [NEW], "hasherror": "differs"}
    output = "\n".join([json.dumps(status), "prepare-abc", "abc", "unread", "Y2FuYXJ5"])

    expected = replace(PREPARE, recorded="prepare-abc", config_hash="abc", unread=True, hashes="differs")
    assert parse(output) == replace(expected, canary="Y2FuYXJ5")


@pytest.mark.parametrize("status", ["", "level=fatal msg=refused", "{broken", '{"stage": "unheard-of"}'])
def test_a_server_that_says_nothing_useful_has_no_stage(status: str) -> None:
    """What is no status is told as an error, never taken for a stage."""
    found = parse(f"{status}\n\n\nread\n")

    assert found.stage is None
    assert isinstance(next_step({"one": found}, old_key=None), Stop)
