"""Host keys, and the file that we know them by."""

from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems, InputError
from koprogo_fleet.ssh.host_keys import KnownHosts, fingerprint, key_blob, make_host_key


def test_key_is_openssh(tmp_path: Path) -> None:
    """OpenSSH reads the private half, derives the same public half, and shows the same fingerprint."""
    key = make_host_key()
    path = tmp_path / "key"
    path.write_text(key.private_pem.reveal(), encoding="ascii")
    path.chmod(0o600)

    shown = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True, timeout=10)
    listed = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True, timeout=10)

    assert key.public_line == shown.stdout.strip()
    assert fingerprint(key_blob(key.public_line)) == listed.stdout.split()[1]


def test_private_half_is_secret() -> None:
    """A host key can be logged."""
    assert "PRIVATE" not in repr(make_host_key())


def test_put_get_remove(tmp_path: Path) -> None:
    """A host is known by its name and its addresses until it is removed."""
    known = KnownHosts(tmp_path / "env" / "known_hosts")
    first, second = make_host_key().public_line, make_host_key().public_line
    assert known.get("node-1") is None

    known.put("node-1", f"{first} comment", ["198.18.0.5", "10.0.0.11"])
    known.put("node-2", second)

    assert first == known.get("node-1")
    assert first == known.get("10.0.0.11")
    assert second == known.get("node-2")
    assert known.get("node") is None
    known.remove("node-1")
    known.remove("node-1")
    assert known.get("10.0.0.11") is None
    assert f"node-2 {second}\n" == known.path.read_text(encoding="ascii")


def test_file_is_stable(tmp_path: Path) -> None:
    """The order in which hosts are put does not show: the file is sorted, public, and the same."""
    keys = {name: make_host_key().public_line for name in ("b", "a", "c")}
    one, two = KnownHosts(tmp_path / "one"), KnownHosts(tmp_path / "two")
    for name, public_line in keys.items():
        one.put(name, public_line)
    for name, public_line in sorted(keys.items()):
        two.put(name, public_line)

    assert one.path.read_bytes() == two.path.read_bytes()
    assert 0o644 == stat.S_IMODE(one.path.stat().st_mode)


def test_rebuilt_node_and_reused_address(tmp_path: Path) -> None:
    """A new key replaces the old one, and an address belongs to its newest owner alone."""
    known = KnownHosts(tmp_path / "known_hosts")
    old, new, other = (make_host_key().public_line for _ in range(3))
    known.put("node-1", old, ["198.18.0.5"])

    known.put("node-1", new, ["198.18.0.6"])
    known.put("node-2", other, ["198.18.0.6"])

    assert new == known.get("node-1")
    assert other == known.get("198.18.0.6")
    assert known.get("198.18.0.5") is None


@pytest.mark.parametrize(
    "line",
    [
        "node-1",
        "node-1 ssh-ed25519",
        "@cert-authority *",
        "@other * ssh-ed25519 AAAA",
        "node-1 ssh-ed25519 !!!!",
        "node-1 ssh-rsa AAAA",
    ],
)
def test_damaged_file(tmp_path: Path, line: str) -> None:
    """A damaged line is named by its number, and never read as 'unknown'."""
    path = tmp_path / "known_hosts"
    path.write_text(f"# ours\n\n{line}\n", encoding="ascii")

    with pytest.raises(FileProblems, match=f"{path}:3: "):
        KnownHosts(path).get("node-1")


def test_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """What was read once is not believed after the file has changed, or has gone."""
    known = KnownHosts(tmp_path / "known_hosts")
    for _ in range(20):
        key = make_host_key().public_line
        known.put("node-1", key)
        assert key == KnownHosts(known.path).get("node-1")
    known.path.unlink()
    assert known.get("node-1") is None


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 é", "nonsense AAAAB3Nz"])
def test_only_public_keys_are_put(tmp_path: Path, line: str) -> None:
    """What is not a public key is not written."""
    with pytest.raises(InputError):
        KnownHosts(tmp_path / "known_hosts").put("node-1", line)

    assert not (tmp_path / "known_hosts").exists()


def test_keys_of_nodes_made_in_parallel_are_all_kept(tmp_path: Path) -> None:
    """Threads that record keys in one file at the same moment lose none of them."""
    known = KnownHosts(tmp_path / "known_hosts")
    names = [f"node-{number}" for number in range(24)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: known.put(name, make_host_key().public_line), names))

    assert [] == [name for name in names if known.get(name) is None]
