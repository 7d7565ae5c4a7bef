"""An error as the OVH API answers it."""

from __future__ import annotations

_CLASSES = {
    400: "Client::BadRequest",
    401: "Client::Unauthorized",
    403: "Client::Forbidden",
    404: "Client::NotFound",
    409: "Client::Conflict",
    429: "Client::TooManyRequests",
}


class ApiError(Exception):
    """Ends a request with *status*, and a body of OVH's class and *message*."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"class": _CLASSES.get(status, "Server::InternalServerError"), "message": message}


def bad_request(message: str) -> ApiError:
    """Return the answer to a request that cannot be meant."""
    return ApiError(400, message)


def not_found(what: str) -> ApiError:
    """Return the answer about an object that is not there."""
    return ApiError(404, f"{what} not found")


def conflict(message: str) -> ApiError:
    """Return the answer to a request that the object's state forbids."""
    return ApiError(409, message)
