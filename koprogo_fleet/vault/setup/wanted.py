"""From fleet.yaml and what a person wishes to the objects that Vault must have, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from koprogo_fleet.core.fleet import Fleet, SshCertificates
from koprogo_fleet.vault.setup.objects import Authority, Document, Mount, Wanted
from koprogo_fleet.vault.setup.policies import Purpose, policy_name, policy_text

HOUR, DAY = 3600, 86400

VERSIONS = 20
"""Of each secret: a snapshot of etcd needs the token of its day, and Vault's own default forgets the tenth one back."""

TOKEN_SECONDS, LONGEST_TOKEN_SECONDS = HOUR // 3, 8 * HOUR
"""A token is renewed for as long as a run lasts; what a killed run leaves behind is over soon."""

AUTHORITY_SECONDS, CERTIFICATE_SECONDS = 3650 * DAY, 30 * DAY
HOST_KEY_SECONDS, LOGIN_SECONDS = 365 * DAY, 8 * HOUR

IN_CLUSTER = ("svc", "svc.cluster.local")
"""Where the names of services end."""


@dataclass(frozen=True)
class Pki:
    """
    An authority for TLS inside the fleet.

    Attributes:
        mount: of the engine.
        domains: below which names may be asked for.
        parent: the mount of the PKI engine that signs it; None makes a root.
    """

    mount: str
    domains: tuple[str, ...] = IN_CLUSTER
    parent: str | None = None


@dataclass(frozen=True)
class AppRoleLogin:
    """Roles with a secret id."""

    mount: str = "approle"


@dataclass(frozen=True)
class KubernetesLogin:
    """Roles for one service account; *host* is the API server's address, None where the method is configured already."""

    namespace: str
    account: str
    mount: str = "kubernetes"
    host: str | None = None
    ca: str | None = None


@dataclass(frozen=True)
class JwtLogin:
    """Roles for whoever has a JWT for *audience* with these *claims*; *issuer* is None where the method is configured."""

    audience: str
    claims: Mapping[str, str] = field(default_factory=dict)
    mount: str = "jwt"
    issuer: str | None = None


Login: TypeAlias = AppRoleLogin | KubernetesLogin | JwtLogin


@dataclass(frozen=True)
class Wishes:
    """What fleet.yaml does not say: an authority for TLS, how runs log in, and for which purposes they do."""

    pki: Pki | None = None
    login: Login | None = None
    purposes: tuple[Purpose, ...] = tuple(Purpose)


def wanted(fleet: Fleet, wishes: Wishes) -> tuple[Wanted, ...]:
    """Return everything that the fleet needs of Vault."""
    return (
        *_key_values(fleet),
        *(_ssh(fleet, fleet.ssh.certificates) if fleet.ssh.certificates else ()),
        *(_pki(fleet, wishes.pki) if wishes.pki else ()),
        *_policies(fleet, wishes),
        *(_login(fleet, wishes.login, wishes.purposes) if wishes.login else ()),
    )


def _key_values(fleet: Fleet) -> Iterator[Wanted]:
    mount = fleet.vault.mount
    yield Mount("mounts", mount, "kv", {"version": "2"})
    yield Document(
        f"versions kept in {mount}/",
        f"{mount}/config",
        {"max_versions": VERSIONS},
        at_least=frozenset({"max_versions"}),
        unset={"max_versions": 10},
    )


def _ssh(fleet: Fleet, words: SshCertificates) -> Iterator[Wanted]:
    minutes = words.minutes * 60
    users = {
        "allow_user_certificates": True,
        "allowed_users": fleet.ssh.user,
        "default_extensions": {"permit-pty": "", "permit-port-forwarding": ""},
        "ttl": minutes,
        "max_ttl": max(LOGIN_SECONDS, minutes),
    }
    hosts = {
        "allow_host_certificates": True,
        "allowed_domains": "*",  # names without a dot, and addresses, of nodes that come and go
        "ttl": HOST_KEY_SECONDS,
        "max_ttl": HOST_KEY_SECONDS,
    }
    for mount, longest, role in ((words.user_mount, 0, users), (words.host_mount, HOST_KEY_SECONDS, hosts)):
        yield Mount("mounts", mount, "ssh", longest=longest)
        yield Authority(
            f"signing key of {mount}/",
            f"{mount}/config/ca",
            f"{mount}/config/ca",
            {"generate_signing_key": True, "key_type": "ed25519"},
        )
        yield Document(f"role {mount}/{words.role}", f"{mount}/roles/{words.role}", {"key_type": "ca", **role})


def _pki(fleet: Fleet, pki: Pki) -> Iterator[Wanted]:
    yield Mount("mounts", pki.mount, "pki", longest=AUTHORITY_SECONDS)
    kind = "intermediate" if pki.parent else "root"
    yield Authority(
        f"{kind} authority of {pki.mount}/",
        f"{pki.mount}/cert/ca",
        f"{pki.mount}/{kind}/generate/internal",
        {"common_name": f"{fleet.name} internal", "ttl": AUTHORITY_SECONDS, "key_type": "ec", "key_bits": 256},
        parent=pki.parent,
    )
    yield Document(
        f"role {pki.mount}/{fleet.name}",
        f"{pki.mount}/roles/{fleet.name}",
        {
            "allowed_domains": sorted(pki.domains),
            "allow_subdomains": True,
            "allow_bare_domains": False,
            "allow_wildcard_certificates": False,
            "allow_localhost": False,
            "allow_ip_sans": True,
            "key_type": "ec",
            "key_bits": 256,
            "ttl": CERTIFICATE_SECONDS,
            "max_ttl": CERTIFICATE_SECONDS,
        },
    )


def _policies(fleet: Fleet, wishes: Wishes) -> Iterator[Wanted]:
    pki = (wishes.pki.mount, fleet.name) if wishes.pki else None
    for purpose in wishes.purposes:
        name = policy_name(fleet, purpose)
        yield Document(f"policy {name}", f"sys/policies/acl/{name}", {"policy": policy_text(fleet, purpose, pki)})


def _login(fleet: Fleet, login: Login, purposes: tuple[Purpose, ...]) -> Iterator[Wanted]:
    kind, bound, configuration = _method(login)
    yield Mount("auth", login.mount, kind)
    if configuration:
        yield Document(f"configuration of auth/{login.mount}/", f"auth/{login.mount}/config", configuration)
    for purpose in purposes:
        name = policy_name(fleet, purpose)
        limits = {"token_policies": [name], "token_ttl": TOKEN_SECONDS, "token_max_ttl": LONGEST_TOKEN_SECONDS}
        path = f"auth/{login.mount}/role/{name}"
        yield Document(f"role {path}", path, {**bound, **limits})


def _method(login: Login) -> tuple[str, Mapping[str, object], Mapping[str, object]]:
    """Return a method's type, what binds its roles to those who may have them, and its configuration."""
    match login:
        case AppRoleLogin():
            return "approle", {"bind_secret_id": True}, {}
        case KubernetesLogin():
            bound = {
                "bound_service_account_names": [login.account],
                "bound_service_account_namespaces": [login.namespace],
            }
            server = {"kubernetes_host": login.host, "kubernetes_ca_cert": login.ca}
            return "kubernetes", bound, {name: value for name, value in server.items() if value}
        case JwtLogin():
            claims = {
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_audiences": [login.audience],
                "bound_claims": dict(login.claims),
            }
            return "jwt", claims, {"oidc_discovery_url": login.issuer} if login.issuer else {}
