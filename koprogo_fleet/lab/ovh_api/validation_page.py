"""The page on which a person grants what a consumer key was asked for: ``/auth/?credentialToken=…``, outside the API."""

from __future__ import annotations

import html
from http import HTTPStatus

from werkzeug.wrappers import Request, Response

from koprogo_fleet.lab.ovh_api.grants import REFUSED, VALIDATED
from koprogo_fleet.lab.ovh_api.routes.authorisation import pending
from koprogo_fleet.lab.ovh_api.state import State

PATH = "/auth"

_PAGE = """<!doctype html><title>Lab: authorise an application</title>
<h1>An application asks for these rights</h1><ul>{rules}</ul>
<form method="post"><button name="decision" value="validate">Authorise</button>
<button name="decision" value="refuse">Refuse</button></form>
"""


def answer(request: Request, state: State, now: float) -> Response:
    """Show the page (GET), or do what was decided on it (POST; ``duration`` in seconds limits the grant)."""
    token = request.args.get("credentialToken", "")
    with state.look() as data:
        record = pending(data, token)
        rules = [f"{rule['method']} {rule['path']}" for rule in record["rules"]] if record else []
    if record is None:
        return Response("This validation link is not valid (any more).", HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        shown = "".join(f"<li>{html.escape(rule)}</li>" for rule in rules)
        return Response(_PAGE.format(rules=shown), content_type="text/html")
    duration = request.form.get("duration")
    with state.change() as data:
        if (record := pending(data, token)) is not None:
            record["status"] = VALIDATED if request.form.get("decision") == "validate" else REFUSED
            record["expires"] = now + float(duration) if duration else None
    return Response("Done. Go back to your terminal.")
