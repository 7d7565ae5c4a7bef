"""What a client gets to see of a fault that is between it and the API: proxies, limits, half an answer, late lists."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus

from werkzeug.wrappers import Response

from koprogo_fleet.lab.ovh_api.errors import ApiError
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.state import Record

_REFUSALS = {
    Kind.REFUSED: (403, "This call has not been granted"),
    Kind.NOT_FOUND: (404, "The requested object does not exist"),
    Kind.QUOTA: (400, "Quota exceeded for instances"),
}


def instead(fault: Record) -> Response | None:
    """
    Return what is answered although nothing was done; None where the fault comes later.

    Raises:
        ApiError: the API itself refuses.
    """
    kind = fault["kind"]
    if kind in _REFUSALS:
        raise ApiError(*_REFUSALS[kind])
    if kind == Kind.RATE_LIMITED:
        refusal = ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")
        response = Response(json.dumps(refusal.body), refusal.status, content_type="application/json; charset=utf-8")
        response.headers["Retry-After"] = str(int(fault["seconds"]))
        return response
    if kind == Kind.RATE_LIMITED_BARE:
        return _page(HTTPStatus.TOO_MANY_REQUESTS)
    return _page(_status(fault)) if kind == Kind.HTML_500 else None


def afterwards(fault: Record, answer: Response) -> Response:
    """
    Return what arrives of *answer*, after all was done.

    Raises:
        ConnectionAbortedError: nothing; the server closes the connection.
    """
    kind = fault["kind"]
    if kind == Kind.HTML_500_AFTER_SUCCESS:
        return _page(_status(fault))
    if kind == Kind.EMPTY:
        return Response(status=HTTPStatus.NO_CONTENT)
    if kind == Kind.TRUNCATED:
        whole = answer.get_data()
        return Response(whole[: len(whole) // 2], answer.status_code, content_type=answer.content_type)
    if kind == Kind.TIMEOUT_AFTER_SUCCESS:
        time.sleep(fault["seconds"])
        raise ConnectionAbortedError("fault: no answer")
    return answer


class LateLists:
    """Lists that show what they showed last, for some time: a part of the API that has not heard of a change yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._shown: dict[str, bytes] = {}

    def begin(self, seconds: float) -> None:
        """Show nothing new for so long."""
        with self._lock:
            self._until = time.monotonic() + seconds

    def passed(self, request: str, answer: Response) -> Response:
        """Return *answer*, or while lists are late the one that was given to the same *request* last."""
        with self._lock:
            if time.monotonic() < self._until and request in self._shown:
                return Response(self._shown[request], content_type=answer.content_type)
            self._shown[request] = answer.get_data()
            return answer


def _status(fault: Record) -> HTTPStatus:
    return HTTPStatus(fault.get("status", HTTPStatus.BAD_GATEWAY))


def _page(status: HTTPStatus) -> Response:
    title = f"{status.value} {status.phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page, status, content_type="text/html")
