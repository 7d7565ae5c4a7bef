"""When OVH proves that the machine with a known host key is gone, and when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.ssh.host_keys import make_host_key
from koprogo_fleet.workflows.host_keys import Met, is_another, read_met

KNOWN, OTHER = make_host_key().public_line, make_host_key().public_line


@pytest.mark.parametrize(
    ("met", "known", "expected"),
    [
        pytest.param(Met("instance-1", KNOWN), KNOWN, True, id="met on another instance"),
        pytest.param(
            Met("instance-2", KNOWN), KNOWN, False, id="met on this one: another key is an attack, or a mistake"
        ),
        pytest.param(Met("instance-1", OTHER), KNOWN, False, id="a key was made since, for the new instance"),
        pytest.param(None, KNOWN, False, id="never met"),
        pytest.param(Met("instance-1", KNOWN), None, False, id="no key is known"),
    ],
)
def test_another_machine(met: Met | None, known: str | None, expected: bool) -> None:  # noqa: FBT001 - the case
    """Only the known key on another instance proves it."""
    assert expected == is_another(met, known, "instance-2")


@pytest.mark.parametrize("text", ["", "[]", '{"cp-1": {"instance": "1"}}', '{"cp-1": 3}', "nonsense"])
def test_a_spoiled_record_proves_nothing(tmp_path: Path, text: str) -> None:
    """It is as if nobody had been met."""
    (tmp_path / "met.json").write_text(text)

    assert {} == read_met(tmp_path / "met.json")
    assert {} == read_met(tmp_path / "none.json")
