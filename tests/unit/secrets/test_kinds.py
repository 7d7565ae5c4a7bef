"""What holds for every kind of secret, and what the small ones do."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from koprogo_fleet.core.errors import InputError, NotConverged, ProofFailed
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds import KINDS
from koprogo_fleet.secrets.kinds.api_token import ApiTokenSpec
from koprogo_fleet.secrets.kinds.k3s_token import K3sToken, K3sTokenSpec
from koprogo_fleet.secrets.kinds.kind import Change, Kind, Tools
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.kinds.random_password import RandomPassword, RandomPasswordSpec
from koprogo_fleet.secrets.kinds.registry_pull_secret import RegistryPullSecretSpec
from koprogo_fleet.secrets.kinds.ssh_key_pair import SshKeyPair, SshKeyPairSpec
from koprogo_fleet.secrets.kinds.tls_certificate import TlsCertificateSpec
from koprogo_fleet.secrets.spec import VALUE, SecretSpec, Target, Values

COMMON = {"name": "x", "vault": {"path": "koprogo/x"}}
TOOLS = Tools(dict, dict, ignore)
REVOKE = {"command": {"argv": ["revoke", "{id}"]}}


def test_a_kind_has_the_name_of_its_file() -> None:
    """Its name is its file's, its specification wants that name, and no two kinds share one."""
    for kind in KINDS:
        module = type(kind).__module__.rpartition(".")[2]
        assert (kind.name, (kind.name,)) == (
            module.replace("_", "-"),
            get_args(kind.spec.model_fields["kind"].annotation),
        )
    assert len(KINDS) == len({kind.name for kind in KINDS})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if isinstance(kind, Quiet)], ids=lambda kind: kind.name)
def test_quiet_stages_give_nothing_away(kind: Kind[Any]) -> None:
    """The values that stay at the end are the new ones, whatever the kind."""
    new = {field: Secret("new") for field in kind.spec.FIELDS}
    former = {field: Secret("former") for field in kind.spec.FIELDS}
    spec: Any = None

    assert new == kind.last(spec, Change("r1", former, new))


TOKEN = {**COMMON, "kind": "api-token", "create": {"command": {"argv": ["create"]}}, "revoke": REVOKE}
TLS = {**COMMON, "kind": "tls-certificate", "role": "r", "common_name": "a.example.org"}
PULL = {
    **COMMON,
    "kind": "registry-pull-secret",
    "registry": "ghcr.io",
    "username": "u",
    "password": {"path": "koprogo/y", "key": "password"},
}


@pytest.mark.parametrize(
    ("model", "spec", "target", "keys", "type_"),
    [
        (ApiTokenSpec, TOKEN, {}, {"token": "token"}, "Opaque"),
        (ApiTokenSpec, TOKEN, {"key": "API_TOKEN"}, {"token": "API_TOKEN"}, "Opaque"),
        (
            TlsCertificateSpec,
            TLS,
            {},
            {"certificate": "tls.crt", "private-key": "tls.key", "ca": "ca.crt"},
            "kubernetes.io/tls",
        ),
        (TlsCertificateSpec, TLS, {"keys": {"ca": "ca.pem"}, "type": "Opaque"}, {"ca": "ca.pem"}, "Opaque"),
        (
            RegistryPullSecretSpec,
            PULL,
            {},
            {".dockerconfigjson": ".dockerconfigjson"},
            "kubernetes.io/dockerconfigjson",
        ),
        (
            SshKeyPairSpec,
            {**COMMON, "kind": "ssh-key-pair"},
            {"keys": {"private-key": "ssh-privatekey"}, "type": "kubernetes.io/ssh-auth"},
            {"private-key": "ssh-privatekey"},
            "kubernetes.io/ssh-auth",
        ),
    ],
)
def test_targets(
    model: type[SecretSpec], spec: dict[str, Any], target: dict[str, Any], keys: dict[str, str], type_: str
) -> None:
    """A Secret has the type and the keys that Kubernetes wants of the kind, unless it names others."""
    read = model.model_validate(spec)
    into = Target.model_validate({"namespace": "koprogo", "name": "x", **target})

    assert (keys, type_) == (dict(read.target_keys(into)), read.secret_type(into))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"create": {}}, "either http or command"),
        ({"create": {"command": {"argv": ["x", "{id}"]}}}, "{id} stands for nothing here"),
        ({"check": {"command": {"argv": ["x", "{token}"]}}}, "would show a secret in an argument"),
        (
            {
                "revoke": {"command": {"argv": ["x"], "stdin": "{token}"}},
                "list": {"command": {"argv": ["y"]}},
            },
            "nobody knows its {token}",
        ),
    ],
)
def test_calls_of_a_token(changes: dict[str, Any], says: str) -> None:
    """What cannot work is refused when it is read."""
    with pytest.raises(ValueError, match="validation error") as refused:
        ApiTokenSpec.model_validate({**TOKEN, **changes})

    assert says in str(refused.value)


