"""What cloud-init is told."""

from __future__ import annotations

from dataclasses import replace

import yaml

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.provision.user_data import NodeIdentity, user_data

PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----\n"
IDENTITY = NodeIdentity("koprogo-cp-1", "debian", "ssh-ed25519 AAAA us", Secret(PEM), "ssh-ed25519 BBBB koprogo-cp-1")


def test_document() -> None:
    """It is a cloud-config in YAML with the name, the host key, our key and sudo for our user."""
    text = user_data(IDENTITY).reveal()

    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert "koprogo-cp-1" == document["hostname"]
    assert {"ed25519_private": PEM, "ed25519_public": IDENTITY.host_public_key} == document["ssh_keys"]
    default, ours = document["users"]
    assert ("default", "debian", ["ssh-ed25519 AAAA us"]) == (default, ours["name"], ours["ssh_authorized_keys"])
    assert ours["sudo"].endswith("NOPASSWD:ALL")
    assert (True, False) == (document["ssh_deletekeys"], document["manage_etc_hosts"])


def test_files() -> None:
    """What the node should have from its first boot is written by cloud-init; without any, nothing is."""
    item = {"path": "/etc/ssh/x", "content": "y\n", "permissions": "0644"}
    with_files = yaml.safe_load(user_data(replace(IDENTITY, files=[item])).reveal())

    assert [item] == with_files["write_files"]
    assert [] == yaml.safe_load(user_data(IDENTITY).reveal())["write_files"]


def test_host_key_does_not_show() -> None:
    """Printing the document or the identity shows no private key."""
    assert "canary" not in f"{user_data(IDENTITY)!r} {user_data(IDENTITY)} {IDENTITY!r}"
