"""Who one is: the clock, the account, its projects."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route


def _time(call: Call) -> int:
    return int(call.now)


def _me(_call: Call) -> Any:
    return {"nichandle": "lab", "firstname": "Lab", "name": "Lab", "country": "FR", "ovhSubsidiary": "FR"}


def _projects(call: Call) -> Any:
    return [call.state.keys.project_id]


ROUTES = (
    Route("GET", "/auth/time", _time),
    Route("GET", "/me", _me),
    Route("GET", "/cloud/project", _projects),
)
