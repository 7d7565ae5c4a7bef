"""The lab's object storage: who may see which bucket, and the names that lead to it."""

from __future__ import annotations

import json
import struct
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.lab.s3.buckets import Size, answer, keep_in_step, place_of, size_of
from koprogo_fleet.lab.s3.names import reply

POLICY = {"Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::seen"]}]}
GATEWAY = IPv4Address("198.18.1.1")


def state(policy: object = None, owner: int = 0) -> dict[str, Any]:
    """Return a state of the emulator with two buckets and one user."""
    containers = {
        f"GRA/{name}": {"name": name, "region": "GRA", "owner_id": owner if name == "seen" else 0}
        for name in ("seen", "other")
    }
    user = {"id": 7, "policy": json.dumps(policy) if policy else None}
    credential = {"access": "key", "secret": "half", "user_id": 7}
    return {"containers": containers, "users": {"7": user}, "s3_credentials": {"key": credential}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (state(POLICY), ["seen"]),
        (state(owner=7), ["seen"]),
        (
            state({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}]}),
            ["seen", "other"],
        ),
        (state({"Statement": [*POLICY["Statement"], {**POLICY["Statement"][0], "Effect": "Deny"}]}), []),
        (state(), []),
    ],
)
def test_a_user_sees_what_its_policy_lets_it(tmp_path: Path, data: dict[str, Any], expected: list[str]) -> None:
    """Own buckets and allowed ones are there; all others do not exist."""
    found = answer(tmp_path / "s3", data, "key")

    assert found["_secret_access_key"] == "half"
    assert [name for name in ("seen", "other") if f'"{name}=' in found.get("upstreams", "")] == expected


def test_an_unknown_key_has_no_secret(tmp_path: Path) -> None:
    """Rclone refuses whoever has none."""
    assert "_secret_access_key" not in answer(tmp_path, state(), "stranger")


def test_directories_follow_the_containers(tmp_path: Path) -> None:
    """A container's directory comes and goes with it; what is in it is counted."""
    data = state()
    keep_in_step(tmp_path, data)
    seen = place_of(tmp_path, data["containers"]["GRA/seen"])
    (seen / "etcd").mkdir()
    (seen / "etcd/one").write_bytes(b"12345")
    del data["containers"]["GRA/other"]
    keep_in_step(tmp_path, data)

    assert size_of(seen) == Size(1, 5)
    assert [path.name for path in (tmp_path / "GRA").iterdir()] == ["seen"]


def question(name: str, kind: int = 1) -> bytes:
    """Return a question of the DNS."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_the_zones_names_lead_to_the_gateway() -> None:
    """Any name of the zone has the gateway's address, and no other kind of record."""
    found = reply(question("Bucket.s3.gra.io.cloud.ovh.net"), GATEWAY)

    assert found is not None
    assert found.endswith(GATEWAY.packed)
    assert struct.unpack_from("!HHHH", found) == (7, 0x8580, 1, 1)
    six = reply(question("s3.gra.io.cloud.ovh.net", kind=28), GATEWAY)
    assert six is not None
    assert struct.unpack_from("!HHHH", six) == (7, 0x8580, 1, 0)


@pytest.mark.parametrize("message", [question("example.org"), question("evilio.cloud.ovh.net"), b"", b"\0" * 14])
def test_other_questions_are_somebody_elses(message: bytes) -> None:
    """What is not of the zone, or no question, is not answered here."""
    assert reply(message, GATEWAY) is None
