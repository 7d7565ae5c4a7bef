"""A program that tells another version than it was linked with."""

from __future__ import annotations

import struct

import pytest

from koprogo_fleet.lab.standin.stamp import stamped

ADDRESS = 0x400000
TEXT = b"v1.20.2+standin"


def program(text: bytes = TEXT, *, headers: int = 1) -> bytes:
    """Return an ELF file of one segment: its header, *text*, and so many of Go's string headers that point to it."""
    elf = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1) + bytes(6)
    offset = len(elf) + 56
    content = text + struct.pack("<QQ", ADDRESS + offset, len(text)) * headers
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, ADDRESS, ADDRESS, offset + len(content), offset + len(content), 4096)
    return elf + segment + content


def told(content: bytes) -> list[bytes]:
    """Return the strings that the program's variables hold."""
    start = 64 + 56 + len(TEXT)
    pairs = struct.iter_unpack("<QQ", content[start:])
    return [content[address - ADDRESS : address - ADDRESS + length] for address, length in pairs]


@pytest.mark.parametrize("version", ["v1.33.4+k3s1", "v1.33.10+k3s10"])
def test_every_variable_says_the_new_version(version: str) -> None:
    """Bytes and length are both changed, in all variables, and nothing else is."""
    before = program(headers=2)
    after = stamped(before, TEXT.decode(), version)

    assert after is not None
    assert [version.encode()] * 2 == told(after)
    assert before[: 64 + 56] == after[: 64 + 56]
    assert len(before) == len(after)


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"#!/bin/sh\n" + TEXT, "v1.33.4+k3s1"),
        (program(headers=0), "v1.33.4+k3s1"),
        (program(b"v1.34.1"), "v1.33.4+k3s1"),
        (program(), "v1.33.100+k3s100"),
    ],
)
def test_what_cannot_be_changed_is_left_alone(content: bytes, version: str) -> None:
    """No ELF file, no such variable, another version in it, or no room for the new one."""
    assert stamped(content, TEXT.decode(), version) is None
