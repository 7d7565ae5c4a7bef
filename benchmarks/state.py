"""Looking at hosts, and setting them back, without any of the tools that are measured."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.work import SSHD_CONFIG, Target, Work, configured

PRISTINE = "/root/sshd_config.pristine"
_MARK = "--"


@dataclass(frozen=True)
class Observed:
    """
    What a host holds.

    Attributes:
        states: of each file "sha256 mode owner group", of each service "active enabled".
        identities: inode and time of change of each file: the same before and after means that nothing was written.
    """

    states: Mapping[str, str]
    identities: Mapping[str, str]


def look(work: Work, target: Target) -> str:
    """Return sh that prints what :func:`parse` understands."""
    paths = " ".join(_paths(work, target))
    units = " ".join(work.services)
    sums = f"sha256sum {paths} 2>/dev/null; echo {_MARK}; stat -c '%n %a %U %G %i %Z' {paths} 2>/dev/null; echo {_MARK}"
    return f"{sums}; systemctl is-active {units}; systemctl is-enabled {units}; :" if units else sums


def parse(work: Work, output: str) -> Observed:
    """Take apart what :func:`look` printed; what is missing on the host is missing here."""
    sums_text, status_text, units_text = output.split(f"{_MARK}\n")
    sums = {path: digest for digest, path in (line.split(maxsplit=1) for line in sums_text.splitlines())}
    states, identities = {}, {}
    for path, mode, owner, group, inode, changed in map(str.split, status_text.splitlines()):
        states[path] = f"{sums[path]} {mode} {owner} {group}"
        identities[path] = f"{inode} {changed}"
    words = units_text.split()
    for unit, active, enabled in zip(work.services, words, words[len(work.services) :], strict=False):
        states[unit] = f"{active} {enabled}"
    return Observed(states, identities)


def undo(work: Work, target: Target) -> str:
    """Return sh after which no resource is as desired: of the files, half are missing and half hold something else."""
    lines = [f"mkdir -p {target.directory}"]
    for number, file in enumerate(work.files):
        path = f"{target.directory}/{file.name}"
        lines.append(f"echo something else >{path}; chmod 0600 {path}" if number % 2 else f"rm -f {path}")
    if work.services:
        lines.append(f"systemctl --quiet disable --now {' '.join(work.services)}")
    if work.settings:
        lines.append(f"cp {PRISTINE} {SSHD_CONFIG}")
    return "\n".join(lines)


def settle(work: Work, target: Target, sshd_config: str) -> str:
    """Return sh after which every resource is as desired."""
    lines = [f"mkdir -p {target.directory}"]
    contents = {f"{target.directory}/{file.name}": (file.content, file.mode) for file in work.files}
    if work.settings:
        contents[SSHD_CONFIG] = (configured(work, sshd_config), "0644")
    for path, (content, mode) in contents.items():
        encoded = base64.b64encode(content.encode()).decode()
        lines.append(f"echo {encoded} | base64 -d >{path}; chown root:root {path}; chmod {mode} {path}")
    if work.services:
        lines.append(f"systemctl --quiet enable --now {' '.join(work.services)}")
    return "\n".join(lines)


def _paths(work: Work, target: Target) -> Sequence[str]:
    paths = [f"{target.directory}/{file.name}" for file in work.files]
    return [*paths, SSHD_CONFIG] if work.settings else paths
