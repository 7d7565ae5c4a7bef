"""Where snapshots go in S3, and the URLs that are signed for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys, flags, signed_url

BUCKET = Bucket("s3.sbg.example", "sbg", "koprogo-backups", "etcd")


def test_a_signed_url_says_whose_it_is_and_not_the_secret() -> None:
    """The key's name, the day, the region and the time are in it; another secret or another time signs otherwise."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    url = signed_url((BUCKET, Keys("key", Secret("secret"))), "GET", "etcd/x", moment).reveal()
    others = [
        signed_url((BUCKET, Keys("key", Secret("another"))), "GET", "etcd/x", moment),
        signed_url((BUCKET, Keys("key", Secret("secret"))), "PUT", "etcd/x", moment),
        signed_url((BUCKET, Keys("key", Secret("secret"))), "GET", "etcd/y", moment),
    ]

    assert "X-Amz-Credential=key%2F20260102%2Fsbg%2Fs3%2Faws4_request" in url
    assert "X-Amz-Date=20260102T030405Z" in url
    assert "secret" not in url
    signatures = {text.rpartition("=")[2] for text in (url, *(other.reveal() for other in others))}
    assert len(signatures) == 4


def test_keys_of_objects_are_quoted_once() -> None:
    """What S3 would take for something else is quoted, and slashes are not."""
    url = signed_url((BUCKET, Keys("a", Secret("b"))), "PUT", "etcd/a b+c", datetime(2026, 1, 2, tzinfo=UTC)).reveal()

    assert url.startswith("https://s3.sbg.example/koprogo-backups/etcd/a%20b%2Bc?")


@pytest.mark.parametrize(("bucket", "expected"), [(None, ["--etcd-s3=false"]), (BUCKET, 5)])
def test_k3s_is_told_no_secret_by_flags(bucket: Bucket | None, expected: list[str] | int) -> None:
    """The keys are no flags; without a bucket S3 is switched off, whatever the node's configuration says."""
    found = flags(bucket)

    assert found == expected if isinstance(expected, list) else len(found) == expected
    assert not any("key" in flag for flag in found)
