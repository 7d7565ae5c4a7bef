"""The WSGI application: authentication, faults, routing, errors and the request log around the routes."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from koprogo_fleet.lab.machines import Appliances, Machines
from koprogo_fleet.lab.ovh_api import faults, grants, mishaps, owned, validation_page
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import ApiError, bad_request
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.lifecycle import Lifecycle
from koprogo_fleet.lab.ovh_api.routes import ACCOUNT_ROUTES, EFFECTS, PROJECT_ROUTES, dns
from koprogo_fleet.lab.ovh_api.signature import verify, verify_application
from koprogo_fleet.lab.ovh_api.state import Record, State
from koprogo_fleet.lab.ovh_api.traffic import Traffic

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_WITHOUT_LOGIN = ("/auth/time", "/order/catalog/public/cloud")
_PUBLISHED_DNS = "/lab/dns/"
_ROUTES = (
    *ACCOUNT_ROUTES,
    *(Route(method, f"/cloud/project/<project>{path}", handler) for method, path, handler in PROJECT_ROUTES),
)
_URLS = Map(
    [
        Rule(f"/{version}{route.path}", methods=[route.method], endpoint=route.handler)
        for version in ("1.0", "v1")
        for route in _ROUTES
    ],
    strict_slashes=False,
)


class Emulator:
    """
    OVH's API over *state* and *machines*, as a WSGI application. Call :meth:`close` in the end.

    Args:
        state: what exists.
        machines: what instances are booted on.
        log: each request becomes a JSON line here (never its body: it may hold a host key).
        clock: the API's clock, in seconds since 1970.
        appliances: where load balancers listen; without it they carry no traffic.
    """

    def __init__(
        self,
        state: State,
        machines: Machines,
        *,
        log: Path | None = None,
        clock: Callable[[], float] = time.time,
        appliances: Appliances | None = None,
    ) -> None:
        self.state = state
        self.machines = machines
        self.lifecycle = Lifecycle(state, machines, EFFECTS)
        self._log = log
        self._log_lock = threading.Lock()
        self._clock = clock
        self._late = mishaps.LateLists()
        self.lifecycle.resume()
        self._traffic = Traffic(state, appliances, machines.public_subnet) if appliances else None

    def close(self) -> None:
        """End the work in the background; what has not begun is resumed by the next emulator."""
        if self._traffic:
            self._traffic.close()
        self.lifecycle.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        query_id = f"EU.lab-{secrets.token_hex(8)}"
        status = 0
        try:
            response = self._respond(request)
            status = response.status_code
        finally:
            self._write_log(request, status, query_id)
        response.headers["X-OVH-QUERYID"] = query_id
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            if request.path in ("/lab/faults", "/lab/services"):
                return _json(self._control(request))
            if request.path == "/auth/oauth2/token":
                return _json(self._token(request))
            if request.path.startswith(_PUBLISHED_DNS):
                _only_from_here(request)
                return _json(dns.published(self.state, request.path.removeprefix(_PUBLISHED_DNS)))
            if request.path.rstrip("/") == validation_page.PATH:
                return validation_page.answer(request, self.state, self._clock())
            return self._answer(request)
        except ApiError as error:
            return _json(error.body, error.status)

    def _answer(self, request: Request) -> Response:
        path = _below_version(request.path)
        consumer = self._consumer(request, path)
        fault = faults.take(self.state, request.method, path)
        if fault and (failed := mishaps.instead(fault)):
            return failed
        kind, seconds = (fault["kind"], fault["seconds"]) if fault else (None, 0.0)
        answer = self._route(request, kind, seconds, consumer)
        if kind == Kind.LATE_LISTS:
            self._late.begin(seconds)
        if request.method == "GET" and path.startswith("/cloud/project/"):
            answer = self._late.passed(request.full_path, answer)
        return mishaps.afterwards(fault, answer) if fault else answer

    def _consumer(self, request: Request, path: str) -> Record | None:
        """Check who asks, and whether it is granted; return the record of a consumer key with limited rights."""
        if path in _WITHOUT_LOGIN:
            return None
        if path == "/auth/credential":
            verify_application(request, self.state.keys)
            return None
        with self.state.look() as data:
            consumer = verify(request, self.state.keys, data["consumer_keys"], self._clock())
            grants.check(consumer, request.method, path)
            return dict(consumer) if consumer else None

    def _route(self, request: Request, fault: str | None, seconds: float, consumer: Record | None) -> Response:
        try:
            handler, matched = _URLS.bind_to_environ(request.environ).match()
        except HTTPException:
            raise ApiError(404, "Got an invalid (or empty) URL") from None
        arguments = dict(matched)
        if arguments.pop("project", self.state.keys.project_id) != self.state.keys.project_id:
            raise ApiError(404, "This service does not exist")
        call = Call(
            self.state,
            self.machines,
            self.lifecycle,
            self._clock(),
            request.args,
            _body_of(request),
            fault=fault,
            delay=seconds if fault == Kind.SLOW else 0.0,
            consumer=consumer,
            origin=f"{request.scheme}://{request.host}",
        )
        return _json(handler(call, **arguments))

    def _control(self, request: Request) -> Any:
        """Serve ``/lab/faults`` and ``/lab/services``, to this machine only."""
        _only_from_here(request)
        if request.path == "/lab/services":
            return owned.add(self.state, _body_of(request))
        if request.method == "POST":
            return faults.add(self.state, _body_of(request))
        if request.method == "DELETE":
            faults.clear(self.state)
            return None
        with self.state.look() as data:
            return list(data["faults"])

    def _token(self, request: Request) -> Any:
        keys, form = self.state.keys, request.form
        known = form.get("client_id") == keys.client_id and form.get("client_secret") == keys.client_secret.reveal()
        if request.method != "POST" or form.get("grant_type") != "client_credentials" or not known:
            raise ApiError(401, "Invalid client credentials")
        token = keys.bearer_token.reveal()
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "all"}

    def _write_log(self, request: Request, status: int, query_id: str) -> None:
        if self._log is None or request.path.startswith("/lab/"):
            return
        entry = {
            "time": round(time.time(), 3),
            "method": request.method,
            "path": _below_version(request.path),
            "query": request.query_string.decode(errors="replace"),
            "status": status,  # 0: no answer was given
            "query_id": query_id,
        }
        with self._log_lock:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def create_app(
    state: State,
    machines: Machines,
    *,
    log: Path | None = None,
    clock: Callable[[], float] = time.time,
    appliances: Appliances | None = None,
) -> Emulator:
    """Return the application; what was under way in *state* is resumed."""
    return Emulator(state, machines, log=log, clock=clock, appliances=appliances)


def _only_from_here(request: Request) -> None:
    if request.remote_addr is not None and not ip_address(request.remote_addr).is_loopback:
        raise ApiError(403, "Only from this machine")


def _below_version(path: str) -> str:
    for version in ("/1.0", "/v1"):
        if path.startswith(f"{version}/"):
            return path.removeprefix(version)
    return path


def _body_of(request: Request) -> Any:
    raw = request.get_data()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise bad_request("Invalid JSON received") from None


def _json(body: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body), status, content_type="application/json; charset=utf-8")
