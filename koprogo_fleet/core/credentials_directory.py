"""
Variables of which some are files: what systemd's ``LoadCredential=`` gives to a service, or a Secret gives to a pod.

A file of ``$CREDENTIALS_DIRECTORY`` that is named as a variable stands for it. Unlike a variable it is not inherited by the
programs that we start, and nobody reads it from ``/proc``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from koprogo_fleet.core.errors import MissingCredentials

DIRECTORY_VARIABLE = "CREDENTIALS_DIRECTORY"
NAME = re.compile(r"(OVH|VAULT)_[A-Z0-9_]+")
"""What a file has to be called to be one of ours: other credentials of the service are nobody's variables."""


class Variables(Mapping[str, str]):
    """The variables of *environment*, and over them the files of the directory that it names; each is read when asked for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        directory = environment.get(DIRECTORY_VARIABLE)
        self._directory = Path(directory) if directory else None

    def __getitem__(self, name: str) -> str:
        """
        Return the variable *name*, without the line end of its file.

        Raises:
            KeyError: there is none.
            MissingCredentials: its file cannot be read.
        """
        path = self._file(name)
        if path is None:
            return self._environment[name]
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise MissingCredentials(
                f"the credential {path} cannot be read: {reason}",
                next_step=f"look at what the service's LoadCredential= for {name} names",
            ) from None  # the cause would carry what the file holds

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._environment, *self._files())))

    def __len__(self) -> int:
        return len({*self._environment, *self._files()})

    def place(self, name: str) -> str:
        """Say where the variable is, for people: "VAULT_TOKEN in the environment"."""
        return f"{name} in the {'environment' if self._file(name) is None else 'credentials directory'}"

    def _file(self, name: str) -> Path | None:
        if self._directory is None or not NAME.fullmatch(name):
            return None
        path = self._directory / name
        return path if path.exists() else None

    def _files(self) -> tuple[str, ...]:
        if self._directory is None or not self._directory.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._directory.iterdir() if NAME.fullmatch(path.name)))


def variables(environment: Mapping[str, str] | None = None) -> Variables:
    """Return the variables of *environment*, or of this process, with the credentials directory over them."""
    return Variables(os.environ if environment is None else environment)
