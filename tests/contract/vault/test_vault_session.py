"""A session over the time of a run: tokens that end, a Vault that is sealed or behind, answers that are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from faulty_vault import Fault, FaultyVault
from vault_administrator import FLEET_POLICY, Administrator

from koprogo_fleet.core.errors import VaultConflict, VaultRefused, VaultSealed, VaultUnavailable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.api import BaoApi
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.vault import Stored, Vault, VaultSession
from koprogo_fleet.vault.http import Wire
from koprogo_fleet.vault.login import GivenToken, SecretIdFile

ONE, TWO = {"a": Secret("1")}, {"a": Secret("2")}


@pytest.fixture
def path() -> str:
    """Return a path that no other test uses."""
    return f"koprogo/{uuid4()}"


@pytest.fixture
def through(faulty: FaultyVault, endpoint: VaultEndpoint) -> Iterator[Vault]:
    """Yield a client with the fleet's token, behind the proxy."""
    with VaultSession.with_token(faulty.address, endpoint.token, endpoint.ca) as session:
        yield Vault(session)


@pytest.mark.parametrize("kind", ["service", "batch"])
def test_a_token_of_two_seconds(
    endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path, path: str, kind: str
) -> None:
    """A run goes on over many lives of its token, whether that can be renewed or not, and nobody writes twice."""
    role = administrator.approle(tmp_path, token_ttl=2, token_max_ttl=2, token_type=kind)
    used = set()
    with VaultSession(endpoint.address, role, endpoint.ca) as session:
        vault = Vault(session)
        for number in range(3):
            assert vault.write(path, {"a": Secret(str(number))}, expected_version=number) == number + 1
            first = session._logged_in().login.token  # noqa: SLF001 - which token it is, is the point

            def another(first: Secret = first) -> None:
                vault.read(path)
                if session._logged_in().login.token == first:  # noqa: SLF001
                    raise NotYet("the same token")

            wait_for("another token", another, seconds=30, interval=0.2)
            used.add(first.reveal())

    assert len(used) == 3
    metadata = Vault(administrator.session).metadata(path)
    assert metadata is not None
    assert [1, 2, 3] == sorted(metadata.versions)


