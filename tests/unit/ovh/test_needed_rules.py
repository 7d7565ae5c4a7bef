"""The rights that are asked for are those that the adapters use: no fewer, no more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from koprogo_fleet import ovh
from koprogo_fleet.ovh.authorisation import AccessRule, missing_rules, needed_rules

PROJECT = "4f3b2a19"
ZONE = "x"
"""What the scan puts in the place of every value in a path."""

METHODS = {"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
ONLY_WITHOUT_A_PROJECT = AccessRule("GET", "/cloud/project")


def path_of(node: ast.expr) -> str:
    """Return the path that an adapter's call gives, with "x" for each value in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in parts)
        case ast.Call(func=ast.Attribute(attr="in_project"), args=[inner]):
            return f"/cloud/project/{PROJECT}{path_of(inner)}"
    raise AssertionError(f"line {node.lineno}: write the path into the call, so that its rule can be checked")


def calls() -> set[AccessRule]:
    """Return every call of the adapters: api.get(api.in_project(f"/volume/{id}")) is GET on .../volume/x."""
    found = set()
    for file in Path(ovh.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="api" | "self"), attr=method), args=[path, *_]) if (
                    method in METHODS
                ):
                    found.add(AccessRule(METHODS[method], path_of(path)))
    return found


CALLS = calls()
RULES = needed_rules(PROJECT, [ZONE])


def test_the_scan_sees_the_calls() -> None:
    """The scan finds calls of every method, in the project and outside of it."""
    project = f"/cloud/project/{PROJECT}"
    assert {
        AccessRule("GET", f"{project}/instance"),
        AccessRule("POST", f"{project}/volume/x/upsize"),
        AccessRule("PUT", "/domain/zone/x/record/x"),
        AccessRule("DELETE", f"{project}/region/x/storage/x"),
    } <= CALLS


@pytest.mark.parametrize("call", sorted(CALLS - {ONLY_WITHOUT_A_PROJECT}), ids=str)
def test_every_call_is_granted(call: AccessRule) -> None:
    """A consumer key with these rules can make every call that the adapters make."""
    assert () == missing_rules([call], RULES)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_is_needed(rule: AccessRule) -> None:
    """Without this rule some call of the adapters would be refused."""
    assert any(
        missing_rules([call], [other for other in RULES if other != rule]) for call in CALLS if rule.covers(call)
    )


def test_without_a_project_all_are_named() -> None:
    """Rules that name no project cover every call, and the list of projects."""
    rules = needed_rules(None, [ZONE])

    assert () == missing_rules(CALLS, rules)
    assert ONLY_WITHOUT_A_PROJECT in rules


def test_no_zone_no_dns_right() -> None:
    """A fleet without DNS asks for no right on any zone."""
    assert not [rule for rule in needed_rules(PROJECT) if rule.path.startswith("/domain")]


@pytest.mark.parametrize(
    ("granted", "asked", "covers"),
    [
        ("/volume/*", "/volume/x", True),
        ("/volume/*", "/volume/*", True),
        ("/volume/*", "/volume", False),
        ("/volume", "/volume/x", False),
        ("/*", "/volume/x", True),
        ("/volume.x", "/volumeax", False),
    ],
)
def test_what_a_rule_covers(granted: str, asked: str, *, covers: bool) -> None:
    """The star stands for any text, the slash before it is needed, and a dot is a dot; methods do not mix."""
    assert covers == AccessRule("GET", granted).covers(AccessRule("GET", asked))
    assert not AccessRule("POST", granted).covers(AccessRule("GET", asked))


def test_null_grants_everything() -> None:
    """Credentials without rules may do everything."""
    assert () == missing_rules(RULES, None)
    assert RULES == missing_rules(RULES, [])
