"""
A consumer key with no more rights than the product uses: which they are, asking for it, and looking what it may do.

The rights are rules of a method and a path, in which ``*`` stands for any text; ``/a/*`` does not cover ``/a``. A test
holds :func:`needed_rules` equal to what the adapters of this package call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.errors import OvhRefused
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh.client import OvhApi

VALIDATED = "validated"
_OVER = frozenset({"refused", "expired"})

_ACCOUNT = (
    ("GET", "/auth/currentCredential"),  # whether a credential may always ask about itself is not documented
    ("GET", "/auth/details"),
)
_IN_PROJECT = (
    ("GET POST", "/sshkey"),
    ("DELETE", "/sshkey/*"),
    ("GET", "/network/public"),
    ("GET POST", "/network/private"),
    ("GET POST PUT DELETE", "/network/private/*"),
    ("GET", "/flavor"),
    ("GET", "/image"),
    ("GET POST", "/instance"),
    ("GET POST PUT DELETE", "/instance/*"),
    ("GET POST", "/volume"),
    ("GET POST PUT DELETE", "/volume/*"),
    ("GET", "/quota"),
    ("GET", "/region"),
    ("GET POST PUT DELETE", "/region/*"),
    ("GET POST", "/user"),
    ("GET POST DELETE", "/user/*"),
    ("GET", "/usage/current"),
    ("GET", "/operation"),
    ("GET", "/operation/*"),
    ("GET", "/vrack"),
)
_DNS_ZONES = "/domain/zone", (("GET POST PUT DELETE", "/*"),)
_VRACKS = "/vrack", (("GET PUT", ""), ("GET POST DELETE", "/*"))
_DEDICATED_SERVERS = "/dedicated/server", (("GET", ""), ("GET POST", "/*"))
_IP_LOAD_BALANCERS = "/ipLoadbalancing", (("GET PUT", ""), ("GET POST PUT DELETE", "/*"))


@dataclass(frozen=True, order=True)
class AccessRule:
    """One method on one path, or on all that its ``*`` stands for."""

    method: str
    path: str

    def covers(self, other: AccessRule) -> bool:
        """Whether this rule grants all that *other* asks for."""
        pattern = ".*".join(re.escape(part) for part in self.path.split("*"))
        return self.method == other.method and re.fullmatch(pattern, other.path) is not None

    def __str__(self) -> str:
        return f"{self.method:<6} {self.path}"


@dataclass(frozen=True)
class Services:
    """The names of the services outside of the Public Cloud project that belong to a fleet."""

    dns_zones: tuple[str, ...] = ()
    vracks: tuple[str, ...] = ()
    dedicated_servers: tuple[str, ...] = ()
    ip_load_balancers: tuple[str, ...] = ()

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield the methods and the path of what the product does with them: nothing of a kind that there is none of."""
        for names, (root, below) in (
            (self.dns_zones, _DNS_ZONES),
            (self.vracks, _VRACKS),
            (self.dedicated_servers, _DEDICATED_SERVERS),
            (self.ip_load_balancers, _IP_LOAD_BALANCERS),
        ):
            if names:
                yield "GET", root
            yield from ((methods, f"{root}/{name}{path}") for name in names for methods, path in below)


NO_SERVICES = Services()


@dataclass(frozen=True)
class RequestedKey:
    """A consumer key that can do nothing before a person has opened *validation_url* and agreed."""

    consumer_key: Secret
    validation_url: str


@dataclass(frozen=True)
class Identity:
    """
    Who one is, and what one may do.

    Attributes:
        account: the customer's OVH account.
        method: how one is logged in: "account", "oauth2_client_credentials", ...
        rules: None means everything, or that a policy (IAM) decides.
    """

    account: str
    method: str
    rules: tuple[AccessRule, ...] | None


def needed_rules(project: str | None = None, services: Services = NO_SERVICES) -> tuple[AccessRule, ...]:
    """
    Return the rules that the product needs.

    Args:
        project: the id of the Public Cloud project. Without it the rules have to name all projects, and allow to list
            them: more than is needed.
        services: what belongs to the fleet outside of the project.
    """
    if project is None:
        methods = {method for allowed, _ in _IN_PROJECT for method in allowed.split()}
        in_project = [*((method, "/cloud/project/*") for method in sorted(methods)), ("GET", "/cloud/project")]
    else:
        in_project = [(methods, f"/cloud/project/{project}{path}") for methods, path in _IN_PROJECT]
    return tuple(
        AccessRule(method, path)
        for methods, path in (*_ACCOUNT, *in_project, *services.rules())
        for method in methods.split()
    )


def missing_rules(needed: Iterable[AccessRule], granted: Sequence[AccessRule] | None) -> tuple[AccessRule, ...]:
    """Return those *needed* that no single rule of *granted* covers; None grants everything."""
    if granted is None:
        return ()
    return tuple(rule for rule in needed if not any(given.covers(rule) for given in granted))


def request_key(api: OvhApi, rules: Iterable[AccessRule], redirection: str | None = None) -> RequestedKey:
    """
    Ask for a consumer key that may do what the *rules* say.

    Args:
        api: needs an application key and its secret, and no consumer key.
        rules: what it shall be able to do.
        redirection: where the browser goes after the validation.

    Raises:
        OvhRefused: the application key is not known at this endpoint.
    """
    body: dict[str, Any] = {"accessRules": [{"method": rule.method, "path": rule.path} for rule in rules]}
    if redirection is not None:
        body["redirection"] = redirection
    answer = api.post_unsigned("/auth/credential", body)
    return RequestedKey(Secret(answer["consumerKey"]), answer["validationUrl"])


def wait_until_validated(
    api: OvhApi, validation_url: str, *, seconds: float, interval: float = 2.0, listener: Listener = ignore
) -> None:
    """
    Wait until a person has agreed to what *api*'s consumer key asks for.

    What a key that still waits gets as an answer is not documented: a refused login (403) is taken for that too.

    Raises:
        OvhRefused: the person refused, or the key has expired.
        WaitTimeout: nobody agreed in time.
    """

    def look() -> None:
        try:
            status = str(api.get("/auth/currentCredential")["status"])
        except OvhRefused as error:
            raise NotYet(f"not validated yet (answer {error.status})") from error
        if status in _OVER:
            raise OvhRefused(
                f"the consumer key is {status}",
                cause="the request was refused in the browser, or nobody answered it for too long",
                next_step="run koprogo-fleet auth ovh again",
            )
        if status != VALIDATED:
            raise NotYet(f"status {status}")

    wait_for(
        "the consumer key: validated in the browser",
        look,
        seconds=seconds,
        interval=interval,
        listener=listener,
        cause=f"nobody has logged in and agreed at {validation_url}, or the request was refused there",
        next_step="run koprogo-fleet auth ovh again: it makes a new link",
    )


def get_identity(api: OvhApi) -> Identity:
    """
    Return who one is: the check that works for every way to log in.

    Raises:
        OvhRefused: the credentials are not valid.
    """
    answer = api.get("/auth/details")
    routes = answer.get("allowedRoutes")
    rules = None if routes is None else tuple(AccessRule(item["method"], item["path"]) for item in routes)
    return Identity(account=str(answer["account"]), method=str(answer["method"]), rules=rules)


def get_granted_rules(api: OvhApi) -> tuple[AccessRule, ...]:
    """Return what a consumer key may do; a service account has no such rules."""
    answer = api.get("/auth/currentCredential")
    return tuple(AccessRule(item["method"], item["path"]) for item in answer["rules"])
