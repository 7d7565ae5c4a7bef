"""What a server and S3 say about snapshots, and what is made of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from koprogo_fleet.hosts.k3s.snapshot_files import (
    Manifest,
    ReadBack,
    Snapshot,
    created_of,
    faults,
    manifest_from,
    merged,
    parse_listing,
    parse_look,
    too_many,
)

NAME = "on-demand-koprogo-cp-1-1764000000"
CREATED = datetime.fromtimestamp(1764000000, UTC)
MANIFEST = Manifest(NAME, "koprogo-cp-1", CREATED, 4128, "a" * 64, 3, 1200)
LISTING = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="https://s3.example/doc/"><Name>b</Name>
<Contents><Key>etcd/{name}</Key><LastModified>2025-11-24T16:00:05.000Z</LastModified><Size>4128</Size></Contents>
<Contents><Key>etcd/.metadata/x</Key><LastModified>2025-11-24T16:00:05.000Z</LastModified><Size>10</Size></Contents>
{more}</ListBucketResult>"""


def test_a_manifest_survives_its_file() -> None:
    """A manifest that was written is read as it was; anything else is none."""
    assert manifest_from(MANIFEST.to_json()) == MANIFEST
    assert manifest_from("{}") is None
    assert manifest_from("not JSON") is None


@pytest.mark.parametrize(
    ("name", "created"),
    [(NAME, 1764000000), (f"{NAME}.zip", 1764000000), ("by-hand", 77), ("etcd-snapshot-node-2", 77)],
)
def test_the_time_is_in_the_name(name: str, created: int) -> None:
    """K3s ends a snapshot's name with the Unix time; a file of another name has that of its last change."""
    assert created_of(name, 77).timestamp() == created


def test_what_a_server_has_is_put_together_with_its_manifests() -> None:
    """Files become snapshots, each with the manifest of its name."""
    one_line = MANIFEST.to_json().replace("\n", "")
    found = parse_look("koprogo-cp-1", f"file 4128 1764000009 {NAME}\nfile 7 77 by hand\nmanifest {one_line}\n")

    assert found == [
        Snapshot(NAME, CREATED, 4128, ("koprogo-cp-1",), MANIFEST),
        Snapshot("by hand", datetime.fromtimestamp(77, UTC), 7, ("koprogo-cp-1",)),
    ]


def test_a_listing_of_s3_has_the_snapshots_alone() -> None:
    """What is deeper than the folder is none; the token that continues a list is handed on."""
    more = "<NextContinuationToken>next</NextContinuationToken>"

    assert parse_listing("etcd", LISTING.format(name=NAME, more=more)) == (
        [Snapshot(NAME, CREATED, 4128, ("s3",))],
        "next",
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", "AccessDenied: Access Denied"),
        ("<html>", "what is no list"),
        ("", "what is no list"),
    ],
)
def test_what_is_no_listing_says_why(answer: str, said: str) -> None:
    """S3's own reason is in the error."""
    with pytest.raises(ValueError, match=said):
        parse_listing("etcd", answer)


def test_a_snapshot_is_listed_once_with_all_its_places() -> None:
    """The same name on a server and in S3 is one snapshot; the newest is the first."""
    older = Snapshot("on-demand-koprogo-cp-2-1763000000", created_of("-1763000000"), 1, ("koprogo-cp-2",))
    local = Snapshot(NAME, CREATED, 4128, ("koprogo-cp-1",), MANIFEST)
    found = merged([older, local, Snapshot(NAME, CREATED, 4128, ("s3",))])

    assert found == [Snapshot(NAME, CREATED, 4128, ("koprogo-cp-1", "s3"), MANIFEST), older]


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (ReadBack(4128, "a" * 64, "whole"), []),
        (ReadBack(0, "e" * 64, "broken"), ["it is empty"]),
        (ReadBack(4000, "b" * 64, "broken"), ["4000 bytes, and had 4128", "was cut off"]),
        (ReadBack(4128, "b" * 64, "whole"), ["SHA-256"]),
        (ReadBack(4128, "a" * 64, "compressed"), []),
    ],
)
def test_what_was_read_back_is_compared(read: ReadBack, wrong: list[str]) -> None:
    """Size, sum and etcd's own sum are each told when they do not fit."""
    found = faults(MANIFEST, read)

    assert len(found) == len(wrong)
    assert all(part in text for part, text in zip(wrong, found, strict=True))


def test_a_snapshot_without_a_manifest_is_still_found_broken() -> None:
    """Etcd's own sum tells without a manifest whether a snapshot was cut off."""
    assert faults(None, ReadBack(4128, "b" * 64, "whole")) == []
    assert len(faults(None, ReadBack(4100, "b" * 64, "broken"))) == 1


def test_the_newest_of_a_name_are_kept() -> None:
    """Only those of the name are counted, and the oldest go first."""
    names = [f"on-demand-cp-{1763000000 + number}" for number in range(4)] + ["etcd-snapshot-cp-1763000009"]
    snapshots = [Snapshot(name, created_of(name), 1, ("cp",)) for name in names]

    assert [one.name for one in too_many(snapshots, "on-demand", 2)] == names[:2]
    assert too_many(snapshots, "on-demand", 9) == []
