"""OVH's own client as an independent witness, and the shapes that the API's schema gives its answers."""

from __future__ import annotations

from typing import Any

import ovh
import ovh.client
from emulated_cloud import Cloud

Shape = dict[str, Any]
"""Each field with its type, a tuple of types, a nested shape, or a list of one of these."""

NOTHING = type(None)


def client(cloud: Cloud, consumer_key: str | None = None) -> ovh.Client:
    """Return python-ovh, logged in."""
    keys = cloud.state.keys
    ovh.client.ENDPOINTS.setdefault(cloud.url, cloud.url)
    return ovh.Client(
        endpoint=cloud.url,
        application_key=keys.application_key,
        application_secret=keys.application_secret.reveal(),
        consumer_key=consumer_key or keys.consumer_key.reveal(),
        timeout=5,
    )


def check(answer: Any, shape: Any, where: str = "answer") -> None:
    """Compare an answer with a shape: exactly its fields, each of its type."""
    if isinstance(shape, list):
        assert isinstance(answer, list), f"{where} is no list"
        for number, item in enumerate(answer):
            check(item, shape[0], f"{where}[{number}]")
    elif isinstance(shape, dict):
        assert isinstance(answer, dict), f"{where} is no object"
        assert shape.keys() == answer.keys(), where
        for name, inner in shape.items():
            check(answer[name], inner, f"{where}.{name}")
    elif shape is int:
        assert type(answer) is int, f"{where} is {answer!r}"
    else:
        assert isinstance(answer, shape), f"{where} is {answer!r}"
