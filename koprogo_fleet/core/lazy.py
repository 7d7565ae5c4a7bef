"""Packages whose names are imported when they are asked for (PEP 562), so that a script loads what it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def names_from(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """
    Return the ``__getattr__`` of *package*, whose *modules* hold these names.

    The package imports the same names where ``TYPE_CHECKING`` is true. No module may be called as a name is.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return get
