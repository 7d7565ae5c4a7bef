"""The client against a real OpenBao: what it carries, and how it explains what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from open_vault import open_vault

from koprogo_fleet.core.errors import (
    VaultConflict,
    VaultError,
    VaultRefused,
    VaultSealed,
    VaultUnavailable,
)
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.api import BaoApi
from koprogo_fleet.lab.openbao.keys import KeyFile
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.vault import Stored, Vault

HOSTILE = {
    "quotes": "\"'`$(id)\\",
    "lines": "one\ntwo\r\n\n",
    "nul": "a\0b",
    "four-bytes": "🏠\U0001d50e",
    "empty": "",
    "long": "x" * 200_000,
    "json": '{"a": 1}',
}


@pytest.fixture
def path() -> str:
    """Return a path that no other test uses."""
    return f"koprogo/{uuid4()}"


def test_nothing_is_none(vault: Vault, path: str) -> None:
    """A path where nothing was ever written reads as None."""
    assert vault.read(path) is None


def test_round_trip(vault: Vault, path: str) -> None:
    """Whatever text is written comes back, character by character."""
    values = {key: Secret(value) for key, value in HOSTILE.items()}

    assert vault.write(path, values, expected_version=0) == 1
    assert vault.read(path) == Stored(values, 1)


def test_versions_count_up(vault: Vault, path: str) -> None:
    """Writing over the version that was read gives the next one, whole: former keys are gone."""
    vault.write(path, {"a": Secret("1"), "b": Secret("1")}, expected_version=0)

    assert vault.write(path, {"a": Secret("2")}, expected_version=1) == 2
    assert vault.read(path) == Stored({"a": Secret("2")}, 2)


@pytest.mark.parametrize("expected", [0, 2])
def test_conflict(vault: Vault, path: str, expected: int) -> None:
    """Writing over another version than the newest changes nothing, and says so."""
    vault.write(path, {"a": Secret("first")}, expected_version=0)

    with pytest.raises(VaultConflict, match="somebody else"):
        vault.write(path, {"a": Secret("second")}, expected_version=expected)

    assert vault.read(path) == Stored({"a": Secret("first")}, 1)


def test_deleted_version_counts(vault: Vault, lab: LabPaths, path: str) -> None:
    """A deleted secret has no values, but its version is the one to write over."""
    vault.write(path, {"a": Secret("1")}, expected_version=0)
    as_root(lab, "DELETE", f"secret/data/{path}")

    assert vault.read(path) == Stored({}, 1)
    assert vault.write(path, {"a": Secret("2")}, expected_version=1) == 2


def test_destroyed_version_counts(vault: Vault, lab: LabPaths, path: str) -> None:
    """A destroyed secret is like a deleted one."""
    vault.write(path, {"a": Secret("1")}, expected_version=0)
    as_root(lab, "POST", f"secret/destroy/{path}", {"versions": [1]})

    assert vault.read(path) == Stored({}, 1)


def test_value_that_is_not_text(vault: Vault, lab: LabPaths, path: str) -> None:
    """A number is refused by name, rather than turned into a text that was never written."""
    as_root(lab, "POST", f"secret/data/{path}", {"data": {"port": 5432}})

    with pytest.raises(VaultError, match="port is not text, but int"):
        vault.read(path)


def test_wrong_token(endpoint: VaultEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong token is refused, even where the environment has a right one; the token is not in the error."""
    monkeypatch.setenv("VAULT_TOKEN", endpoint.token.reveal())
    with open_vault(endpoint.address, Secret("s.wrong"), endpoint.ca) as vault, pytest.raises(VaultRefused) as caught:
        vault.read("koprogo/x")

    assert "permission denied" in caught.value.seen
    assert "s.wrong" not in str(caught.value)


def test_fleet_token_is_scoped(endpoint: VaultEndpoint) -> None:
    """The fleet's token is not root's: another mount is closed to it."""
    with (
        open_vault(endpoint.address, endpoint.token, endpoint.ca, mount="other") as other,
        pytest.raises(VaultRefused, match="read other/x"),
    ):
        other.read("x")


def test_missing_mount(lab: LabPaths, endpoint: VaultEndpoint) -> None:
    """For who may see it, a mount that does not exist is an error, not an absent secret."""
    with (
        open_vault(endpoint.address, root_token(lab), endpoint.ca, mount="other") as other,
        pytest.raises(VaultError, match="no handler for route") as caught,
    ):
        other.read("x")

    assert caught.value.next_step == "vault secrets list"


def test_other_authority(endpoint: VaultEndpoint, tmp_path: Path) -> None:
    """A server that the given authority did not certify gets no token, and is not asked again and again."""
    other = Authority(tmp_path)
    other.issue_server_certificate()

    with (
        open_vault(endpoint.address, endpoint.token, other.certificate_path, patience=60) as vault,
        pytest.raises(VaultError, match="CERTIFICATE_VERIFY_FAILED") as caught,
    ):
        vault.read("x")

    assert caught.value.temporary is False


