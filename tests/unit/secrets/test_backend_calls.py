"""What may be written about calls to a server, and what its words and places mean."""

from __future__ import annotations

import re
from typing import Any

import pytest

from koprogo_fleet.core.errors import BackendError, InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.calls import Call, Reply, at, mistakes
from koprogo_fleet.secrets.backend.http import ADDRESS, described, without_query
from koprogo_fleet.secrets.backend.words import filled, filled_document, in_vault, words_in

DOCUMENT = {"data": {"token": "t", "ids": [7, 8], "no": None, "yes": True, "empty": ""}, "a.b": "hidden"}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("data.token", "t"),
        ("data.ids.1", 8),
        ("data.ids.2", None),
        ("data.ids.-1", None),
        ("data.token.0", None),
        ("data.none.more", None),
        ("a.b", None),
    ],
)
def test_places(place: str, expected: object) -> None:
    """A place is names and positions with dots between; what is not there is None."""
    assert expected == at(DOCUMENT, place)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("data.token", "t"),
        ("data.ids.0", "7"),
        ("data.no", None),
        ("data.yes", None),
        ("data.empty", None),
        ("data", None),
    ],
)
def test_values(place: str, expected: str | None) -> None:
    """A value is text or a number that is not empty."""
    found = Reply("GET /", Secret('{"data": {"token": "t", "ids": [7], "no": null, "yes": true, "empty": ""}}')).value(
        place
    )

    assert expected == (found.reveal() if found else None)


def test_an_answer_that_is_no_json_is_not_shown() -> None:
    """The error tells of which call, not what came."""
    with pytest.raises(BackendError, match="GET /: the answer is no JSON") as refused:
        Reply("GET /", Secret("the-token")).value("token")

    assert "the-token" not in f"{refused.value} {refused.value.__cause__}"
    with pytest.raises(BackendError, match="no list at data"):
        Reply("GET /", Secret('{"data": 1}')).items("data")


def test_words_are_replaced_once() -> None:
    """A value with braces of its own stays as it is; each is quoted by itself; braces that are no word stay."""
    words = {"name": Secret("a/{token}"), "token": Secret("b")}

    assert "x/a/{token}-b" == filled("x/{name}-{token}", words).reveal()
    assert {"n": ["b", 1, None], "{token}": "{Name} { token } {}"} == filled_document(
        {"n": ["{token}", 1, None], "{token}": "{Name} { token } {}"}, words
    )
    assert "<a/{token}>" == filled("{name}", words, lambda value: f"<{value}>").reveal()
    with pytest.raises(InputError, match=re.escape("{id} stands for nothing")):
        filled("{id}", words)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("vault:a/b#c", ("a/b", "c")), ("vault:a/b", None), ("vault:a#b#c", None), ("vault:", None), ("token", None)],
)
def test_words_of_vault(word: str, expected: tuple[str, str] | None) -> None:
    """A place in Vault is a path and a key."""
    assert expected == in_vault(word)
    assert [word] == list(words_in({"x": [f"-{{{word}}}-"]}))


URL = "https://api.example.org/"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"http": {"url": URL, "headers": {"X": "{token} {id}"}, "body": {"n": ["{vault:a/b#c}"]}}}, None),
        ({"http": {"url": f"{URL}{{id}}?name={{name}}"}}, None),
        ({"command": {"argv": ["x", "{id}"], "stdin": "{token}", "environment": {"A": "{vault:a#b}"}}}, None),
        ({}, "either http or command"),
        ({"http": {"url": URL}, "command": {"argv": ["x"]}}, "either http or command"),
        ({"http": {"url": f"{URL}{{token}}"}}, "{token} would show a secret in an address"),
        ({"http": {"url": f"{URL}{{vault:a#b}}"}}, "{vault:a#b} would show a secret in an address"),
        ({"command": {"argv": ["x", "--token={token}"]}}, "{token} would show a secret in an argument"),
        ({"http": {"url": URL, "headers": {"X": "{tokn}"}}}, "{tokn} stands for nothing here"),
        ({"http": {"url": URL, "body": "{vault:a}"}}, "{vault:a} stands for nothing here"),
        ({"http": {"url": URL, "body": {"old": "{other}"}}}, "there is {id}, {name}, {token}, {vault:PATH#KEY}"),
    ],
)
def test_calls(call: dict[str, Any], says: str | None) -> None:
    """A call is one thing, whose words are known, and shows no secret where others could read it."""
    found = [one.message for one in mistakes(Call.model_validate(call), ("x",), frozenset({"name", "id", "token"}))]

    assert (says is None) == (not found)
    assert says is None or says in found[0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.org", True),
        ("https://api.example.org:8443/v1?x=1", True),
        ("https://[2001:db8::1]/", True),
        ("http://localhost:80/", True),
        ("http://127.0.0.53", True),
        ("http://[::1]:9/x", True),
        ("http://api.example.org/", False),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1@example.org/", False),
        ("http://127.0.0.1.example.org/", False),
        ("https://user:password@example.org/", False),
        ("https://{id}.example.org/", False),
        ("ftp://localhost/", False),
        ("https://example.org/a b", False),
        ("https://example.org/a\nb", False),
        ("https://example.org/\n", False),
        ("//example.org/", False),
    ],
)
def test_addresses(url: str, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """A credential travels by TLS, or stays on this machine; no part of an address before its path is variable."""
    assert expected == bool(re.fullmatch(ADDRESS, url))


def test_what_is_shown_of_an_answer() -> None:
    """An address is shown without its query, a status with its name if it has one."""
    assert "https://example.org:1/a" == without_query("https://u:p@example.org:1/a?X-Amz-Signature=1#f")
    assert ("404 Not Found", "599") == (described(404), described(599))
