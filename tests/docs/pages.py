"""What the tests of the documentation read: the project's files, and the parts of a Markdown page."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (.+?) +\|$", re.MULTILINE)


def project_files() -> Iterator[Path]:
    """Yield every file of the project; what ``.gitignore`` names is not of it."""
    ignored = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line)]
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        names = {name for name in (*folders, *files) if _is_ignored(here / name, ignored)}
        folders[:] = sorted(set(folders) - names)
        yield from (ROOT / here / name for name in sorted(set(files) - names))


def _is_ignored(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(path.name, pattern) or fnmatch(str(path), pattern) for pattern in patterns)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """The whole page."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[str]:
        """Return the fenced blocks in *languages*."""
        return [body for language, body in FENCE.findall(self.text) if language in languages]

    @property
    def spans(self) -> list[str]:
        """The code inside the prose."""
        return [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", self.prose)]

    @property
    def anchors(self) -> set[str]:
        """The anchors of the headings, as GitHub makes them."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def rows(self, heading: str = "") -> list[list[str]]:
        """Return the cells of the first table below *heading*, without its head."""
        section = self.text.partition(f"\n{heading}\n")[2] if heading else self.text
        table = re.search(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
        return [re.split(r" *\| ", row) for row in ROW.findall(table[0])[1:]] if table else []


PAGES = [Page(path) for path in project_files() if path.suffix == ".md"]


def page(name: str) -> Page:
    """Return a page by its path in the project."""
    return Page(ROOT / name)
