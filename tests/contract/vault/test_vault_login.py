"""Each way to log in, with a real OpenBao that knows nothing of us before."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from faulty_vault import Fault, FaultyVault
from lightkube import Client, KubeConfig
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount, ServiceAccountToken
from vault_administrator import FLEET_POLICY, Administrator

from koprogo_fleet.core.errors import InputError, VaultError, VaultIntercepted, VaultRefused
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.vault import Vault, VaultSession
from koprogo_fleet.vault.login import AppRole, Jwt, JwtFile, Kubernetes, LoginMethod, SecretIdFile, WrappedSecretId


def session(endpoint: VaultEndpoint, login: LoginMethod) -> VaultSession:
    """Return a session with that login."""
    return VaultSession(endpoint.address, login, endpoint.ca, patience=1)


def test_approle(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """With a role and its secret id we are let in, with the role's policy, and the token is gone at the end."""
    with session(endpoint, administrator.approle(tmp_path)) as ours:
        assert Vault(ours).read("koprogo/nothing") is None
        token = ours.token_facts()
        assert FLEET_POLICY in token["policies"]
        assert administrator.lives(token["accessor"])

    assert not administrator.lives(token["accessor"])


def test_wrong_secret_id(
    faulty: FaultyVault, endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path
) -> None:
    """A wrong secret id is refused at the first try: no more are made, which would lock the role; it is not in the error."""
    role = administrator.approle(tmp_path)
    (tmp_path / "wrong").write_text("not-the-secret-id")
    wrong = AppRole(role.role_id, SecretIdFile(tmp_path / "wrong"), role.mount)

    with (
        VaultSession(faulty.address, wrong, endpoint.ca) as ours,
        pytest.raises(VaultRefused, match=r"log in to Vault \(AppRole\)") as caught,
    ):
        Vault(ours).read("x")

    assert faulty.count("POST auth/") == 1
    assert "not-the-secret-id" not in str(caught.value)


def test_a_file_that_is_not_there(endpoint: VaultEndpoint, tmp_path: Path) -> None:
    """A secret id's file that is missing, or empty, is named."""
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with (
            session(endpoint, AppRole("r", SecretIdFile(tmp_path / name))) as ours,
            pytest.raises(InputError, match=name),
        ):
            Vault(ours).read("x")


def wrapped(administrator: Administrator, directory: Path) -> AppRole:
    """Return a role whose secret id is wrapped, in a file."""
    role = administrator.approle(directory)
    path = f"auth/{role.mount}/role/r/secret-id"
    (directory / "wrapped").write_text(administrator.write(path, wrap_ttl="60s")["wrap_info"]["token"])
    return AppRole(role.role_id, WrappedSecretId(directory / "wrapped", path), role.mount)


