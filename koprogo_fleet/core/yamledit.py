"""Changing one value in a YAML file that people write, and not one other character of it."""

from __future__ import annotations

import yaml

from koprogo_fleet.core.model import Place


def with_value(text: str, place: Place, value: int | str) -> str:
    """
    Return *text* with a number or a plain word at *place* instead of the plain value there; comments and layout stay as they are.

    Args:
        text: of one document without aliases, as :mod:`koprogo_fleet.core.yamlfile` reads it.
        place: field names and list positions that lead to a plain value.
        value: what is written.

    Raises:
        LookupError: there is no such place, or it holds more than a plain value.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.BaseLoader)
    for step in place:
        node = _below(node, step)
    if isinstance(node, yaml.ScalarNode):
        return f"{text[: node.start_mark.index]}{value}{text[node.end_mark.index :]}"
    raise LookupError(f"no plain value at {place}")


def _below(node: yaml.Node | None, step: str | int) -> yaml.Node:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                found: yaml.Node = value
                return found
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item: yaml.Node = node.value[step]
        return item
    raise LookupError(f"nothing at {step}")
