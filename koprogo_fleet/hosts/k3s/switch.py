"""Another release of K3s put in the place of the one that runs, which is kept; and that one put back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.service import RESTART, restart_script
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged

NOTHING_KEPT = 66

_KEEP = """\
if [ -e {binary} ] && ! echo {sum} | sha256sum --check --status; then
  rm -rf {kept}.koprogo-tmp
  mkdir -p -m 0700 {kept}.koprogo-tmp
  for file in {files}; do
    [ -e "$file" ] || continue
    mkdir -p "{kept}.koprogo-tmp${{file%/*}}"
    cp -aT "$file" "{kept}.koprogo-tmp$file"
  done
  sync
  rm -rf {kept}
  mv -fT {kept}.koprogo-tmp {kept}
fi
"""
_PUT = """\
mkdir -p {directory}
rm -f {temporary}
mv -fT {staged} {temporary}
chown root:root {temporary}
chmod {mode} {temporary}
echo {sum} | sha256sum --check --status
sync {temporary}
mv -fT {temporary} {file}
"""
_TIDY = """\
find {stage} -mindepth 1 -maxdepth 1 ! -path {kept} -exec rm -rf {{}} +
"""
_BACK = """\
set -eu
[ -e {kept}{binary} ] || {{ echo "nothing is kept in {kept}" >&2; exit {nothing}; }}
for file in {files}; do
  [ -e "{kept}$file" ] || continue
  rm -rf "$file.koprogo-tmp"
  cp -aT "{kept}$file" "$file.koprogo-tmp"
  if [ -d "$file" ]; then rm -rf "$file"; fi
  mv -fT "$file.koprogo-tmp" "$file"
done
sync
{restart}
"""


@dataclass(frozen=True)
class Staged:
    """A file that waits on the node: where it is, where it belongs, its checksum and permissions."""

    staged: str
    file: str
    sha256: str
    mode: str


@dataclass(frozen=True)
class Switched:
    """
    The files of a release are in place; what they replace is kept, once, so that the node can go back to it.

    Attributes:
        release: what people call it.
        role: of the node.
        files: the binary first: while it is the old one, nothing has been replaced.
    """

    release: Release
    role: Role
    files: Sequence[Staged]

    @property
    def name(self) -> str:
        """Name it as people do."""
        return f"K3s {self.release}"

    def look(self) -> str:
        """Print the checksums of what is in place, and what the binary says that it is."""
        names = " ".join(shlex.quote(file.file) for file in self.files)
        return f"sha256sum -- {names} 2>/dev/null; {paths.BINARY} --version 2>/dev/null | head -n 1"

    def decide(self, fact: Fact) -> Decision:
        """Replace what differs, the binary first, and have K3s restarted."""
        lines = [line.split(maxsplit=1) for line in fact.text.splitlines()]
        present = {words[1]: words[0] for words in lines if len(words) == 2}  # noqa: PLR2004 - a checksum and a name
        stale = [file for file in self.files if present.get(file.file) != file.sha256]
        if not stale:
            return Unchanged()
        old = Release.find("".join(fact.text.splitlines()[-1:]))
        differences = [Difference(Operation.CHANGE, "K3s", str(old or "unknown"), str(self.release))]
        differences += [
            Difference(Operation.CHANGE, f"file {file.file}", new=f"sha256 {file.sha256[:12]}")
            for file in stale
            if file.file != paths.BINARY
        ]
        script = keep(self.role, self.files[0]) + "".join(map(_put, stale))
        return Change(tuple(differences), script + _TIDY.format(stage=paths.STAGE, kept=paths.KEPT), (RESTART,))


def staged(release: Release, file: str, sha256: str, mode: str) -> Staged:
    """Return where a file of *release* waits until it is its turn; same file system as the binary, as a rule."""
    return Staged(f"{paths.STAGE}/{release}/{file.rpartition('/')[2]}", file, sha256, mode)


def keep(role: Role, binary: Staged) -> str:
    """Return the sh that keeps what *binary* is going to replace: the old one, its unit and its configuration."""
    return _KEEP.format(
        binary=binary.file,
        sum=shlex.quote(f"{binary.sha256}  {binary.file}"),
        kept=paths.KEPT,
        files=" ".join(_kept_files(role)),
    )


def back_script(role: Role) -> str:
    """
    Return the sh that puts back what was kept, and orders a restart; nothing is started before all of it is in place.

    It ends with :data:`NOTHING_KEPT` where an upgrade never came that far.
    """
    return _BACK.format(
        kept=paths.KEPT,
        binary=paths.BINARY,
        nothing=NOTHING_KEPT,
        files=" ".join(_kept_files(role)),
        restart=restart_script(unit_name(role)),
    )


def _kept_files(role: Role) -> tuple[str, ...]:
    unit = f"/etc/systemd/system/{unit_name(role)}.service"
    return paths.BINARY, unit, paths.CONFIG, f"{paths.CONFIG}.d"


def _put(file: Staged) -> str:
    temporary = f"{file.file}.koprogo-tmp"
    return _PUT.format(
        directory=shlex.quote(file.file.rpartition("/")[0]),
        temporary=shlex.quote(temporary),
        staged=shlex.quote(file.staged),
        mode=file.mode,
        sum=shlex.quote(f"{file.sha256}  {temporary}"),
        file=shlex.quote(file.file),
    )
