"""What makes sshd trust an authority, in user-data and on a node that is there already."""

from __future__ import annotations

from koprogo_fleet.hosts.baseline.certificates import Certificates, certified, contents, write_files

CERTIFICATES = Certificates("ssh-ed25519 AAAA", "ssh-ed25519-cert-v01@openssh.com BBBB")


def test_the_settings_name_the_files() -> None:
    """Sshd's settings come last, and what they name has been written before."""
    (*files, (drop_in, settings)) = contents(CERTIFICATES).items()

    assert drop_in.startswith("/etc/ssh/sshd_config.d/")
    assert {f"TrustedUserCAKeys {files[0][0]}", f"HostCertificate {files[1][0]}"} <= set(settings.splitlines())
    assert ["ssh-ed25519 AAAA\n", "ssh-ed25519-cert-v01@openssh.com BBBB\n"] == [content for _, content in files]


def test_nothing_that_cloud_init_deletes() -> None:
    """At the first boot cloud-init deletes ``ssh_host_*key*``: none of the files is called so."""
    assert not any("ssh_host_" in path for path in contents(CERTIFICATES))


def test_both_ways_are_one() -> None:
    """User-data and the resources give the same files, so that the first run after the first boot changes nothing."""
    written = {item["path"]: item["content"] for item in write_files(CERTIFICATES)}

    assert written == {item.path: item.content for item in certified(CERTIFICATES)}  # type: ignore[attr-defined]
