"""What pydantic found, in the words of someone who writes configuration."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

SHOWN_MAX = 60
"""How much of a wrong value is repeated, in characters."""

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "fields (name: value)",
    "finite_number": "a number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "ip_v4_address": "an IPv4 address such as 10.0.0.11",
    "ip_v4_network": "an IPv4 network such as 10.0.0.0/24",
    "list_type": 'a list (one "- " a line)',
    "model_type": "fields (name: value)",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": 'a list (one "- " a line)',
}

_LIMITS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "{} or less"),
    "string_pattern_mismatch": ("pattern", "text that matches {}"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "at least {} character(s)"),
    "too_long": ("max_length", "at most {} items"),
    "too_short": ("min_length", "at least {} item(s)"),
}

_STRUCTURE = frozenset({"model_type", "dict_type", "list_type", "tuple_type"})


def sentence(error: ErrorDetails, field: FieldInfo | None, written: object) -> str:
    """Say what was expected of *field*, and what is *written* instead."""
    kind = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    got = f", got {shown(written)}"
    if kind in {"enum", "literal_error"}:
        choices = re.findall(r"'([^']*)'", str(context["expected"])) or re.findall(r"\d+", str(context["expected"]))
        return f"expected {_one_of(choices)}{got}{did_you_mean(written, choices)}"
    if field is not None and field.description and kind not in _STRUCTURE:
        return f"expected {field.description}{got}{_without_host_bits(error)}"
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"expected {words.format(context[name])}{got}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}{got}{_without_host_bits(error)}"
    return error["msg"].removeprefix("Value error, ") + got


def shown(value: object) -> str:
    """Return *value* as a person would have written it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "fields (name: value)"
    if isinstance(value, list):
        return "a list"
    text = (
        json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else type(value).__name__
    )
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Return ``; did you mean "…"?``, or nothing if no *known* word is near to the *given* one."""
    word = nearest(given, known)
    return f'; did you mean "{word}"?' if word is not None else ""


def nearest(given: object, known: Iterable[str]) -> str | None:
    """Return the *known* word that is most like the *given* one, if any is."""
    return _nearest(str(given), tuple(known))


@lru_cache
def _nearest(given: str, known: tuple[str, ...]) -> str | None:
    by_plain_form = {word.lower().replace("-", "_"): word for word in known}
    close = difflib.get_close_matches(given.lower().replace("-", "_"), by_plain_form, n=1)
    return by_plain_form[close[0]] if close else None


def _one_of(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _without_host_bits(error: ErrorDetails) -> str:
    if error["type"] != "ip_v4_network":
        return ""
    try:
        return f'; did you mean "{ip_network(error["input"], strict=False)}"?'
    except ValueError:
        return ""
