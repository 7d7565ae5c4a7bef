"""Where a lab keeps its things on the host: everything below one directory, so that nothing can be forgotten."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import InputError

LABS_VARIABLE = "KOPROGO_LAB_DIR"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")


def labs_dir() -> Path:
    """Return the directory of all labs: ``$KOPROGO_LAB_DIR``, else ``/var/lib/koprogo-fleet/labs``; it may not exist."""
    return Path(os.environ.get(LABS_VARIABLE) or "/var/lib/koprogo-fleet/labs")


@dataclass(frozen=True)
class LabPaths:
    """
    The files of the lab called *name*.

    Raises:
        InputError: the name has other than 1 to 20 lower-case letters, digits and inner hyphens, or starts with a digit.
    """

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InputError(
                f"{self.name!r} cannot name a lab",
                cause="a lab's name has 1 to 20 lower-case letters, digits and hyphens, and begins with a letter",
                next_step="koprogo-fleet lab up --lab default",
            )

    @property
    def root(self) -> Path:
        """All of the lab; 0700, for it holds secrets."""
        return labs_dir() / self.name

    @property
    def lock(self) -> Path:
        """Held while the lab goes up or down; outside of the lab, so that ``down`` may remove all of that."""
        return labs_dir() / f".{self.name}.lock"

    @property
    def network(self) -> Path:
        """The number of the lab, from which its subnet and its interfaces' names come."""
        return self.root / "network.json"

    @property
    def machines(self) -> Path:
        """One directory for each machine, named by its id."""
        return self.root / "machines"

    @property
    def volumes(self) -> Path:
        """One sparse file for each volume."""
        return self.root / "volumes"

    @property
    def ovh_endpoint(self) -> Path:
        """How to reach the OVH emulator, written by it when it starts."""
        return self.root / "ovh-endpoint.json"

    @property
    def emulator_pid(self) -> Path:
        """The process file of the OVH emulator."""
        return self.root / "ovh.process"

    @property
    def emulator_log(self) -> Path:
        """What the OVH emulator says."""
        return self.root / "ovh.log"

    @property
    def buckets(self) -> Path:
        """One directory for each bucket, below its region's."""
        return self.root / "s3"

    @property
    def s3_log(self) -> Path:
        """What the S3 server says."""
        return self.root / "s3.log"

    @property
    def authority(self) -> Path:
        """The authority that the nodes trust, as they trust those of the world."""
        return self.root / "authority"

    def machine(self, machine_id: str) -> MachinePaths:
        """Return the files of one machine."""
        return MachinePaths(self.machines / machine_id)

    def volume(self, volume_id: str) -> Path:
        """Return the file behind a volume."""
        return self.volumes / f"{volume_id}.img"


@dataclass(frozen=True)
class MachinePaths:
    """The files of one machine, below *directory*."""

    directory: Path

    @property
    def record(self) -> Path:
        """What the machine is and should be; 0600, for user-data may hold keys."""
        return self.directory / "machine.json"

    @property
    def image(self) -> Path:
        """A link to the base image that the machine began with; a newer one must not be put under its changes."""
        return self.directory / "image"

    @property
    def upper(self) -> Path:
        """What the machine has changed of the base image."""
        return self.directory / "upper"

    @property
    def work(self) -> Path:
        """Overlayfs' own."""
        return self.directory / "work"

    @property
    def root(self) -> Path:
        """Where the machine's root file system is mounted."""
        return self.directory / "root"

    @property
    def data(self) -> Path:
        """What the machine keeps on the host's own file system, since overlayfs does not stack."""
        return self.directory / "data"

    @property
    def process(self) -> Path:
        """The process file of the machine."""
        return self.directory / "process"

    @property
    def console(self) -> Path:
        """What the machine says on its console."""
        return self.directory / "console.log"

    @property
    def lock(self) -> Path:
        """Held while the machine is changed; beside its directory, which may go."""
        return self.directory.with_name(f".{self.directory.name}.lock")
