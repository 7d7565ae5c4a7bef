"""A component's flags, merged with K3s' ``…-arg`` lists as K3s merges them (CODE pkg/util/args.go, GetArgs)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def merged(own: Mapping[str, object], extra: Iterable[str]) -> list[str]:
    """
    Return flags: an extra one replaces our own of that name; ``name+=value`` adds behind it, ``name-=value`` before.

    An extra flag that is given several times stands several times.
    """
    values: dict[str, list[str]] = {}
    defaults = {name: [str(value)] for name, value in own.items()}
    for item in extra:
        written, has_value, text = item.removeprefix("--").partition("=")
        name = written.rstrip("+-")
        before = [*defaults.pop(name, []), *values.get(name, [])] if written != name else values.get(name, [])
        defaults.pop(name, None)
        value = text if has_value else "true"
        values[name] = [value, *before] if written.endswith("-") else [*before, value]
    return [f"--{name}={value}" for name, found in sorted((defaults | values).items()) for value in found]
