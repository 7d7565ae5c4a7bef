"""Kernel settings, now and after a reboot."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Refused, Unchanged
from koprogo_fleet.hosts.resources.file import File


@dataclass(frozen=True)
class Sysctl:
    """
    Kernel settings (``net.ipv4.ip_forward``: "1") have these values, and *file* in /etc/sysctl.d keeps them so.

    A setting that is read-only here (a container shares its host's) or that this kernel does not have is reported as
    not applicable, unless it has the wanted value anyway; the others are set all the same.

    Raises:
        InputError: a key that no setting can have.
    """

    settings: Mapping[str, str]
    file: str

    def __post_init__(self) -> None:
        if bad := [key for key in self.settings if not re.fullmatch(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_.-]+)+", key)]:
            raise InputError(f"not a kernel setting: {', '.join(map(repr, bad))}")

    @property
    def name(self) -> str:
        """The file's."""
        return f"kernel settings of {self.file}"

    def look(self) -> str:
        """Print for each setting whether it can be written, then the values, then the file's state."""
        paths = [_path(key) for key in self.settings]
        # Not by `read`: it reads byte by byte, and the kernel gives no more than the first byte of a number that way.
        return "\n".join(
            [
                f"for path in {' '.join(paths)}; do",
                'if [ ! -e "$path" ]; then echo missing; elif [ -w "$path" ]; then echo rw; else echo ro; fi',
                "done",
                f"grep -sH '' {' '.join(paths)}",
                "echo --",
                self._file().look(),
            ]
        )

    def decide(self, fact: Fact) -> Decision:
        """Set what differs and can be set."""
        head, _, rest = fact.stdout.partition(b"--\n")
        on_disk = self._file().decide(Fact(fact.exit_status, rest))
        if isinstance(on_disk, Refused):
            return on_disk
        differences = list(on_disk.differences) if isinstance(on_disk, Change) else []
        lines = [on_disk.complete] if isinstance(on_disk, Change) else []
        reasons = []
        said = head.decode(errors="replace").splitlines()
        values = dict(line.split(":", 1) for line in said[len(self.settings) :])
        for (key, wanted), access in zip(self.settings.items(), said, strict=False):
            value = " ".join(values.get(_path(key), "").split())
            if access == "missing":
                reasons.append(f"{key}: this kernel has no such setting (yet)")
                # It may come with a module that is loaded by an earlier step.
                lines.append(f"if [ -e {_path(key)} ]; then {_set(key, wanted)}; fi")
            elif value != " ".join(wanted.split()):
                if access == "ro":
                    reasons.append(f"{key}: read-only here (the host of a container sets it), it is {value}")
                    continue
                differences.append(Difference(Operation.CHANGE, f"kernel setting {key}", old=value, new=wanted))
                lines.append(_set(key, wanted))
        if differences:
            return Change(tuple(differences), "\n".join(lines), not_applicable="; ".join(reasons))
        return NotApplicable("; ".join(reasons)) if reasons else Unchanged()

    def _file(self) -> File:
        return File(self.file, "".join(f"{key} = {value}\n" for key, value in self.settings.items()))


def _path(key: str) -> str:
    # As sysctl has it: with a slash in the key, its dots are dots (net/ipv4/conf/eth0.42/forwarding).
    return f"/proc/sys/{key if '/' in key else key.replace('.', '/')}"


def _set(key: str, value: str) -> str:
    return f"printf '%s\\n' {shlex.quote(value)} >{_path(key)}"
