"""What a lab needs of this machine."""

from __future__ import annotations

import os

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.lab import requirements


def test_missing_files_name_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing on PATH every program's Debian package is named, once, and nothing that is there."""
    monkeypatch.setenv("PATH", "/nowhere")

    assert requirements.missing_packages(["systemd-nspawn", "ip", "nft"]) == [
        "iproute2",
        "nftables",
        "systemd-container",
    ]
    monkeypatch.undo()
    monkeypatch.setitem(requirements.PACKAGES, "sh", "dash")
    assert requirements.missing_packages(["sh"]) == []


def test_available_memory_is_read_in_bytes() -> None:
    """MemAvailable counts, not MemFree."""
    assert requirements.available_memory("MemTotal: 100 kB\nMemFree: 5 kB\nMemAvailable:   20 kB\n") == 20 * 1024


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_root_the_next_step_is_sudo() -> None:
    """A user without root is told to use sudo."""
    os.seteuid(65534)
    try:
        with pytest.raises(MissingRequirement) as caught:
            requirements.check_rights()
    finally:
        os.seteuid(0)

    assert "sudo" in str(caught.value.next_step)
