"""
paramiko, imported without what it needs only for ``Match exec`` in an ssh_config: invoke.

That is a third of the time that ``import paramiko`` takes, for it brings unittest.mock and asyncio along. While paramiko
is imported a stand-in takes invoke's place, which imports the real one when it is asked for anything.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_INVOKE = "invoke"


class _WhenUsed(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(_INVOKE), name)


def import_paramiko() -> None:
    """Import it, unless it or invoke is imported already."""
    if "paramiko" in sys.modules or _INVOKE in sys.modules:
        return
    sys.modules[_INVOKE] = _WhenUsed(_INVOKE)
    try:
        import_module("paramiko")
    finally:
        del sys.modules[_INVOKE]
