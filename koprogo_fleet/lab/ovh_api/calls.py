"""What a route gets, and how it reads the body: OVH refuses what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from koprogo_fleet.lab.machines import Machines
from koprogo_fleet.lab.ovh_api.errors import bad_request
from koprogo_fleet.lab.ovh_api.lifecycle import Lifecycle
from koprogo_fleet.lab.ovh_api.state import Record, State


@dataclass(frozen=True)
class Call:
    """
    One request for a route.

    Attributes:
        fault: the kind of failure that the route has to play, if any.
        delay: the seconds that what the route begins is to take.
        consumer: the record of a consumer key with limited rights; None may do everything.
        origin: scheme, host and port that the client used.
    """

    state: State
    machines: Machines
    lifecycle: Lifecycle
    now: float
    query: Mapping[str, str]
    body: Any
    fault: str | None = None
    delay: float = 0.0
    consumer: Record | None = None
    origin: str = ""

    def fields(self, required: Mapping[str, type], optional: Mapping[str, type] | None = None) -> dict[str, Any]:
        """
        Return the body, checked: each field of its type, none lacking, none unknown; null counts as absent.

        Raises:
            ApiError: 400, names the field.
        """
        return checked(self.body, required, optional)


def checked(body: Any, required: Mapping[str, type], optional: Mapping[str, type] | None = None) -> dict[str, Any]:
    """
    Return an object of a request, checked as :meth:`Call.fields` checks the body.

    Raises:
        ApiError: 400, names the field.
    """
    if not isinstance(body, dict):
        raise bad_request("Missing body")
    given = {name: value for name, value in body.items() if value is not None}
    known = {**required, **(optional or {})}
    for name, value in given.items():
        if name not in known:
            raise bad_request(f"Unknown parameter {name}")
        if not isinstance(value, known[name]) or (known[name] is int and isinstance(value, bool)):
            raise bad_request(f"Parameter {name} must be of type {known[name].__name__}")
    for name in required:
        if name not in given:
            raise bad_request(f"Missing parameter {name}")
    return given


class Route(NamedTuple):
    """A method and a path (werkzeug's syntax, below the project), and what answers it."""

    method: str
    path: str
    handler: Callable[..., Any]
