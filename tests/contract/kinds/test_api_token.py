"""Tokens of a real HTTP API, and of a command."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kind_stage import Stage, change, read
from small_http import served
from token_shop import ADMIN, TokenShop

from koprogo_fleet.core.errors import BackendError, BackendUnavailable, InputError, ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.secrets.kinds.api_token import ApiToken, ApiTokenSpec

KIND = ApiToken()
TEXT = """
name: mailer-token
kind: api-token
vault: {{path: koprogo/mailer}}
create:
  http:
    method: POST
    url: {address}/tokens
    headers: {{Authorization: "Bearer {{vault:koprogo/shop#admin}}"}}
    body: {{name: "{{name}}", scopes: [send]}}
    ca: {ca}
  token: data.token
  id: data.id
revoke:
  http:
    method: DELETE
    url: {address}/tokens/{{id}}
    headers: {{Authorization: "Bearer {{vault:koprogo/shop#admin}}"}}
list:
  http:
    url: {address}/tokens
    headers: {{Authorization: "Bearer {{vault:koprogo/shop#admin}}"}}
  items: data.items
check:
  http:
    url: {address}/me
    headers: {{Authorization: "Bearer {{token}}"}}
  seconds: 1
"""


@pytest.fixture
def shop() -> TokenShop:
    """Return the API."""
    return TokenShop()


@pytest.fixture
def address(shop: TokenShop) -> Iterator[str]:
    """Serve the API."""
    with served(shop) as address:
        yield address


@pytest.fixture
def stage() -> Stage:
    """Return tools with which an administrator's password is in Vault."""
    return Stage({"koprogo/shop": {"admin": ADMIN}})


@pytest.fixture
def spec(address: str) -> ApiTokenSpec:
    """Return the specification for that API."""
    return written(address)


def written(address: str, ca: str = "null", **calls: str) -> ApiTokenSpec:
    """Return the specification for an API at *address*."""
    text = TEXT.format(address=address, ca=ca)
    for old, new in calls.items():
        text = text.replace(old, new)
    found: ApiTokenSpec = read(ApiTokenSpec, text)
    return found


def valid(shop: TokenShop) -> set[str]:
    """Return the ids of the tokens that are valid."""
    return set(shop.tokens)


