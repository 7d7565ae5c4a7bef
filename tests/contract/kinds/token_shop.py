"""An API that gives out tokens, as many have one: made, listed and revoked by an administrator, checked by whoever has one."""

from __future__ import annotations

import json
import os
import secrets
import signal
from dataclasses import dataclass, field

from small_http import NoAnswer
from werkzeug.wrappers import Request, Response

ADMIN = "Adm1n'\"$(id)%s"
"""With the characters that break what quotes badly."""


@dataclass
class TokenShop:
    """
    The API.

    Attributes:
        tokens: id → (name, token): those that are valid.
        made, revoked: how often each was done.
        lose: the answers to so many creations are lost, although they were made.
        kill: the process that dies as soon as a token is made for it.
        unwell: every answer is 503.
    """

    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    made: int = 0
    revoked: int = 0
    lose: int = 0
    kill: int = 0
    unwell: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        """Answer."""
        self.seen.append(f"{request.method} {request.full_path}")
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.unwell:
            return Response("under repair", 503)
        if request.path == "/away":
            return Response(status=302, headers={"Location": "https://elsewhere.example.org/"})
        if request.path == "/me":
            known = bearer in [token for _, token in self.tokens.values()]
            return Response(f"you said {bearer}", 200 if known else 401)
        return self._administered(request, bearer)

    def _administered(self, request: Request, bearer: str) -> Response:
        if bearer != ADMIN:
            return Response(f"{bearer} is no administrator", 403)
        match request.method:
            case "POST":
                return self._make(json.loads(request.get_data()))
            case "DELETE":
                return self._revoke(request.path.rpartition("/")[2])
        items = [{"id": int(number), "name": name} for number, (name, _) in self.tokens.items()]
        return _json({"data": {"items": items}})

    def _make(self, body: dict[str, str]) -> Response:
        self.made += 1
        number, token = str(100 + self.made), f"tok_{secrets.token_urlsafe(16)}"
        self.tokens[number] = body["name"], token
        if self.kill:
            os.kill(self.kill, signal.SIGKILL)
            raise NoAnswer
        if self.lose:
            self.lose -= 1
            raise NoAnswer
        return _json({"data": {"id": int(number), "token": token}}, 201)

    def _revoke(self, number: str) -> Response:
        self.revoked += 1
        return Response(status=204 if self.tokens.pop(number, None) else 404)


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
