"""A difference is data; showing it is another module's job."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What has to happen to reach the desired state."""

    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True)
class Difference:
    """
    One thing that is not as desired.

    *what* names it as the field does ("file /etc/hosts", "volume koprogo-worker-1"); *old* and *new* are short,
    printable and never secret, and of what is replaced the reason; *detail* may hold a unified diff.
    """

    operation: Operation
    what: str
    old: str = ""
    new: str = ""
    detail: str = ""

    def __str__(self) -> str:
        if self.operation in {Operation.CHANGE, Operation.REPLACE} and (self.old or self.new):
            return f"{self.operation} {self.what}: {self.old or 'nothing'} -> {self.new or 'nothing'}"
        return f"{self.operation} {self.what}" + (f": {self.new}" if self.new else "")


def text_diff(old: str, new: str, name: str) -> str:
    """Return the unified diff from *old* to *new*, without a time stamp."""
    return "\n".join(
        difflib.unified_diff(old.splitlines(), new.splitlines(), f"{name} (now)", f"{name} (desired)", lineterm="", n=1)
    )