def test_a_whole_rotation(shop: TokenShop, spec: ApiTokenSpec, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The new token is valid beside the former, which alone is revoked at the end; no stage does more when it is repeated."""
    caplog.set_level(logging.DEBUG)
    former = KIND.create(spec, change(), stage.tools)
    shop.tokens = {number: ("made-by-another-rotation", token) for number, (_, token) in shop.tokens.items()}

    new = KIND.create(spec, change(former), stage.tools)
    again = KIND.create(spec, change(former, new), stage.tools)
    KIND.prove(spec, former, stage.tools)
    KIND.prove(spec, new, stage.tools)

    assert again == new
    assert 2 == shop.made
    assert valid(shop) == {former["id"].reveal(), new["id"].reveal()}
    for _ in range(2):
        KIND.revoke(spec, change(former, new), stage.tools)
    assert valid(shop) == {new["id"].reveal()}
    assert 1 == shop.revoked
    seen = f"{stage.told}{caplog.text}{shop.seen}"
    assert "/tokens/101" in seen
    assert not [value for value in (ADMIN, former["token"].reveal(), new["token"].reveal()) if value in seen]


def test_the_way_back(shop: TokenShop, spec: ApiTokenSpec, stage: Stage) -> None:
    """What was made is revoked, once, and the former token stays."""
    former = KIND.create(spec, change(), stage.tools)
    shop.tokens = {number: ("made-by-another-rotation", token) for number, (_, token) in shop.tokens.items()}
    new = KIND.create(spec, change(former), stage.tools)

    for _ in range(2):
        KIND.discard(spec, change(former, new), stage.tools)

    assert valid(shop) == {former["id"].reveal()}
    KIND.prove(spec, former, stage.tools)
    with pytest.raises(ProofFailed, match="401 Unauthorized") as refused:
        KIND.prove(spec, new, stage.tools)
    assert new["token"].reveal() not in str(refused.value)


def test_a_lost_answer_leaves_no_orphan(shop: TokenShop, spec: ApiTokenSpec, stage: Stage) -> None:
    """Of a creation whose answer is lost nothing is left, neither on the way forward nor on the way back."""
    shop.lose = 1
    with pytest.raises(BackendUnavailable, match="no answer") as lost:
        KIND.create(spec, change(), stage.tools)
    assert lost.value.result_unknown

    made = KIND.create(spec, change(), stage.tools)

    assert (2, valid(shop)) == (shop.made, {made["id"].reveal()})
    shop.tokens = {}
    shop.lose = 1
    with pytest.raises(BackendUnavailable):
        KIND.create(spec, change(), stage.tools)
    KIND.discard(spec, change(), stage.tools)
    assert set() == valid(shop)


def test_a_kill_leaves_no_orphan(shop: TokenShop, address: str, stage: Stage, tmp_path: Path) -> None:
    """A process that dies between the creation and its answer has left a token, and no argument of it is one; the next has one."""
    file = tmp_path / "spec.yaml"
    file.write_text(TEXT.format(address=address, ca="null"))
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(here)])}
    with subprocess.Popen(
        [sys.executable, here / "killed_creation.py", file], stdin=subprocess.PIPE, env=environment
    ) as process:
        shop.kill = process.pid
        process.communicate(ADMIN.encode(), 60)
    assert -signal.SIGKILL == process.returncode
    assert 1 == len(shop.tokens)
    shop.kill = 0

    made = KIND.create(written(address), change(), stage.tools)

    assert (2, valid(shop)) == (shop.made, {made["id"].reveal()})
    assert "interrupted rotation" in stage.told


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Bearer {{vault:koprogo/shop#admin}}": "Bearer wrong"}, "403 Forbidden"),
        ({"/tokens\n    headers": "/away\n    headers"}, "it redirects"),
        ({"token: data.token": "token: data.tokn"}, "no token"),
        ({"id: data.id": "id: data.token.x"}, "no id"),
        ({"shop#admin": "shop#nobody"}, "has no nobody"),
        ({"koprogo/shop#": "koprogo/none#"}, "nothing at koprogo/none"),
    ],
)
def test_refusals(shop: TokenShop, address: str, stage: Stage, changes: dict[str, str], says: str) -> None:
    """Each refusal has a reason, and shows neither what was sent nor what came."""
    text = TEXT.partition("list:")[0]
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)

    with pytest.raises((BackendError, InputError), match=says) as refused:
        KIND.create(read(ApiTokenSpec, text.format(address=address, ca="null")), change(), stage.tools)

    shown = f"{refused.value} {refused.value.cause} {refused.value.next_step} {refused.value.__cause__}"
    assert not [value for value in (ADMIN, "tok_", "wrong") if value in shown]
    assert valid(shop) <= {"101"}


def test_a_header_cannot_be_broken_out_of(address: str, stage: Stage) -> None:
    """A line's end in a value is refused by name, and the value is not shown."""
    stage.kept["koprogo/shop"]["admin"] = "half\r\nX-Other: half"

    with pytest.raises(InputError, match="header Authorization") as refused:
        KIND.create(written(address), change(), stage.tools)

    assert "half" not in str(refused.value)


def test_an_unwell_server_proves_nothing(shop: TokenShop, spec: ApiTokenSpec, stage: Stage) -> None:
    """A server without an answer of use is no refusal of the token."""
    values = KIND.create(spec, change(), stage.tools)
    shop.unwell = True

    with pytest.raises(BackendUnavailable, match="503"):
        KIND.prove(spec, values, stage.tools)


def test_the_server_has_to_prove_itself(shop: TokenShop, stage: Stage, tmp_path: Path) -> None:
    """A certificate of an authority that nobody named is refused before anything is sent; of the named one it is accepted."""
    authority = Authority(tmp_path)
    with served(shop, authority.issue_server_certificate()) as address:
        with pytest.raises(BackendError, match="does not prove who it is"):
            KIND.create(written(address).model_copy(update={"list": None}), change(), stage.tools)
        assert [] == shop.seen

        spec = written(address, ca=str(authority.certificate_path)).model_copy(update={"list": None})
        made = KIND.create(spec, change(), stage.tools)

    assert valid(shop) == {made["id"].reveal()}


def test_a_former_token_of_a_person_is_told(shop: TokenShop, spec: ApiTokenSpec, stage: Stage) -> None:
    """A token without an id in Vault is left alone, and that is said."""
    KIND.revoke(spec, change({"token": Secret("by hand")}, {}), stage.tools)

    assert "revoke it by hand" in stage.told
    assert 0 == shop.revoked


COMMANDS = """
name: mailer-token
kind: api-token
vault: {{path: koprogo/mailer}}
create:
  command:
    argv: [sh, -c, 'read -r admin; tr "\\0" " " </proc/$$/cmdline >>{log}; [ "$admin" = "$ADMIN" ] && echo "tok_$1" >{store} && cat {store}', sh, "{{name}}"]
    stdin: "{{vault:koprogo/shop#admin}}"
    environment: {{ADMIN: "{{vault:koprogo/shop#admin}}"}}
revoke:
  command:
    argv: [rm, -f, "{store}"]
check:
  command:
    argv: [sh, -c, '{check}']
    stdin: "{{token}}"
    seconds: 1
  seconds: 1
"""


def test_a_token_by_command(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command has secrets on its input and in its environment, not in its arguments, and nothing of our own environment."""
    monkeypatch.setenv("VAULT_TOKEN", "ours")
    log, store = tmp_path / "log", tmp_path / "store"
    check = f'[ "$(cat)" = "$(cat {store})" ] && [ -z "$VAULT_TOKEN" ]'
    spec = read(ApiTokenSpec, COMMANDS.format(log=log, store=store, check=check.replace("'", "")))

    values = KIND.create(spec, change(), stage.tools)

    assert {"token": "tok_mailer-token-r7f3", "id": "mailer-token-r7f3"} == {
        key: value.reveal() for key, value in values.items()
    }
    KIND.prove(spec, values, stage.tools)
    assert "mailer-token-r7f3" in log.read_text()
    assert ADMIN not in log.read_text()
    KIND.discard(spec, change({}, values), stage.tools)
    with pytest.raises(ProofFailed, match="exit status 1"):
        KIND.prove(spec, values, stage.tools)


def test_a_command_that_does_not_end(stage: Stage, tmp_path: Path) -> None:
    """It is killed at its deadline, with what it started."""
    mark = tmp_path / "pid"
    spec = read(ApiTokenSpec, COMMANDS.format(log="/dev/null", store="x", check=f"sleep 300 & echo $! >{mark}; wait"))

    with pytest.raises(BackendUnavailable, match="was killed"):
        KIND.prove(spec, {"token": Secret("t")}, stage.tools)

    def killed() -> None:
        status = Path(f"/proc/{mark.read_text().strip()}/stat")
        if (
            status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
        ):  # a zombie is its parent's matter
            raise NotYet("it runs")

    wait_for("the sleeping process has ended", killed, seconds=20, interval=0.02)


def test_a_program_that_is_not_there(stage: Stage) -> None:
    """It is named."""
    spec = read(ApiTokenSpec, COMMANDS.format(log="x", store="x", check="x").replace("[rm, -f", "[no-such-program"))

    with pytest.raises(InputError, match="no-such-program cannot be started: No such file"):
        KIND.discard(spec, change({}, {"token": Secret("t"), "id": Secret("7")}), stage.tools)
