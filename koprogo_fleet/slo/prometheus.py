"""Prometheus' HTTP API: one query at one moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from koprogo_fleet.core.errors import InputError, PrometheusError
from koprogo_fleet.slo.verdict import Sample

QUERY = "api/v1/query"
SECONDS = 30.0

Ask = Callable[[str], tuple[Sample, ...]]
"""Returns all values that a query has now."""


def query_path(query: str) -> str:
    """Return the path of a query, relative to where Prometheus is."""
    return f"{QUERY}?{urlencode({'query': query})}"


def samples_of(status: int, text: str) -> tuple[Sample, ...]:
    """
    Return the values in Prometheus' answer to a query.

    Raises:
        PrometheusError: it refused the query, or this is no answer of Prometheus.
    """
    try:
        answer = json.loads(text)
        if answer["status"] == "success":
            return _samples(answer["data"])
        seen = f"{answer['errorType']}: {answer['error']}"
    except (ValueError, LookupError, TypeError) as error:
        raise PrometheusError(
            f"this is no answer of Prometheus: HTTP status {status}: {text[:200].strip()}",
            cause="another program answers there, or a proxy before it",
            next_step="look at the address: <address>/api/v1/query?query=up has to answer with JSON",
        ) from error
    wrong_query = status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    raise PrometheusError(
        f"Prometheus refused: {seen}",
        cause="the query is not right" if wrong_query else "Prometheus is overloaded, or starting",
        next_step="correct `query` in slo.yaml" if wrong_query else "run the same again",
    )


def _samples(data: Any) -> tuple[Sample, ...]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return (Sample(float(result[1]), {}),)
    if kind != "vector":
        raise PrometheusError(
            f"a query gives a {kind}, which has no values of this moment",
            cause="a range such as [5m] is not inside of a function such as rate(...)",
            next_step="correct `query` in slo.yaml",
        )
    return tuple(Sample(float(item["value"][1]), item["metric"]) for item in result)


def asking(address: str) -> Ask:
    """
    Return what asks the Prometheus at *address*.

    Raises:
        InputError: *address* is none, or holds a password.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(f"{address!r} is no address", next_step="write one such as http://127.0.0.1:9090")
    if parts.username or parts.password:
        raise InputError(
            "the address of Prometheus holds a user or a password",
            cause="every user of this machine can read the arguments of a command",
            next_step="leave --prometheus out: Prometheus is then asked through the cluster's API",
        )
    base = address.rstrip("/")

    def ask(query: str) -> tuple[Sample, ...]:
        try:
            answer = httpx2.get(f"{base}/{query_path(query)}", timeout=SECONDS, trust_env=False)
        except httpx2.HTTPError as error:
            raise PrometheusError(
                f"no answer from Prometheus at {base}: {error or type(error).__name__}",
                cause="it does not run, or cannot be reached from here",
                next_step=f"curl {base}/-/ready",
            ) from error
        return samples_of(answer.status_code, answer.text)

    return ask
