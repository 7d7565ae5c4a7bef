"""From what lightkube and its HTTP client raise to errors that explain."""

from __future__ import annotations

import ssl
from http import HTTPStatus

import httpx2

from koprogo_fleet.core.errors import KubernetesError

TEMPORARY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

EXPLANATIONS = {
    HTTPStatus.UNAUTHORIZED: (
        "the kubeconfig belongs to another cluster, or its certificate has expired",
        "koprogo-fleet provision: it fetches the kubeconfig again",
    ),
    HTTPStatus.FORBIDDEN: ("the user of the kubeconfig lacks this right", "kubectl auth can-i --list"),
    HTTPStatus.CONFLICT: ("somebody else changed the object at the same moment", "run the same again"),
    HTTPStatus.UNPROCESSABLE_ENTITY: ("the cluster finds the object invalid", "mend the field that is named"),
}
UNWELL = ("the API server is starting, overloaded, or etcd has lost its quorum", "koprogo-fleet k3s status")


def status_of(error: httpx2.HTTPError) -> int | None:
    """Return the HTTP status that came with *error*, if an answer came at all."""
    return error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None


def is_temporary(error: BaseException) -> bool:
    """Say whether the same call may work later."""
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code in TEMPORARY
    return isinstance(error, httpx2.TransportError) and _tls_failure(error) is None


def explained(error: httpx2.HTTPError, server: str, what: str) -> KubernetesError:
    """
    Return the error of ours for a call that failed.

    Args:
        error: an answer with an error status, or the lack of an answer.
        server: the address of the API server.
        what: was tried ("apply secret koprogo/koprogo-api").
    """
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        cause, next_step = EXPLANATIONS.get(HTTPStatus(status), (None, None))
        if status in TEMPORARY:
            cause, next_step = UNWELL
        return KubernetesError(f"{what}: {status}: {_said(error)}", cause=cause, next_step=next_step)
    if failure := _tls_failure(error):
        return KubernetesError(
            f"{what}: TLS with {server} failed: {failure}",
            cause="the kubeconfig belongs to another cluster",
            next_step="koprogo-fleet provision: it fetches the kubeconfig again",
        )
    return KubernetesError(
        f"{what}: no answer from the API server at {server}: {error or type(error).__name__}",
        cause="no control plane runs, or the tunnel to it is closed",
        next_step="koprogo-fleet k3s status",
    )


def refusal(error: httpx2.HTTPError) -> str:
    """Return the reasons that came with a refused eviction: the server's message, and each budget's own words."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return ""
    try:
        causes = [cause["message"] for cause in error.response.json()["details"]["causes"]]
    except (ValueError, LookupError, TypeError):
        causes = []
    return " ".join([_said(error), *causes])


def message_of(answer: httpx2.Response) -> str:
    """Return the server's own message: that of a Status object, or else the text as it is."""
    try:
        return str(answer.json()["message"])
    except (ValueError, LookupError, TypeError):
        return answer.text.strip() or answer.reason_phrase


def _said(error: httpx2.HTTPStatusError) -> str:
    return message_of(error.response)


def _tls_failure(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
