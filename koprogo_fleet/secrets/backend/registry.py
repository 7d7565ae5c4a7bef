"""
Logging in to a container registry as a kubelet does: the file for it, and the two questions of the protocol.

Sources: distribution.github.io/distribution/spec/auth/token (the challenge, the token), kubernetes.io "Pull an Image from a
Private Registry" (the file).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from koprogo_fleet.core.errors import BackendError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.http import ADDRESS, LOOPBACK, Response, fetch, refused, without_query

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


def pull_file(entry: str, username: str, password: Secret) -> Secret:
    """Return the JSON of a ``.dockerconfigjson`` for the registry that is called *entry* in it."""
    login = f"{username}:{password.reveal()}"
    values = {"username": username, "password": password.reveal(), "auth": _base64(login)}
    return Secret(json.dumps({"auths": {entry: values}}))


def login_in(file: Secret, entry: str) -> tuple[str, Secret] | None:
    """Return the user and the password for *entry* in a ``.dockerconfigjson``, read as the kubelet does; or None."""
    try:
        auth = json.loads(file.reveal())["auths"][entry]["auth"]
        username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (ValueError, LookupError, TypeError):
        return None
    return username, Secret(password)


def log_in(registry: str, username: str, password: Secret, ca: str | None = None) -> None:
    """
    Log in as one who pulls.

    Args:
        registry: ``host[:port]``.
        username: whose.
        password: or token.
        ca: file of the authority that the registry is verified with; None means those of this machine.

    Raises:
        BackendError: it refuses, or lets in whoever comes: then nothing is proven.
        BackendUnavailable: no usable answer.
    """
    scheme = "http" if re.fullmatch(rf"{LOOPBACK}(:\d+)?", registry) and ca is None else "https"
    url = f"{scheme}://{registry}/v2/"
    basic = {"Authorization": Secret(f"Basic {_base64(f'{username}:{password.reveal()}')}")}
    asked = fetch("GET", url, ca=ca)
    if asked.is_success:
        raise BackendError(f"{registry} asks nobody to log in", next_step="no pull secret is needed for it")
    if asked.status != HTTPStatus.UNAUTHORIZED:
        raise refused(f"GET {url}", asked)
    scheme_word, challenge = parse_challenge(asked.headers.get("www-authenticate", ""))
    if scheme_word == "bearer" and "realm" in challenge:
        basic = {"Authorization": Secret(f"Bearer {_token(challenge, username, basic, ca).reveal()}")}
    _need(f"GET {url}", fetch("GET", url, basic, ca=ca))


def parse_challenge(header: str) -> tuple[str, Mapping[str, str]]:
    """Return the scheme, in lower case, and the parameters of a ``WWW-Authenticate`` header."""
    scheme, _, parameters = header.strip().partition(" ")
    return scheme.lower(), {name.lower(): value for name, value in _CHALLENGE.findall(parameters)}


def _token(challenge: Mapping[str, str], username: str, basic: Mapping[str, Secret], ca: str | None) -> Secret:
    wanted = {name: challenge[name] for name in ("service", "scope") if name in challenge}
    url = challenge["realm"]
    if not re.fullmatch(ADDRESS, url):
        raise BackendError(
            f"the registry wants the login at {without_query(url)}, which is no address for a credential"
        )
    query = urlencode({**wanted, "account": username})
    what = f"GET {without_query(url)}"
    answer = _need(what, fetch("GET", f"{url}{'&' if '?' in url else '?'}{query}", basic, ca=ca))
    try:
        document = json.loads(answer.body.reveal())
        return Secret(document.get("token") or document["access_token"])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BackendError(f"{what}: the answer has no token") from None


def _need(what: str, response: Response) -> Response:
    if not response.is_success:
        raise refused(what, response)
    return response


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
