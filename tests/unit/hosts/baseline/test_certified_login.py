"""What makes sshd trust an authority, in user-data and on a node that is there already."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from koprogo_fleet.core.diff import Operation
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.certificates import (
    DROP_IN,
    HOST_CERTIFICATE,
    Certificates,
    HostCertificate,
    certified,
    contents,
    write_files,
)
from koprogo_fleet.hosts.baseline.node import Attachments, baseline
from koprogo_fleet.hosts.resource import Change, Fact, Unchanged
from koprogo_fleet.hosts.resources import Absent, File

CERTIFICATES = Certificates("ssh-ed25519 AAAA", "ssh-ed25519-cert-v01@openssh.com BBBB")
NAMES = ("koprogo-cp-1", "10.0.0.11")
WORDS = {
    "name": "koprogo",
    "k3s": {"version": "v1.33.4+k3s1"},
    "pools": [{"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}],
}


@dataclass(frozen=True)
class Keys:
    """A host key and an authority."""

    directory: Path

    def signed(self, names: str = ",".join(NAMES), life: str = "-1d:+89d", authority: str = "ca") -> Fact:
        """Return the look at a certificate."""
        arguments = ["-h", "-n", names, "-V", life, str(self.directory / "host.pub")]
        subprocess.run(
            ["ssh-keygen", "-q", "-s", self.directory / authority, "-I", "x", *arguments], timeout=30, check=True
        )
        return Fact(0, (self.directory / "host-cert.pub").read_bytes())

    def public(self, name: str) -> str:
        """Return a public line."""
        return (self.directory / f"{name}.pub").read_text().strip()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Make a host key, another one, and two authorities."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("host", "other", "ca", "other_ca"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], timeout=30, check=True)
    return Keys(directory)


@pytest.fixture
def wanted(keys: Keys) -> HostCertificate:
    """Return what the node should show; its signer says that it was asked."""
    return HostCertificate(
        keys.public("host"), keys.public("ca"), frozenset(NAMES), time.time(), lambda: "freshly signed"
    )


def test_the_settings_name_the_files() -> None:
    """Sshd's settings come last, and what they name has been written before."""
    (*files, (drop_in, settings)) = contents(CERTIFICATES).items()

    assert drop_in.startswith("/etc/ssh/sshd_config.d/")
    assert {f"TrustedUserCAKeys {files[0][0]}", f"HostCertificate {files[1][0]}"} <= set(settings.splitlines())
    assert ["ssh-ed25519 AAAA\n", "ssh-ed25519-cert-v01@openssh.com BBBB\n"] == [content for _, content in files]


def test_nothing_that_cloud_init_deletes() -> None:
    """At the first boot cloud-init deletes ``ssh_host_*key*``: none of the files is called so."""
    assert not any("ssh_host_" in path for path in contents(CERTIFICATES))


def test_both_ways_are_one(keys: Keys, wanted: HostCertificate) -> None:
    """User-data and the resources give the same files, so that the first run after the first boot changes nothing."""
    signed = keys.signed()
    user_data = {
        item["path"]: item["content"] for item in write_files(Certificates(keys.public("ca"), signed.text.strip()))
    }
    authority, certificate, drop_in = certified(keys.public("ca"), wanted)

    assert isinstance(authority, File)
    assert isinstance(drop_in, File)
    assert (authority.content, drop_in.content) == (user_data[authority.path], user_data[drop_in.path])
    assert Unchanged() == certificate.decide(Fact(0, user_data[HOST_CERTIFICATE].encode()))


@pytest.mark.parametrize(
    ("terms", "flaw"),
    [
        ({"life": "-61d:+29d"}, "valid until "),
        ({"life": "-2d:-1d"}, "valid until "),
        ({"names": "koprogo-cp-1"}, "signed for koprogo-cp-1"),
        ({"authority": "other_ca"}, "signed by another authority"),
    ],
)
def test_one_that_is_not_good_any_more(keys: Keys, wanted: HostCertificate, terms: dict[str, str], flaw: str) -> None:
    """The difference says why; sshd reads the new one."""
    decision = wanted.decide(keys.signed(**terms))

    assert isinstance(decision, Change)
    assert decision.differences[0].old.startswith(flaw)
    assert Operation.CHANGE is decision.differences[0].operation
    assert "'freshly signed'" in decision.script
    assert ("reload sshd",) == decision.notify


def test_for_another_key(keys: Keys, wanted: HostCertificate) -> None:
    """A certificate for the key that the node had before is of no use."""
    decision = replace(wanted, host_key=keys.public("other")).decide(keys.signed())

    assert isinstance(decision, Change)
    assert "for another host key" == decision.differences[0].old


@pytest.mark.parametrize("text", [b"", b"garbage\n", b"\xff\n"])
def test_none_there(wanted: HostCertificate, text: bytes) -> None:
    """Where there is none, or no certificate, one is signed."""
    decision = wanted.decide(Fact(1, text))

    assert isinstance(decision, Change)
    assert (Operation.CHANGE if text else Operation.CREATE) is decision.differences[0].operation


def test_a_plan_signs_nothing(wanted: HostCertificate) -> None:
    """Without a signer the difference is the same, and there is nothing to run."""
    planned, real = replace(wanted, sign=None).decide(Fact(1, b"")), wanted.decide(Fact(1, b""))

    assert isinstance(planned, Change)
    assert isinstance(real, Change)
    assert (planned.differences, planned.script) == (real.differences, "")


def test_what_the_baseline_does_about_them(wanted: HostCertificate) -> None:
    """With certificates they are given; without the words in fleet.yaml sshd trusts nobody; given nothing, it is left."""
    resources = certified("ssh-ed25519 AAAA", wanted)
    without = Fleet.model_validate(WORDS)
    words = Fleet.model_validate({**WORDS, "ssh": {"certificates": {}}})
    attachments = Attachments("fa:16:3e:00:00:01", None)

    found = baseline(words, words.nodes[0], attachments, resources)

    assert all(item in found for item in resources)
    assert Absent(DROP_IN, notify=("reload sshd",)) in baseline(without, without.nodes[0], attachments)
    assert not [item for item in baseline(words, words.nodes[0], attachments) if getattr(item, "path", None) == DROP_IN]
