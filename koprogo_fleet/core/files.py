"""Files that are either the old ones or the new ones, whatever happens in between."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement


def write_atomically(path: Path, data: str | bytes, mode: int = 0o644) -> bool:
    """
    Make *path* hold *data* with the permissions *mode*; a reader sees all of it or none of it.

    The new file has its permissions before it has its name, so that a secret is never readable by others, not even for
    a moment. Missing parent directories are made. A file that is already right is left alone.

    Args:
        path: the file to write.
        data: its whole content; text is written as UTF-8.
        mode: its permission bits, regardless of the umask.

    Returns:
        whether the file changed.

    Raises:
        MissingRequirement: the disk is full or the directory is not writable; the old file is untouched.
    """
    content = data.encode() if isinstance(data, str) else data
    try:
        if _holds(path, content, mode):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content, mode)
    except OSError as error:
        raise MissingRequirement(
            f"cannot write {path}: {error.strerror or error}",
            next_step=f"look at the space and the permissions of {path.parent} (df -h, ls -ld), then run the same again",
        ) from error
    return True


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* (new, renamed or removed files) survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _holds(path: Path, content: bytes, mode: int) -> bool:
    try:
        status = path.lstat()
        return (
            status.st_mode == (stat.S_IFREG | mode) and status.st_size == len(content) and path.read_bytes() == content
        )
    except FileNotFoundError:
        return False


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
