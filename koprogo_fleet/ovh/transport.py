"""
One signed (or bearer) HTTP request, and its response as it came.

python-ovh signs; its ``call`` is not used, because it drops the status and the query id of an answer that is not
JSON, and its OAuth2 session asks for a token without a timeout.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol
from urllib.parse import urlsplit

import ovh  # type: ignore[import-untyped]
import ovh.client  # type: ignore[import-untyped]
import requests
from ovh.exceptions import APIError  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import InputError, MissingCredentials
from koprogo_fleet.ovh import answers
from koprogo_fleet.ovh.credentials import OvhCredentials

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two bytes of the answer."""


class Transport(Protocol):
    """Sends one request; what comes back is judged by :mod:`koprogo_fleet.ovh.answers`."""

    def send(self, method: str, path: str, body: Any, *, signed: bool = True) -> requests.Response:
        """Send, and return the response whatever its status; unsigned it carries no more than the application key."""
        ...

    def prepare(self) -> None:
        """Get what sending needs from the API, once: the clock offset, or a token."""
        ...

    def renew(self) -> None:
        """Forget what the last refusal may be due to: the clock offset, or the token."""
        ...


def transport_for(credentials: OvhCredentials, timeout: tuple[float, float] = TIMEOUT) -> Transport:
    """
    Return what sends requests with the *credentials*.

    Raises:
        MissingCredentials: python-ovh does not know the endpoint, or finds the credentials incomplete.
    """
    url = base_url(credentials.endpoint)
    if credentials.is_oauth2:
        return _Bearer(url, credentials, timeout)
    ovh.client.ENDPOINTS.setdefault(credentials.endpoint, url)
    try:
        return _Signed(credentials, timeout)
    except APIError as error:  # e.g. OVH_CLIENT_ID in the environment, which python-ovh reads behind our back
        raise MissingCredentials(
            f"python-ovh refuses the credentials: {error}", next_step="unset OVH_CLIENT_ID and OVH_CLIENT_SECRET"
        ) from error


def base_url(endpoint: str) -> str:
    """Return the URL behind an endpoint name; a URL is its own."""
    if endpoint.startswith(("http://", "https://")):
        return endpoint.rstrip("/")
    try:
        return str(ovh.client.ENDPOINTS[endpoint])
    except KeyError:
        known = ", ".join(name for name in ovh.client.ENDPOINTS if "://" not in name)
        raise MissingCredentials(
            f"no OVH endpoint is named {endpoint}", next_step=f"set OVH_ENDPOINT to one of: {known}"
        ) from None


class _Signed(ovh.Client):  # type: ignore[misc]  # python-ovh has no types
    """python-ovh, with a clock offset that can be read again."""

    def __init__(self, credentials: OvhCredentials, timeout: tuple[float, float]) -> None:
        secret, consumer_key = credentials.application_secret, credentials.consumer_key
        super().__init__(
            endpoint=credentials.endpoint,
            application_key=credentials.application_key,
            application_secret=secret.reveal() if secret else "",
            consumer_key=consumer_key.reveal() if consumer_key else "",
            timeout=timeout,
        )
        self._clock = threading.Lock()
        self._offset: int | None = None

    @property
    def time_delta(self) -> int:
        """Seconds that the API's clock is ahead of ours."""
        with self._clock:
            if self._offset is None:
                response = self.raw_call("GET", "/auth/time", need_auth=False)
                self._offset = int(answers.decode(response, "GET", "/auth/time")) - int(time.time())
            return self._offset

    def prepare(self) -> None:
        _ = self.time_delta

    def send(self, method: str, path: str, body: Any, *, signed: bool = True) -> requests.Response:
        response: requests.Response = self.raw_call(method, path, body, need_auth=signed)
        return response

    def renew(self) -> None:
        with self._clock:
            self._offset = None


class _Bearer:
    """An OAuth2 service account: a token for about an hour, fetched when needed."""

    def __init__(self, url: str, credentials: OvhCredentials, timeout: tuple[float, float]) -> None:
        self._url = url
        self._token_url = _token_url(credentials.endpoint)
        self._credentials = credentials
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc must not replace our Authorization header
        self._session.proxies = requests.utils.get_environ_proxies(url)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires = 0.0

    def prepare(self) -> None:
        self._current_token()

    def send(self, method: str, path: str, body: Any, *, signed: bool = True) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._current_token()}"} if signed else {}
        return self._session.request(method, self._url + path, json=body, headers=headers, timeout=self._timeout)

    def renew(self) -> None:
        with self._lock:
            self._token = None

    def _current_token(self) -> str:
        with self._lock:
            if self._token is None or time.monotonic() >= self._expires:
                secret = self._credentials.client_secret
                form = {
                    "grant_type": "client_credentials",
                    "client_id": self._credentials.client_id,
                    "client_secret": secret.reveal() if secret else "",
                    "scope": "all",
                }
                response = self._session.post(self._token_url, data=form, timeout=self._timeout)
                answer = answers.decode(response, "POST", urlsplit(self._token_url).path)
                self._token = str(answer["access_token"])
                self._expires = time.monotonic() + float(answer.get("expires_in", 3600)) - 60
            return self._token


def _token_url(endpoint: str) -> str:
    if endpoint in ovh.client.OAUTH2_TOKEN_URLS:
        return str(ovh.client.OAUTH2_TOKEN_URLS[endpoint])
    if "://" in endpoint:
        return endpoint.removesuffix("/").removesuffix("/1.0") + "/auth/oauth2/token"
    raise InputError(
        f"{endpoint} knows no OAuth2 service accounts", next_step="use an application key, or ovh-eu, ovh-ca, ovh-us"
    )
