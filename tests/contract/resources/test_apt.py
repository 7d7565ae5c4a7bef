"""apt and dpkg, for real, with a repository made on the spot."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_node import PrivateNode
from repository import PACKAGE, make_repository, make_signing_key

from koprogo_fleet.hosts.resources import AptSource, Packages

HOLD = """\
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(float(sys.argv[3]))
"""


@pytest.fixture
def key(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Yield GnuPG's home with a new signing key, and its public half."""
    if not all(shutil.which(program) for program in ("gpg", "dpkg-deb", "apt-get")):
        pytest.skip("needs gpg, dpkg-deb and apt-get")
    home = tmp_path / "gnupg"
    yield home, make_signing_key(home)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True, timeout=30)


def source(website: tuple[Path, str], public: str) -> AptSource:
    """Return the resource for the repository that the website serves."""
    return AptSource("example", (website[1],), ("./",), (), public, lock_seconds=4)


def test_package_from_a_repository_of_our_own(
    node: PrivateNode, website: tuple[Path, str], key: tuple[Path, str]
) -> None:
    """With the source its package installs; the second run of both has nothing to do, and asks nobody."""
    home, public = key
    make_repository(website[0], home)
    ours = source(website, public)

    assert ["create file /etc/apt/keyrings/example.asc", "create file /etc/apt/sources.list.d/example.sources"] == (
        node.converge(ours)
    )
    assert [f"create package {PACKAGE}"] == node.converge(Packages((PACKAGE,)))
    shutil.rmtree(website[0])

    assert "installed\n" == node.run("cat /opt/koprogo-example/file")
    assert [[], []] == [node.converge(ours), node.converge(Packages((PACKAGE,)))]
    assert "" == node.run("ls /run/koprogo-fleet/unfinished")


def test_repository_signed_by_somebody_else(
    node: PrivateNode, tmp_path: Path, website: tuple[Path, str], key: tuple[Path, str]
) -> None:
    """Another's signature is refused; the next run tries again, and ends well once the right one is there."""
    other = tmp_path / "other"
    make_signing_key(other)
    make_repository(website[0], other)
    subprocess.run(["gpgconf", "--homedir", other, "--kill", "all"], check=True, timeout=30)
    ours = source(website, key[1])

    applied = node.mend(ours)

    assert applied.exit_status == 100
    assert b"NO_PUBKEY" in applied.stderr
    assert b"NO_PUBKEY" in node.mend(ours).stderr
    shutil.rmtree(website[0])
    website[0].mkdir()
    make_repository(website[0], key[0])
    assert ["change package lists of apt source example: not fetched -> fetched"] == node.converge(ours)
    assert [] == node.converge(ours)


def test_repository_that_does_not_answer(node: PrivateNode, website: tuple[Path, str], key: tuple[Path, str]) -> None:
    """A repository that cannot be reached is an error, in the next run too: never a change that is taken for done."""
    make_repository(website[0], key[0])
    node.converge(source(website, key[1]))
    unreachable = AptSource("example", ("http://127.0.0.1:1/",), ("./",), (), key[1], lock_seconds=4)

    for _ in range(2):
        assert 100 == node.mend(unreachable).exit_status

    assert node.converge(source(website, key[1]))
    assert [] == node.converge(source(website, key[1]))


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("lock", ["/var/lib/apt/lists/lock", "/var/lib/dpkg/lock-frontend"])
def test_another_user_of_apt_is_named(
    node: PrivateNode, website: tuple[Path, str], key: tuple[Path, str], lock: str
) -> None:
    """Who holds the lock longer than we wait is named by process and command; one who lets go is waited for."""
    make_repository(website[0], key[0])
    ours = source(website, key[1])
    resource: AptSource | Packages = ours
    if lock.startswith("/var/lib/dpkg"):
        node.converge(ours)
        resource = Packages((PACKAGE,), lock_seconds=4)
    hold = f"python3 /run/hold.py {lock} /run/held"
    node.run(f"cat >/run/hold.py <<'END'\n{HOLD}END\n")
    begin = "</dev/null >/dev/null 2>&1 & echo $!; until [ -e /run/held ]; do sleep 0.1; done; rm /run/held"
    pid = node.run(f"{hold} 60 {begin}").strip()
    try:
        applied = node.mend(resource)
    finally:
        node.run(f"kill {pid}")

    assert applied.exit_status == 100
    said = applied.stderr.decode().splitlines()[-1]
    assert said.startswith(f"waited 4 s for another user of apt: process {pid}: ")
    assert f"{hold} 60" in said

    node.run(f"{hold} 3 {begin}")
    assert node.converge(resource)
    assert [] == node.converge(resource)