def test_an_idle_run_keeps_its_token(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """A renewable token is renewed while nobody asks for anything: it is the same one long after its first time was over."""
    role = administrator.approle(tmp_path, token_ttl=6, token_max_ttl=600)
    with VaultSession(endpoint.address, role, endpoint.ca) as session:
        mine = session.token_facts()["accessor"]
        first = administrator.write("auth/token/lookup-accessor", accessor=mine)["data"]["expire_time"]
        seen = {first}

        def renewed_twice() -> None:
            seen.add(administrator.write("auth/token/lookup-accessor", accessor=mine)["data"]["expire_time"])
            if len(seen) < 3:
                raise NotYet(f"it ends at {max(seen)}")

        wait_for("two renewals", renewed_twice, seconds=60, interval=0.2)
        assert session.token_facts()["accessor"] == mine

    assert not administrator.lives(mine)


def test_revoked_under_many_threads(
    faulty: FaultyVault, endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path, path: str
) -> None:
    """When the token is revoked, threads that share it log in again once, all together; one token is left, and none at the end."""
    Vault(administrator.session).write(path, ONE, expected_version=0)
    role = administrator.approle(tmp_path)
    with VaultSession(faulty.address, role, endpoint.ca) as session, ThreadPoolExecutor(8) as pool:
        vault = Vault(session)
        list(pool.map(lambda _: vault.read(path), range(8)))
        administrator.write("auth/token/revoke-accessor", accessor=session.token_facts()["accessor"])

        assert [Stored(ONE, 1)] * 16 == list(pool.map(lambda _: vault.read(path), range(16)))
        last = session.token_facts()["accessor"]

    assert faulty.count("POST auth/approle") == 2
    assert not administrator.lives(last)


def test_a_token_that_was_given(endpoint: VaultEndpoint, administrator: Administrator, path: str) -> None:
    """It stays when the session ends, is replaced by nothing when it ends, and the error then says so without showing it."""
    token = administrator.token(FLEET_POLICY, ttl="600s")
    with VaultSession.with_token(endpoint.address, token, endpoint.ca) as session:
        accessor = session.token_facts()["accessor"]
    assert administrator.lives(accessor)

    with VaultSession.with_token(endpoint.address, token, endpoint.ca) as session:
        vault = Vault(session)
        assert vault.read(path) is None
        administrator.write("auth/token/revoke-accessor", accessor=accessor)
        with pytest.raises(VaultRefused) as caught:
            vault.write(path, ONE, expected_version=0)

    assert "has expired" in str(caught.value.cause)
    assert token.reveal() not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"
    assert Vault(administrator.session).read(path) is None


def test_no_way_back_in(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path, path: str) -> None:
    """Where the token ends and the role lets us in no more, the error says both, and nothing was written."""
    role = administrator.approle(tmp_path)
    assert isinstance(role.secret_ids, SecretIdFile)
    with VaultSession(endpoint.address, role, endpoint.ca, patience=0.1) as session:
        vault = Vault(session)
        assert vault.read(path) is None
        role.secret_ids.path.write_text("destroyed")
        administrator.write("auth/token/revoke-accessor", accessor=session.token_facts()["accessor"])

        with pytest.raises(VaultRefused, match="the token expired, and no other can be had"):
            vault.write(path, ONE, expected_version=0)

    assert Vault(administrator.session).read(path) is None


def test_what_a_policy_lacks(endpoint: VaultEndpoint, path: str) -> None:
    """A refusal names the path, what would be needed there, and what the token has."""
    with VaultSession.with_token(endpoint.address, endpoint.token, endpoint.ca) as session:
        with pytest.raises(VaultRefused) as caught:
            Vault(session).destroy_versions(path, [1])
        assert f"destroy on secret/destroy/{path}" not in str(caught.value.cause)
        assert f"update on secret/destroy/{path}; it has: deny" in str(caught.value.cause)
        assert f'path "secret/destroy/{path}" {{ capabilities = ["update"] }}' in str(caught.value.next_step)

        with pytest.raises(VaultRefused, match=f"remove secret/{path}") as caught:
            Vault(session).delete_metadata(path)
        assert "it has: list, read" in str(caught.value.cause)


@pytest.mark.parametrize("status", [412, 429, 472, 473, 500, 502, 503, 504])
def test_a_vault_that_is_behind(through: Vault, faulty: FaultyVault, path: str, status: int) -> None:
    """A standby, one that is behind, and one that is busy are asked again; the secret is read and written once."""
    faulty.faults += [Fault(f"GET secret/data/{path}", status, 2), Fault(f"POST secret/data/{path}", status, 2)]

    assert through.write(path, ONE, expected_version=0) == 1
    assert through.read(path) == Stored(ONE, 1)


def test_a_standby_that_stays_one(faulty: FaultyVault, endpoint: VaultEndpoint, path: str) -> None:
    """Where it does not get better within the patience, the error is one of those after which another run may succeed."""
    faulty.faults.append(Fault("GET secret/", 473, 1000))
    with (
        VaultSession.with_token(faulty.address, endpoint.token, endpoint.ca, patience=0.5) as session,
        pytest.raises(VaultUnavailable) as caught,
    ):
        Vault(session).read(path)

    assert (caught.value.temporary, caught.value.result_unknown) == (True, True)


def test_sealed_in_the_middle(
    lab: LabPaths, endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path, path: str
) -> None:
    """Sealed in the middle, a write is refused at once and did not happen; unsealed, the same session goes on."""
    with VaultSession(endpoint.address, administrator.approle(tmp_path), endpoint.ca) as session:
        vault = Vault(session)
        assert vault.write(path, ONE, expected_version=0) == 1
        accessor = session.token_facts()["accessor"]
        administrator.write("sys/seal")
        with pytest.raises(VaultSealed):
            vault.write(path, TWO, expected_version=1)

        openbao.ensure_running(lab)
        assert vault.read(path) == Stored(ONE, 1)
        assert vault.write(path, TWO, expected_version=1) == 2
        assert session.token_facts()["accessor"] == accessor


def test_sealed_at_the_end(
    lab: LabPaths, endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path
) -> None:
    """A run that has done its work ends well even if Vault is sealed by then."""
    with VaultSession(endpoint.address, administrator.approle(tmp_path), endpoint.ca) as session:
        assert Vault(session).read("koprogo/nothing") is None
        administrator.write("sys/seal")

    assert BaoApi(endpoint.address, endpoint.ca).health() == 503
    openbao.ensure_running(lab)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_write_whose_answer_is_lost(through: Vault, faulty: FaultyVault, path: str, lost: int) -> None:
    """A write that happened though its answers were lost is found to have happened: one version, not two."""
    faulty.faults.append(Fault(f"POST secret/data/{path}", times=lost))

    assert through.write(path, ONE, expected_version=0) == 1

    metadata = through.metadata(path)
    assert metadata is not None
    assert (metadata.current, list(metadata.versions)) == (1, [1])


def test_a_lost_answer_and_another_writer(
    through: Vault, faulty: FaultyVault, administrator: Administrator, path: str
) -> None:
    """If somebody else was faster and our answer is lost, it is a conflict, and theirs stays."""
    Vault(administrator.session).write(path, TWO, expected_version=0)
    faulty.faults.append(Fault(f"POST secret/data/{path}"))

    with pytest.raises(VaultConflict):
        through.write(path, ONE, expected_version=0)

    assert through.read(path) == Stored(TWO, 1)


def test_many_writers(endpoint: VaultEndpoint, path: str) -> None:
    """Of writers at the same time each has its own version: what lost a conflict was read again, and nothing overwritten."""
    started = threading.Barrier(4)

    def count_up(session: VaultSession) -> list[int]:
        vault, written = Vault(session), []
        started.wait(timeout=30)
        while len(written) < 5:
            stored = vault.read(path)
            count = int(stored.values["count"].reveal()) if stored else 0
            try:
                values = {"count": Secret(str(count + 1))}
                written.append(vault.write(path, values, expected_version=stored.version if stored else 0))
            except VaultConflict:
                continue
        return written

    with (
        VaultSession.with_token(endpoint.address, endpoint.token, endpoint.ca) as session,
        ThreadPoolExecutor(4) as pool,
    ):
        written = [number for numbers in pool.map(count_up, [session] * 4) for number in numbers]
        stored = Vault(session).read(path)

    assert list(range(1, 21)) == sorted(written)
    assert stored == Stored({"count": Secret("20")}, 20)


def test_a_server_that_leads_away(endpoint: VaultEndpoint) -> None:
    """A standby that leads to the active server is followed over TLS, and with the token nowhere else."""
    answer = requests.Response()
    answer.status_code, answer.url = 307, f"{endpoint.address}/v1/secret/data/x"
    answer.headers["location"] = "http://elsewhere.example.org/v1/secret/data/x"
    with Wire(endpoint.address, endpoint.ca) as wire:
        with pytest.raises(requests.exceptions.InvalidURL, match="without TLS"):
            wire.get_redirect_target(answer)
        answer.headers["location"] = "https://active.example.org/v1/secret/data/x"
        assert wire.get_redirect_target(answer) == answer.headers["location"]


def test_after_the_end(endpoint: VaultEndpoint) -> None:
    """A session that has ended does not log in again in secret."""
    session = VaultSession.with_token(endpoint.address, endpoint.token, endpoint.ca)
    session.close()

    with pytest.raises(RuntimeError, match="closed"):
        Vault(session).read("x")


def test_no_vault_at_all() -> None:
    """Where nothing listens, a login is tried for as long as the patience lasts, and the end of the session is quiet."""
    with (
        VaultSession("https://127.0.0.1:9", GivenToken(Secret("t")), patience=0.1) as session,
        pytest.raises(VaultUnavailable, match="log in"),
    ):
        Vault(session).read("x")
