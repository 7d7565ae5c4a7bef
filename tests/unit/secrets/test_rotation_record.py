"""The record of a rotation, and whose it is."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rotation_world import World

from koprogo_fleet.core.errors import VaultError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets import history
from koprogo_fleet.secrets.rotation.holder import CLOCKS_DIFFER, Holder, is_dead, this_process
from koprogo_fleet.secrets.rotation.record import Closed, Record, Records
from koprogo_fleet.secrets.rotation.stages import Direction, Stage
from koprogo_fleet.vault import Stored

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = Record(
    id="1",
    stage=Stage.PUSHED,
    direction=Direction.BACK,
    began=NOW,
    former={"a": Secret("1"), "b": Secret("2")},
    former_version=3,
    new={"a": Secret("3"), "b": Secret("4")},
    notes={"user": "a"},
    version=4,
    kept=NOW,
    overlap_ends=NOW + timedelta(hours=1),
    reason="why",
    holder=this_process("secrets rotate", NOW, timedelta(minutes=5)),
)
CLOSED = Closed("1", committed=True, ended=NOW, version=4, kept=NOW, former_version=3, revoked=True)


def test_a_record_comes_back_as_it_was() -> None:
    """What is read is what was written; the values are apart from the rest, which has none."""
    world = World()
    records = Records(world, "fleet")

    version = records.write("api", RECORD, 0)

    assert RECORD == records.read("api").record
    assert version == records.read("api").version
    written = world.versions["fleet/rotations/api"][-1]
    assert {"record", "former.a", "former.b", "new.a", "new.b"} == written.keys()


def test_a_closed_record_has_no_value() -> None:
    """How it ended stays, and the next one is written over it."""
    world = World()
    records = Records(world, "fleet")
    version = records.close("api", CLOSED, records.write("api", RECORD, 0))

    assert (None, CLOSED, version) == (
        records.read("api").record,
        records.read("api").closed,
        records.read("api").version,
    )
    assert {"closed"} == world.versions["fleet/rotations/api"][-1].keys()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"stage": "hunter2"}'])
def test_what_is_no_record_is_refused_and_not_shown(content: str) -> None:
    """A record that somebody wrote by hand is named; nothing of it is in the error."""
    world = World()
    world.versions["fleet/rotations/api"] = [{"record": Secret(content)}]

    with pytest.raises(VaultError, match="is not the record of a rotation") as caught:
        Records(world, "fleet").read("api")

    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"


def test_a_process_of_this_machine_is_dead_when_it_is_gone() -> None:
    """Neither its number alone, nor a clock, says that it lives."""
    parent = f"/proc/{os.getppid()}/stat"
    with open(parent, encoding="utf-8") as stat:  # noqa: PTH123 - a file of the kernel
        tick = stat.read().rpartition(")")[2].split()[19]
    alive = Holder(socket.gethostname(), f"{os.getppid()}/{tick}", "x", NOW, NOW)

    assert not is_dead(alive, NOW + timedelta(days=1))
    assert is_dead(replace(alive, process=f"{os.getppid()}/1{tick}"), NOW)
    assert is_dead(replace(alive, process="4194305/1"), NOW)


def test_a_process_of_another_machine_is_dead_when_it_is_long_overdue() -> None:
    """It said until when it would have written again; clocks may differ."""
    there = Holder("elsewhere", "1/1", "x", NOW, NOW + timedelta(minutes=5))

    assert not is_dead(there, NOW + timedelta(minutes=5) + CLOCKS_DIFFER)
    assert is_dead(there, NOW + timedelta(minutes=5, seconds=1) + CLOCKS_DIFFER)


def test_the_age_is_that_of_the_value() -> None:
    """Another key at the same path does not make it younger; the last rotation's record tells of what Vault dropped."""
    world = World()
    world.versions["koprogo/api"] = [{"KEY": Secret(value)} for value in ("1", "2", "2", "2")]
    days = [NOW + timedelta(days=number) for number in range(4)]

    class Dated(World):
        """Knows when each version was written."""

        def read(self, path: str, version: int | None = None) -> Stored | None:
            found = super().read(path, version)
            return found and Stored(found.values, found.version, days[found.version - 1])

    dated = Dated()
    dated.versions = world.versions
    newest = dated.read("koprogo/api")
    assert newest is not None

    assert days[1] == history.since(dated, world.spec, newest, None)
    former = history.former(dated, world.spec, newest)
    assert former is not None
    assert 1 == former.version
    long_ago = NOW - timedelta(days=400)
    assert long_ago == history.since(dated, world.spec, newest, replace(CLOSED, version=3, kept=long_ago))
