"""A repository of Debian packages besides the distribution's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._apt import LOCK_SECONDS, with_apt
from koprogo_fleet.hosts.resources._parts import Unfinished, look_at_parts, mend_files, parts_of
from koprogo_fleet.hosts.resources.file import File

# Only this one's lists: another repository that does not answer is not this one's business. By default apt-get ends well
# if it cannot reach a repository.
_UPDATE = """\
apt update --option Dir::Etc::sourcelist=SOURCES --option Dir::Etc::sourceparts=- --option APT::Get::List-Cleanup=0 \\
  --option APT::Update::Error-Mode=any || fail
"""


@dataclass(frozen=True)
class AptSource:
    """
    apt has packages from this repository, which must be signed by *signing_key*; its lists are fetched when it changed.

    One that is not wanted any more is two files that are :class:`Absent`.

    Attributes:
        source: a name for it: /etc/apt/sources.list.d/<source>.sources, /etc/apt/keyrings/<source>.asc.
        uris: where it is.
        suites: as "bookworm", or "./" for a repository without suites.
        components: as "main"; none for a repository without suites.
        signing_key: the public key, ASCII-armored. It vouches for this repository alone.
        lock_seconds: how long another user of apt is waited for.

    Raises:
        InputError: a value that cannot stand in a .sources file, or something that is no public key.
    """

    source: str
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signing_key: str
    lock_seconds: int = LOCK_SECONDS

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.source):
            raise InputError(f"not a name for an apt source: {self.source!r}")
        if not self.uris or not self.suites:
            raise InputError(f"the apt source {self.source} needs a URI and a suite")
        for word in (*self.uris, *self.suites, *self.components):
            if not re.fullmatch(r"[!-~]+", word):
                raise InputError(f"not one word of the apt source {self.source}: {word!r}")
        if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in self.signing_key:
            raise InputError(
                f"the signing key of the apt source {self.source} is not an ASCII-armored public key",
                next_step="gpg --armor --export KEY",
            )

    @property
    def name(self) -> str:
        """The words and its name."""
        return f"apt source {self.source}"

    @property
    def _files(self) -> tuple[File, File]:
        key = File(f"/etc/apt/keyrings/{self.source}.asc", f"{self.signing_key.strip()}\n")
        fields = {
            "Types": "deb",
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            "Signed-By": key.path,
        }
        lines = "".join(f"{field}: {value}\n" for field, value in fields.items() if value)
        return key, File(f"/etc/apt/sources.list.d/{self.source}.sources", lines)

    def look(self) -> str:
        """Look at both files, and whether the lists are still to be fetched."""
        return look_at_parts([*(file.look() for file in self._files), self._unfinished().look()])

    def questions(self) -> Iterable[Question]:
        """Ask for both files."""
        return (question for file in self._files for question in file.questions())

    def decide(self, fact: Fact) -> Decision:
        """Write the files and fetch the lists."""
        *file_facts, unfinished = parts_of(fact)
        files = mend_files(self._files, file_facts)
        if isinstance(files, Refused):
            return files
        if not files.differences and not unfinished.exit_status:
            return Unchanged()
        lists = Difference(Operation.CHANGE, f"package lists of {self.name}", old="not fetched", new="fetched")
        update = with_apt(_UPDATE.replace("SOURCES", self._files[1].path), self.lock_seconds)
        return Change(files.differences or (lists,), self._unfinished().around(files.script, update))

    def _unfinished(self) -> Unfinished:
        return Unfinished(f"apt-source-{self.source}")
