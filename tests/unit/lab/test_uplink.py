"""What the host's way out tells."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.lab.uplink import resolvers


def test_a_forwarder_on_the_loopback_is_passed_over(tmp_path: Path) -> None:
    """Where the first file names only the loopback, the next one's name servers are taken, IPv4 only."""
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# systemd-resolved\nnameserver 127.0.0.53\noptions edns0\n")
    real.write_text("nameserver fe80::1%eth0\nnameserver 192.0.2.53\nnameserver 192.0.2.54\nsearch example.org\n")

    assert resolvers([stub, tmp_path / "none", real]) == (IPv4Address("192.0.2.53"), IPv4Address("192.0.2.54"))


def test_no_name_server_is_explained(tmp_path: Path) -> None:
    """Without a usable name server the error says which files were read."""
    with pytest.raises(MissingRequirement) as caught:
        resolvers([tmp_path / "none"])

    assert str(tmp_path / "none") in str(caught.value.cause)
