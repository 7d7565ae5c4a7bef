"""The rights that are asked for are those that the adapters use: no fewer, no more."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from koprogo_fleet import ovh
from koprogo_fleet.ovh.authorisation import AccessRule, Services, missing_rules, needed_rules

PROJECT = "4f3b2a19"
METHODS = {"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
ONLY_WITHOUT_A_PROJECT = AccessRule("GET", "/cloud/project")


class Paths:
    """Reads the paths of an adapter's calls out of its source: what its functions return, and what their names stand for."""

    def __init__(self, module: ast.Module) -> None:
        self._functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}

    def calls(self) -> set[AccessRule]:
        """Return every call: api.get(api.in_project(f"/volume/{id}")) is GET on .../volume/x."""
        return {
            AccessRule(METHODS[method], path)
            for function in self._functions.values()
            for node in ast.walk(function)
            for method, argument in _called(node)
            for path in self._read(argument, function)
        }

    def _read(self, node: ast.expr, function: ast.FunctionDef) -> set[str]:  # noqa: PLR0911 - one for each way to write it
        """Return what *node* can be, with "x" for each value in it."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.JoinedStr(values=parts):
                read = [self._part(part, function) for part in parts]
                return {"".join(choice) for choice in itertools.product(*read)}
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return {one + two for one in self._read(left, function) for two in self._part(right, function)}
            case ast.IfExp(body=body, orelse=orelse):
                return self._read(body, function) | self._read(orelse, function)
            case ast.Call(func=ast.Attribute(attr="in_project"), args=[inner]):
                return {f"/cloud/project/{PROJECT}{path}" for path in self._read(inner, function)}
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                helper = self._functions[name]
                returned = [part.value for part in ast.walk(helper) if isinstance(part, ast.Return) and part.value]
                return {path for value in returned for path in self._read(value, helper)}
            case ast.Name(id=name):
                found = [
                    part.value
                    for part in ast.walk(function)
                    if isinstance(part, ast.Assign)
                    and isinstance(part.targets[0], ast.Name)
                    and part.targets[0].id == name
                ]
                if found:
                    return {path for value in found for path in self._read(value, function)}
        raise AssertionError(f"line {node.lineno}: write the path into the call, so that its rule can be checked")

    def _part(self, node: ast.expr, function: ast.FunctionDef) -> set[str]:
        """Return what a part of a text can be: another path, or any value."""
        value = node.value if isinstance(node, ast.FormattedValue) else node
        try:
            read = self._read(value, function)
        except AssertionError:
            return {"x"}
        return read if isinstance(value, ast.Constant) or all(path.startswith("/") for path in read) else {"x"}


def _called(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="api" | "self"), attr=method), args=[path, *_]) if (
            method in METHODS
        ):
            yield method, path


def calls() -> set[AccessRule]:
    """Return every call of all adapters."""
    files = sorted(Path(ovh.__path__[0]).glob("*.py"))
    classes_too = [
        ast.Module(
            module.body + [part for node in module.body if isinstance(node, ast.ClassDef) for part in node.body], []
        )
        for module in (ast.parse(file.read_text()) for file in files)
    ]
    return {call for module in classes_too for call in Paths(module).calls()}


CALLS = calls()
SERVICES = Services(dns_zones=("x",), vracks=("x",), dedicated_servers=("x",), ip_load_balancers=("x",))
RULES = needed_rules(PROJECT, SERVICES)


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
    rules = needed_rules(None, SERVICES)

    assert () == missing_rules(CALLS, rules)
    assert ONLY_WITHOUT_A_PROJECT in rules


def test_no_service_no_right() -> None:
    """A fleet without DNS zones, dedicated servers and so on asks for no right outside of its project."""
    outside = [
        rule for rule in needed_rules(PROJECT) if not rule.path.startswith((f"/cloud/project/{PROJECT}/", "/auth/"))
    ]

    assert [] == outside


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
