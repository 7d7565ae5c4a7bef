"""What ``k3s certificate check`` prints."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from koprogo_fleet.hosts.k3s.certificates import earliest, parse

PREFIX = 'time="2026-11-23T09:23:49Z" level=info msg="'


@pytest.mark.parametrize(
    "line",
    [
        f'{PREFIX}client-admin.crt: certificate system:admin (ClientAuth) is ok, expires at 2027-11-23T09:22:38Z"',
        f'{PREFIX}client-admin.crt: certificate system:admin (ClientAuth) will expire within 120 days at 2027-11-23T09:22:38Z"',
        "ERRO[0000] client-admin.crt: certificate system:admin (ClientAuth) expired at 2027-11-23T09:22:38Z",
        "INFO[0000] /var/lib/rancher/k3s/server/tls/client-admin.crt: certificate system:admin is ok, expires at 2027-11-23T09:22:38Z",
    ],
)
def test_a_leaf_is_read_in_every_form(line: str) -> None:
    """Old and new versions, journal and terminal: the file, who it is for, and its end."""
    (leaf,) = parse(f"{PREFIX}Server detected\n{line}\n")

    assert ("client-admin.crt", "system:admin") == (leaf.file, leaf.subject)
    assert leaf.end == datetime(2027, 11, 23, 9, 22, 38, tzinfo=UTC)
    assert leaf.days_left(datetime(2027, 11, 22, 9, tzinfo=UTC)) == 1


def test_authorities_are_no_leafs() -> None:
    """The authority that stands beside each leaf in its file ends years later, and is left out."""
    found = parse(
        f'{PREFIX}a.crt: certificate kube-apiserver (ClientAuth,ServerAuth) is ok, expires at 2027-11-23T09:22:38Z"\n'
        f'{PREFIX}a.crt: certificate our own (CertSign) is ok, expires at 2026-11-24T09:22:38Z"\n'
        f'{PREFIX}b.crt: certificate k3s-client-ca@1795425758 is ok, expires at 2026-11-20T09:22:38Z"\n'
    )

    assert [leaf.subject for leaf in found] == ["kube-apiserver"]
    assert earliest(()) is None
