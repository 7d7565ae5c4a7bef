"""K3s' configuration: its file, drop-ins, environment and flags, merged as K3s merges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node.keys import ENVIRONMENT, KEYS, SHORT_FLAGS, Kind
from koprogo_fleet.lab.standin.node.layout import CONFIG_FILE

Values = dict[str, str | bool | list[str]]


@dataclass(frozen=True)
class Invocation:
    """One command line, taken apart: the *values* it gave, and the configuration file it named."""

    values: Values
    config_file: Path | None


def load(role: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Values:
    """
    Return every value that applies: flags before environment before files, as in K3s.

    Raises:
        InputError: an unknown key, a value of the wrong kind, an unreadable file.
    """
    command_line = parse_flags(role, arguments)
    named = command_line.config_file or environment.get("K3S_CONFIG_FILE")
    main_file = Path(named) if named else CONFIG_FILE
    if named and not main_file.exists():
        raise InputError(f"failed to read config file {main_file}: no such file or directory")
    files = [main_file, *sorted(main_file.with_name(main_file.name + ".d").glob("*.y*ml"))]
    values = merge_files(role, [file for file in files if file.exists()])
    for variable, key in ENVIRONMENT.items():
        if key in KEYS[role] and (text := environment.get(variable)):
            values[key] = _value(key, KEYS[role][key], text)
    return values | command_line.values


def merge_files(role: str, files: Sequence[Path]) -> Values:
    """Return the values of *files*, the last one winning; a key that ends in ``+`` appends to the list before it."""
    merged: Values = {}
    for file in files:
        try:
            document = yaml.safe_load(file.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"failed to read config file {file}: {error}") from error
        if document is None:
            continue
        if not isinstance(document, dict):
            raise InputError(f"failed to read config file {file}: not a map of keys and values")
        for written, raw in document.items():
            name = str(written)
            key = name.removesuffix("+")
            value = _value(key, _kind(role, key), raw)
            before = merged.get(key, [])
            if name.endswith("+") and isinstance(before, list) and isinstance(value, list):
                merged[key] = [*before, *value]
            else:
                merged[key] = value
    return merged


def parse_flags(role: str, arguments: Sequence[str]) -> Invocation:
    """
    Take the arguments after ``k3s server`` or ``k3s agent`` apart.

    Raises:
        InputError: an unknown flag, or one without its value.
    """
    values: Values = {}
    config_file: Path | None = None
    rest = list(arguments)
    while rest:
        flag, has_value, text = rest.pop(0).partition("=")
        if not flag.startswith("-"):
            raise InputError(f"unexpected argument: {flag}")
        key = SHORT_FLAGS.get(flag, flag.lstrip("-"))
        kind = Kind.TEXT if key == "config" else _kind(role, key)
        if not has_value:
            if kind is Kind.FLAG:
                text = "true"
            elif not rest:
                raise InputError(f"flag needs an argument: -{key}")
            else:
                text = rest.pop(0)
        if key == "config":
            config_file = Path(text)
            continue
        value = _value(key, kind, text)
        before = values.get(key)
        values[key] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value
    return Invocation(values, config_file)


def _kind(role: str, key: str) -> Kind:
    kind = KEYS[role].get(key)
    if kind is None:
        raise InputError(f"flag provided but not defined: -{key}")
    return kind


def _value(key: str, kind: Kind, raw: object) -> str | bool | list[str]:
    if kind is Kind.FLAG:
        text = str(raw).lower()
        if text not in {"true", "false"}:
            raise InputError(f'invalid boolean value "{raw}" for -{key}: parse error')
        return text == "true"
    if kind is Kind.LIST:
        return [_text(key, item) for item in raw] if isinstance(raw, list) else [_text(key, raw)]
    return _text(key, raw)


def _text(key: str, raw: object) -> str:
    if isinstance(raw, (dict, list)) or raw is None:
        raise InputError(f'invalid value "{raw}" for flag -{key}: one value expected')
    return str(raw).lower() if isinstance(raw, bool) else str(raw)
