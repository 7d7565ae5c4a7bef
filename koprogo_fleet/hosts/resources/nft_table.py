"""A table of our own in the kernel's packet filter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged
from koprogo_fleet.hosts.resources.file import File
from koprogo_fleet.hosts.resources.service import Service
from koprogo_fleet.hosts.resources.unit import UnitFiles, unit_path


@dataclass(frozen=True)
class NftTable:
    """
    The nftables table ``inet`` *table* holds exactly *chains*, now and after a reboot; other tables are left alone.

    It is loaded in one transaction: no packet sees half of it. That somebody took the table out of the kernel is found;
    that somebody edited it there is not.

    Attributes:
        table: its name.
        chains: what stands between the braces of the table, as ``nft`` reads it.

    Raises:
        InputError: a name that no table can have.
    """

    table: str
    chains: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", self.table):
            raise InputError(f"not the name of an nftables table: {self.table!r}")

    @property
    def name(self) -> str:
        """The words and its name."""
        return f"nftables table {self.table}"

    def look(self) -> str:
        """Look at the file and the unit that loads it, and ask the kernel for the table."""
        kernel = f"nft --terse list table inet {self.table} >/dev/null 2>&1 && echo there || echo gone"
        return f"{kernel}\n{self._in_force().look()}"

    def questions(self) -> Iterable[Question]:
        """Ask about the files and the unit."""
        return self._in_force().questions()

    def decide(self, fact: Fact) -> Decision:
        """Write and load it; or load it again where it was taken away."""
        kernel, _, files = fact.stdout.partition(b"\n")
        decision = self._in_force().decide(Fact(fact.exit_status, files))
        if not isinstance(decision, Unchanged) or kernel == b"there":
            return decision
        missing = Difference(Operation.CREATE, self.name, new="it was taken out of the kernel")
        return Change((missing,), f"systemctl restart {self._unit}")

    @property
    def _unit(self) -> str:
        return f"koprogo-nft-{self.table.replace('_', '-')}.service"

    def _in_force(self) -> UnitFiles:
        rules = f"/etc/nftables.d/{self.table}.nft"
        # To name the table makes it, so that it can be deleted; all in one transaction.
        content = (
            f"table inet {self.table}\ndelete table inet {self.table}\ntable inet {self.table} {{\n{self.chains}}}\n"
        )
        unit = (
            f"[Unit]\nDescription=nftables table {self.table}\nDefaultDependencies=no\nAfter=local-fs.target nftables.service\n"
            "Before=network-pre.target shutdown.target\nWants=network-pre.target\nConflicts=shutdown.target\n\n"
            f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f {rules}\n\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        files = (File(rules, content, validate="nft --check -f %s"), File(unit_path(self._unit), unit))
        return UnitFiles(files, Service(self._unit))
