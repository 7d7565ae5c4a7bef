"""The jump host must be known before anything else happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.workflows.jump import check_jump_host


def fleet(**ssh: Any) -> Fleet:
    """Return a small fleet."""
    pool = {"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}
    return Fleet.model_validate({"name": "koprogo", "ssh": ssh, "pools": [pool], "k3s": {"version": "v1.33.4+k3s1"}})


def test_unknown(tmp_path: Path) -> None:
    """The error says how to look at its key, and how to add it under its name."""
    known_hosts = KnownHosts(tmp_path / "known_hosts")
    known_hosts.put("koprogo-cp-1", make_host_key().public_line)

    with pytest.raises(InputError, match="bastion is not in") as caught:
        check_jump_host(fleet(jump={"address": "203.0.113.7", "port": 2222, "host": "bastion"}), known_hosts)

    assert "ssh-keyscan -q -t ed25519 -p 2222 203.0.113.7" in str(caught.value.next_step)
    assert f"sed 's/^[^ ]*/bastion/' >> {tmp_path}/known_hosts" in str(caught.value.next_step)


@pytest.mark.parametrize("line", ["bastion {}", "@cert-authority bast* {}"])
def test_known(tmp_path: Path, line: str) -> None:
    """Its own key, or an authority that speaks for it, suffices; and a fleet without one needs neither."""
    path = tmp_path / "known_hosts"
    check_jump_host(fleet(), KnownHosts(path))
    path.write_text(line.format(make_host_key().public_line) + "\n")

    check_jump_host(fleet(jump={"address": "203.0.113.7", "host": "bastion"}), KnownHosts(path))