def test_sealed(vault: Vault, lab: LabPaths, path: str) -> None:
    """A sealed Vault is named as such; ensure_running unseals it, and nothing is lost."""
    vault.write(path, {"a": Secret("1")}, expected_version=0)
    as_root(lab, "PUT", "sys/seal")

    with pytest.raises(VaultSealed, match="sealed"):
        vault.read(path)

    openbao.ensure_running(lab)
    assert vault.read(path) == Stored({"a": Secret("1")}, 1)


def test_nothing_listens(lab: LabPaths, endpoint: VaultEndpoint) -> None:
    """Where nothing listens, the call is repeated for as long as the client's patience lasts, then explained."""
    openbao.stop(lab)

    with (
        open_vault(endpoint.address, endpoint.token, endpoint.ca, patience=0.5) as vault,
        pytest.raises(VaultUnavailable, match="Connection refused") as caught,
    ):
        vault.read("x")

    assert caught.value.temporary is True


def test_waits_for_a_restart(lab: LabPaths, endpoint: VaultEndpoint, path: str) -> None:
    """A Vault that comes back within the client's patience is only slow."""
    openbao.stop(lab)
    back = Thread(target=openbao.ensure_running, args=(lab,))
    back.start()
    with open_vault(endpoint.address, endpoint.token, endpoint.ca, patience=20) as vault:
        try:
            assert vault.read(path) is None
        except VaultSealed:
            back.join()  # asked between its start and its unsealing
            assert vault.read(path) is None
        finally:
            back.join()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (HTTPStatus.OK, VaultError),
        (HTTPStatus.INTERNAL_SERVER_ERROR, VaultUnavailable),
        (HTTPStatus.BAD_GATEWAY, VaultUnavailable),
        (HTTPStatus.TOO_MANY_REQUESTS, VaultUnavailable),
        (HTTPStatus.IM_A_TEAPOT, VaultError),
        (HTTPStatus.NOT_IMPLEMENTED, VaultSealed),
    ],
)
def test_answers_that_are_not_vaults(status: HTTPStatus, error: type[VaultError]) -> None:
    """A page of a proxy is told by its status, and never taken for an absent secret."""
    with (
        serving([(status, b"<html>busy</html>")]) as address,
        open_vault(address, Secret("t"), patience=0) as vault,
        pytest.raises(VaultError) as caught,
    ):
        vault.read("x")

    assert type(caught.value) is error


def test_write_whose_answer_was_lost() -> None:
    """A write that was done though its answer was lost is found to be done, not called a conflict."""
    conflict = b'{"errors": ["check-and-set parameter did not match the current version"]}'
    ours = (
        b'{"data": {"data": {"a": "1"}, "metadata": {"version": 4, "created_time": "2026-01-02T03:04:05.678901234Z"}}}'
    )
    script = [(HTTPStatus.BAD_GATEWAY, b""), (HTTPStatus.BAD_REQUEST, conflict), (HTTPStatus.OK, ours)]

    with serving(script) as address, open_vault(address, Secret("t"), patience=5) as vault:
        assert vault.write("x", {"a": Secret("1")}, expected_version=3) == 4


def test_conflict_after_a_lost_answer() -> None:
    """If somebody else's values are there instead, it is a conflict all the same."""
    conflict = b'{"errors": ["check-and-set parameter did not match the current version"]}'
    theirs = (
        b'{"data": {"data": {"a": "2"}, "metadata": {"version": 4, "created_time": "2026-01-02T03:04:05.678901234Z"}}}'
    )
    script = [(HTTPStatus.BAD_GATEWAY, b""), (HTTPStatus.BAD_REQUEST, conflict), (HTTPStatus.OK, theirs)]

    with (
        serving(script) as address,
        open_vault(address, Secret("t"), patience=5) as vault,
        pytest.raises(VaultConflict),
    ):
        vault.write("x", {"a": Secret("1")}, expected_version=3)


def as_root(lab: LabPaths, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Do what the fleet's token may not."""
    endpoint = openbao.ensure_running(lab)
    answer = BaoApi(endpoint.address, endpoint.ca)._call(method, path, body, token=root_token(lab))  # noqa: SLF001
    assert answer.status < HTTPStatus.BAD_REQUEST


def root_token(lab: LabPaths) -> Secret:
    """Return the lab's root token."""
    keys = KeyFile(lab.root / "openbao" / "keys.json").read()
    assert keys is not None
    return keys.root_token


@contextmanager
def serving(script: list[tuple[HTTPStatus, bytes]]) -> Iterator[str]:
    """Give the answers of *script* one after the other, from a plain HTTP server; yield its address."""
    answers = iter(script)

    class Scripted(BaseHTTPRequestHandler):
        def answer(self) -> None:
            if self.path.endswith("/lookup-self"):
                self.send(HTTPStatus.OK, b'{"data": {"ttl": 0, "renewable": false}}')
                return
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send(*next(answers))

        def send(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