def test_wrapped_secret_id(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """A wrapped secret id is unwrapped once, and serves for all logins of this process; a second process is an alarm."""
    role = wrapped(administrator, tmp_path)
    for _ in range(2):
        with session(endpoint, role) as ours:
            assert Vault(ours).read("koprogo/nothing") is None

    ids = role.secret_ids
    assert isinstance(ids, WrappedSecretId)
    again = AppRole(role.role_id, WrappedSecretId(ids.path, ids.creation_path), role.mount)
    with session(endpoint, again) as ours, pytest.raises(VaultIntercepted, match="it is not valid any more"):
        Vault(ours).read("x")


def test_a_thief_was_faster(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """If somebody else has unwrapped it, we say so, and what to do; the token is not in the error."""
    role = wrapped(administrator, tmp_path)
    token = (tmp_path / "wrapped").read_text()
    administrator.write("sys/wrapping/unwrap", token=token)

    with session(endpoint, role) as ours, pytest.raises(VaultIntercepted) as caught:
        Vault(ours).read("x")

    assert "destroy the role's secret ids" in str(caught.value.next_step)
    assert token not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"


def test_a_wrapped_forgery(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """What was wrapped by any other path than the role's, such as by the thief himself, is not even opened."""
    role = wrapped(administrator, tmp_path)
    forged = administrator.write("sys/wrapping/wrap", wrap_ttl="60s", secret_id="mine")["wrap_info"]["token"]
    (tmp_path / "wrapped").write_text(forged)

    with session(endpoint, role) as ours, pytest.raises(VaultIntercepted, match="made by sys/wrapping/wrap"):
        Vault(ours).read("x")

    assert administrator.write("sys/wrapping/unwrap", token=forged)["data"] == {"secret_id": "mine"}


def test_stolen_between_look_and_use(
    faulty: FaultyVault, endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path
) -> None:
    """A secret id that is gone at the moment of its use, after the look at it, is an alarm as well."""
    role = wrapped(administrator, tmp_path)
    gone = b'{"errors": ["wrapping token is not valid or does not exist"]}'
    faulty.faults.append(Fault("POST sys/wrapping/unwrap", 400, body=gone))

    with (
        VaultSession(faulty.address, role, endpoint.ca) as ours,
        pytest.raises(VaultIntercepted, match="between our look at it and our use"),
    ):
        Vault(ours).read("x")


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed_jwt(key: ec.EllipticCurvePrivateKey, **claims: Any) -> str:
    """Return a JWT, as an identity provider signs it."""
    head = _part(json.dumps({"alg": "ES256", "typ": "JWT"}).encode())
    body = _part(json.dumps({"iat": int(time.time()), "exp": int(time.time()) + 300, **claims}).encode())
    r, s = decode_dss_signature(key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    return f"{head}.{body}.{_part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def test_jwt(endpoint: VaultEndpoint, administrator: Administrator, tmp_path: Path) -> None:
    """A JWT with the bound claims lets us in; one of another repository does not."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mount = administrator.enable("jwt")
    administrator.write(f"auth/{mount}/config", jwt_validation_pubkeys=[public.decode()])
    administrator.write(
        f"auth/{mount}/role/r",
        role_type="jwt",
        user_claim="sub",
        bound_audiences=["koprogo"],
        bound_claims={"repository": "gilmry/koprogo"},
        token_policies=[FLEET_POLICY],
    )
    file = tmp_path / "jwt"
    login = Jwt("r", JwtFile(file), mount)

    file.write_text(signed_jwt(key, sub="run", aud="koprogo", repository="gilmry/koprogo"))
    with session(endpoint, login) as ours:
        assert Vault(ours).read("koprogo/nothing") is None
    file.write_text(signed_jwt(key, sub="run", aud="koprogo", repository="somebody/else"))
    with session(endpoint, login) as ours, pytest.raises(VaultRefused, match=r"log in to Vault \(Jwt\)"):
        Vault(ours).read("koprogo/nothing")


def test_kubernetes(endpoint: VaultEndpoint, administrator: Administrator, kubernetes: Path, tmp_path: Path) -> None:
    """A service account's token, confirmed by a real API server, lets us in; that of another account does not."""
    cluster = yaml.safe_load(kubernetes.read_text())
    server = cluster["clusters"][0]["cluster"]
    with Client(config=KubeConfig.from_file(kubernetes), namespace="vault-login") as client:
        client.create(Namespace(metadata=ObjectMeta(name="vault-login")))
        for name in ("rotation", "other"):
            client.create(ServiceAccount(metadata=ObjectMeta(name=name)))
            request = ServiceAccountToken(
                metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=["https://kubernetes.default.svc"])
            )
            made = client.create(request, name)
            assert made.status is not None
            (tmp_path / name).write_text(made.status.token)
    mount = administrator.enable("kubernetes")
    administrator.write(
        f"auth/{mount}/config",
        kubernetes_host=server["server"],
        kubernetes_ca_cert=Path(server["certificate-authority"]).read_text(),
        token_reviewer_jwt=cluster["users"][0]["user"]["token"],
    )
    administrator.write(
        f"auth/{mount}/role/r",
        bound_service_account_names=["rotation"],
        bound_service_account_namespaces=["vault-login"],
        token_policies=[FLEET_POLICY],
    )

    with session(endpoint, Kubernetes("r", tmp_path / "rotation", mount)) as ours:
        assert Vault(ours).read("koprogo/nothing") is None
    with (
        session(endpoint, Kubernetes("r", tmp_path / "other", mount)) as ours,
        pytest.raises(VaultRefused, match=r"log in to Vault \(Kubernetes\)"),
    ):
        Vault(ours).read("koprogo/nothing")


def test_namespace(endpoint: VaultEndpoint, administrator: Administrator) -> None:
    """With a namespace, everything happens there and nowhere else."""
    administrator.write("sys/namespaces/team")
    root = administrator.session._login  # noqa: SLF001 - whoever is root is it in all namespaces
    with VaultSession(endpoint.address, root, endpoint.ca, "team") as there:
        there.ask(
            "mount", lambda client: client.write_data("sys/mounts/kv", data={"type": "kv", "options": {"version": "2"}})
        )
        assert Vault(there, "kv").write("x", {"a": Secret("1")}, expected_version=0) == 1

    with pytest.raises(VaultError, match="no handler for route"):
        Vault(administrator.session, "kv").read("x")
