"""What every tool is asked to bring about, as values; and how that is told from anything else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

SSHD_CONFIG = "/etc/ssh/sshd_config"


@dataclass(frozen=True)
class FileSpec:
    """A file in a host's own directory, owned by root."""

    name: str
    content: str
    mode: str = "0644"


@dataclass(frozen=True)
class Work:
    """
    The desired state of each host.

    Attributes:
        files: their names are relative to the directory of the host.
        services: systemd units, running and enabled.
        settings: the values of keywords in sshd_config, each in the place of the commented default.
    """

    files: tuple[FileSpec, ...]
    services: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """How many resources it is."""
        return len(self.files) + len(self.services) + len(self.settings)


@dataclass(frozen=True)
class Target:
    """One host: how to reach it, and the directory that is its own."""

    name: str
    address: str
    port: int
    user: str
    host_key: str
    directory: str
    vrack_mac: str = ""

    @property
    def by_sudo(self) -> bool:
        """Whether root's work is done by sudo."""
        return self.user != "root"


@dataclass(frozen=True)
class Access:
    """What every tool is given to log in with: one key, and the host keys by name and by address."""

    private_key: str
    known_hosts: str


def files(count: int) -> tuple[FileSpec, ...]:
    """Return *count* files of about 1.5 KiB, with two modes."""
    return tuple(
        FileSpec(
            f"service-{number}.conf",
            "".join(f"setting_{line} = value {number}.{line} of the benchmark\n" for line in range(40)),
            mode="0644" if number % 2 else "0640",
        )
        for number in range(1, count + 1)
    )


NODE_WORK = Work(
    files=files(8),
    services=("bench-mail.service", "bench-web.service", "bench-queue.service"),
    settings=(("MaxAuthTries", "4"), ("LoginGraceTime", "45"), ("ClientAliveInterval", "60"), ("MaxStartups", "50")),
)
ENDPOINT_WORK = Work(files=files(5))
FULL_WORK = Work(files=files(30), services=NODE_WORK.services)
"""What a site adds to the baseline of its nodes."""
WORKS = {"node": NODE_WORK, "endpoint": ENDPOINT_WORK, "full": FULL_WORK}


def commented(keyword: str) -> str:
    """Return the extended regular expression of the line that holds *keyword*, or its commented default."""
    return f"^#?{keyword} .*$"


def configured(work: Work, sshd_config: str) -> str:
    """Return the sshd_config of a new node with the settings in it."""
    for keyword, value in work.settings:
        sshd_config = re.sub(commented(keyword), f"{keyword} {value}", sshd_config, flags=re.MULTILINE)
    return sshd_config


def desired(work: Work, target: Target, sshd_config: str) -> Mapping[str, str]:
    """Return what :mod:`benchmarks.state` must observe on *target*; *sshd_config* is that of a new node."""
    states = {
        f"{target.directory}/{file.name}": f"{sha256(file.content)} {file.mode.lstrip('0')} root root"
        for file in work.files
    }
    if work.settings:
        states[SSHD_CONFIG] = f"{sha256(configured(work, sshd_config))} 644 root root"
    return states | dict.fromkeys(work.services, "active enabled")


def sha256(text: str) -> str:
    """Return the digest as sha256sum prints it."""
    return hashlib.sha256(text.encode()).hexdigest()
