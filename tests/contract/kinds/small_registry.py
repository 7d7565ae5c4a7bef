"""The part of a container registry that asks who is there: the token protocol, or a plain password."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response


@dataclass
class SmallRegistry:
    """
    The registry.

    Attributes:
        users: their passwords.
        scheme: "bearer", "basic", or "none" for one that lets everybody in.
        realm: where the login is asked for; "" is the registry itself.
        logins: how often somebody logged in.
    """

    users: dict[str, str]
    scheme: str = "bearer"
    realm: str = ""
    logins: int = 0
    given: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response:
        """Answer."""
        login = request.authorization
        known = login is not None and login.type == "basic" and self.users.get(login.username or "") == login.password
        if request.path == "/token" and known and request.args["account"] == login.username:  # type: ignore[union-attr]  # it is known
            token = secrets.token_urlsafe()
            self.given.add(token)
            return Response(json.dumps({"token": token}))
        let_in = {
            "none": True,
            "basic": known,
            "bearer": login is not None and login.type == "bearer" and login.token in self.given,
        }
        if request.path == "/v2/" and let_in[self.scheme]:
            self.logins += 1
            return Response("{}")
        realm = self.realm or f"{request.host_url}token"
        challenge = (
            f'Bearer realm="{realm}",service="registry"' if self.scheme == "bearer" else 'Basic realm="registry"'
        )
        return Response("no", 401, {"WWW-Authenticate": challenge})
