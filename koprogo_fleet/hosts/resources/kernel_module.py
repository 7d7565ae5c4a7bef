"""Kernel modules, now and after a reboot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Refused, Unchanged
from koprogo_fleet.hosts.resources.file import File

_LOOK = """\
[ ! -e /run/systemd/container ] || echo container
for module in MODULES; do
  if [ -d "/sys/module/$module" ]; then echo "$module loaded"; continue; fi
  case $(modprobe --show-depends "$module" 2>/dev/null) in
    builtin*) echo "$module loaded" ;;
    insmod*) echo "$module available" ;;
    *) echo "$module unknown" ;;
  esac
done
echo --
"""


@dataclass(frozen=True)
class KernelModules:
    """
    These modules are loaded, and named in *file* for the next boot.

    A module that the kernel does not have, or that a container would have to load into its host's kernel, is not
    applicable; a module that is built in counts as loaded.

    Raises:
        InputError: a name that no module can have.
    """

    names: tuple[str, ...]
    file: str = "/etc/modules-load.d/koprogo-fleet.conf"

    def __post_init__(self) -> None:
        if bad := [name for name in self.names if not re.fullmatch(r"[a-z0-9_]+", name)]:
            raise InputError(f"not the name of a kernel module, with _ for -: {', '.join(map(repr, bad))}")

    @property
    def name(self) -> str:
        """What it is, with the names."""
        return f"kernel modules {' '.join(self.names)}"

    def look(self) -> str:
        """Print the state of each, then the file's."""
        return _LOOK.replace("MODULES", " ".join(self.names)) + self._list().look()

    def decide(self, fact: Fact) -> Decision:
        """Load what can be loaded."""
        head, _, listed = fact.stdout.partition(b"--\n")
        words = head.decode(errors="replace").split()
        in_container = words[:1] == ["container"]
        states = dict(zip(words[in_container::2], words[in_container + 1 :: 2], strict=True))
        on_disk = self._list().decide(Fact(fact.exit_status, listed))
        if isinstance(on_disk, Refused):
            return on_disk
        missing = [name for name in self.names if states.get(name) == "available" and not in_container]
        reason = _reason(states, in_container=in_container)
        if missing or isinstance(on_disk, Change):
            first = on_disk if isinstance(on_disk, Change) else Change((), ":")
            loaded = tuple(Difference(Operation.CREATE, f"kernel module {name}") for name in missing)
            script = "\n".join([first.complete, *(f"modprobe {name}" for name in missing)])
            return Change((*first.differences, *loaded), script, not_applicable=reason)
        return NotApplicable(reason) if reason else Unchanged()

    def _list(self) -> File:
        return File(self.file, "".join(f"{name}\n" for name in self.names))


def _reason(states: Mapping[str, str], *, in_container: bool) -> str:
    lacking = [name for name, state in states.items() if state == "unknown" or (in_container and state == "available")]
    if not lacking:
        return ""
    why = "a container has its host's kernel" if in_container else "this kernel has no such module"
    return f"{', '.join(lacking)}: not loaded, and {why}"