def test_a_password_is_as_asked_for() -> None:
    """So many characters of the alphabet, and never the same."""
    spec = RandomPasswordSpec.model_validate(
        {**COMMON, "kind": "random-password", "length": 40, "alphabet": "hexadecimal"}
    )

    first, second = (RandomPassword().make(spec, {})[VALUE] for _ in range(2))

    assert first != second
    assert (40, set()) == (len(first.reveal()), set(first.reveal()) - set("0123456789abcdef"))


@pytest.mark.parametrize(("algorithm", "word"), [("ed25519", "ssh-ed25519"), ("rsa", "ssh-rsa")])
def test_ssh_keys_are_openssh_s(tmp_path: Path, algorithm: str, word: str) -> None:
    """The private key is one for ssh-keygen(1), which derives the public one from it; the two prove each other."""
    program = shutil.which("ssh-keygen")
    if program is None:
        pytest.skip("no ssh-keygen (apt-get install openssh-client)")
    spec = SshKeyPairSpec.model_validate(
        {**COMMON, "kind": "ssh-key-pair", "algorithm": algorithm, "comment": "deploy of koprogo"}
    )

    values = SshKeyPair().make(spec, {})

    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(values["private-key"].reveal())
    derived = subprocess.run([program, "-y", "-f", file], capture_output=True, text=True, timeout=30, check=True).stdout
    public = values["public-key"].reveal()
    assert derived.split()[:2] == public.split()[:2]
    assert (word, "deploy of koprogo\n") == (public.split()[0], public.split(" ", 2)[2])
    SshKeyPair().prove(spec, values, TOOLS)


@pytest.mark.parametrize("field", ["private-key", "public-key"])
@pytest.mark.parametrize("value", ["another", "garbage", "missing"])
def test_ssh_keys_that_do_not_fit(field: str, value: str) -> None:
    """Another pair's half, garbage, or nothing is refused; none of it is shown."""
    spec = SshKeyPairSpec.model_validate({**COMMON, "kind": "ssh-key-pair"})
    values = dict(SshKeyPair().make(spec, {}))
    if value == "missing":
        del values[field]
    else:
        values[field] = SshKeyPair().make(spec, {})[field] if value == "another" else Secret("gArbage")

    with pytest.raises(ProofFailed) as refused:
        SshKeyPair().prove(spec, values, TOOLS)

    assert not [word for word in ("gArbage", "AAAA", "BEGIN") if word in f"{refused.value} {refused.value.__cause__}"]


@dataclass
class MemoryToken:
    """A cluster's token in memory: the protocol's other implementation. *dies* says that a rotation is killed at its end."""

    number: int = 1
    dies: bool = False

    def current(self) -> Secret:
        """Return it."""
        return Secret(f"token-{self.number}")

    def rotate(self) -> None:
        """Rotate it."""
        self.number += 1
        if self.dies:
            raise KeyboardInterrupt

    def prove(self, token: Secret) -> None:
        """Compare."""
        if token != self.current():
            raise ProofFailed("it is another one")


K3S = K3sTokenSpec.model_validate({**COMMON, "kind": "k3s-token", "token": "agent"})


def lending(token: MemoryToken) -> Tools:
    """Return tools with *token*."""
    return Tools(dict, dict, ignore, {"k3s-token": {"agent": token}.__getitem__})


def test_a_k3s_token_is_rotated_once() -> None:
    """Called again, after a kill too, it does not rotate again; the cluster accepts what it returns."""
    token = MemoryToken(dies=True)
    former: Values = {VALUE: token.current()}
    with pytest.raises(KeyboardInterrupt):
        K3sToken().create(K3S, Change("r1", former, {}), lending(token))

    new = K3sToken().create(K3S, Change("r1", former, {}), lending(token))
    again = K3sToken().create(K3S, Change("r1", former, new), lending(token))

    assert (2, new) == (token.number, again)
    K3sToken().prove(K3S, new, lending(token))
    with pytest.raises(ProofFailed):
        K3sToken().prove(K3S, former, lending(token))


def test_a_k3s_token_has_no_way_back() -> None:
    """Before it is rotated nothing has to be discarded; afterwards that is refused, and nothing is done."""
    token = MemoryToken()
    former: Values = {VALUE: token.current()}
    K3sToken().discard(K3S, Change("r1", former, {}), lending(token))
    new = K3sToken().create(K3S, Change("r1", former, {}), lending(token))

    with pytest.raises(NotConverged, match="accepts the former one no more"):
        K3sToken().discard(K3S, Change("r1", former, new), lending(token))

    assert 2 == token.number


def test_a_k3s_token_elsewhere_in_vault() -> None:
    """Without a former value at its place the cluster is left alone; so it is where nobody lends its tokens."""
    token = MemoryToken()

    with pytest.raises(InputError, match=r"is not where secrets\.yaml says"):
        K3sToken().create(K3S, Change("r1", {}, {}), lending(token))
    with pytest.raises(InputError, match="nobody lends k3s-token"):
        K3sToken().create(K3S, Change("r1", {VALUE: token.current()}, {}), TOOLS)

    assert 1 == token.number
