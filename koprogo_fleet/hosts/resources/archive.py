"""A directory that is unpacked from an archive."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._download import check_source, fetch_script
from koprogo_fleet.hosts.resources._path import ABSENT, check_path, look_at, parse_status

_STAMP = ".koprogo-sha256"

_UNPACK = """\
destination=@destination@
temporary=@beside@.koprogo-tmp
unpacked=@beside@.koprogo-new
former=@beside@.koprogo-old
mkdir -p -- @directory@
rm -rf -- "$temporary" "$unpacked" "$former"
trap 'rm -rf -- "$temporary" "$unpacked"' EXIT
@fetch@
mkdir -m 0755 -- "$unpacked"
tar --extract --no-same-owner --strip-components @strip@ --directory "$unpacked" --file "$temporary"
[ -n "$(ls -A -- "$unpacked")" ] || { echo 'nothing is left of the archive: strip takes too much' >&2; exit 1; }
echo @sha256@ >"$unpacked/@stamp@"
sync --file-system -- "$unpacked"
[ ! -e "$destination" ] || mv -T -- "$destination" "$former"
mv -T -- "$unpacked" "$destination"
rm -rf -- "$former"
"""


@dataclass(frozen=True)
class Archive:
    """
    The directory *destination* was unpacked from the tar archive with the checksum *sha256*, and from nothing else.

    The node fetches the archive and checks it before it is unpacked beside *destination*, which is then exchanged by
    renaming. A stamp in it says which archive it came from: what was changed in it afterwards is not noticed.

    Attributes:
        source: a URL (http, https), or a path on the node; compressed as tar can tell.
        sha256: in hexadecimal digits.
        destination: absolute; a directory that is there and has no stamp is not touched.
        strip: how many leading directories of the names in the archive are left out.
        notify: the handlers to run at the end if it changed.

    Raises:
        InputError: a source, checksum, path or number that cannot be one.
    """

    source: str
    sha256: str
    destination: str
    strip: int = 0
    notify: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_source(self.source, self.sha256)
        check_path(self.destination)
        if self.strip < 0:
            raise InputError(f"cannot strip {self.strip} directories from the names in an archive")

    @property
    def name(self) -> str:
        """The word archive and the directory."""
        return f"archive at {self.destination}"

    @property
    def _stamp(self) -> str:
        return f"{self.sha256} strip={self.strip}"

    def look(self) -> str:
        """Print the directory's status, the stamp, and whether anything is in it."""
        path = shlex.quote(self.destination)
        return (
            f"{look_at(self.destination)}\n[ ! -f {path}/{_STAMP} ] || head -c 200 {path}/{_STAMP}\n"
            f'[ -z "$(ls -A -- {path})" ] || echo FILES'
        )

    def decide(self, fact: Fact) -> Decision:
        """Unpack it if the directory came from another archive, or is empty."""
        new = f"sha256 {self.sha256[:12]}…"
        if fact.exit_status == ABSENT:
            return Change((Difference(Operation.CREATE, self.name, new=new),), self._script(), self.notify)
        status_line, _, rest = fact.text.partition("\n")
        kind = parse_status(status_line).kind
        stamp, _, _ = rest.rpartition("FILES")
        if kind != "directory" or (not stamp and rest):
            what = "has files that came from no archive of ours" if kind == "directory" else f"is a {kind}"
            return Refused(
                f"{self.destination} {what}", next_step=f"move it away: mv {self.destination} {self.destination}.old"
            )
        if stamp.strip() == self._stamp:
            return Unchanged()
        old = f"sha256 {stamp[:12]}…" if stamp else "empty"
        return Change((Difference(Operation.CHANGE, self.name, old=old, new=new),), self._script(), self.notify)

    def _script(self) -> str:
        path = PurePosixPath(self.destination)
        parts = {
            "destination": shlex.quote(self.destination),
            "beside": shlex.quote(f"{path.parent}/.{path.name}"),
            "directory": shlex.quote(str(path.parent)),
            "fetch": fetch_script(self.source, self.sha256),
            "strip": str(self.strip),
            "sha256": shlex.quote(self._stamp),
            "stamp": _STAMP,
        }
        return re.sub("@([a-z0-9]+)@", lambda placeholder: parts[placeholder[1]], _UNPACK)
