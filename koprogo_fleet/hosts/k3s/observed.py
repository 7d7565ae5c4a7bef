"""What has to be known of every node before K3s is configured: asked with one script, which changes nothing."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.backend import PROBE
from koprogo_fleet.hosts.k3s.hardening import KERNEL

PULL_SECONDS = 8

_FILES = f"""\
for file in {paths.CONFIG} {paths.CONFIG_DROP_INS}/*.yaml; do
  if [ -f "$file" ]; then printf 'file %s %s\\n' "$file" "$(base64 -w 0 <"$file")"; fi
done
if [ -d {paths.ETCD_DATA} ]; then echo 'installed'; fi
"""
_KERNEL = """\
for setting in SETTINGS; do
  file=/proc/sys/$(echo "$setting" | tr . /)
  if [ -w "$file" ]; then may=settable; else may=fixed; fi
  if [ -e "$file" ]; then echo "kernel $setting $may $(cat "$file")"; fi
done
"""


@dataclass(frozen=True)
class Observed:
    """
    What was found on one node.

    Attributes:
        backends: the flannel backends that its kernel can.
        files: K3s' configuration files, in the order in which it reads them, by path.
        installed: it has an etcd member's data.
        foreign_kernel: settings that the kubelet insists on, that are different, and that cannot be changed here.
        resolved: those of the asked names that lead to an address.
        reached: those of the asked registries that answered.
        images: those of the asked images that it has.
    """

    backends: frozenset[str]
    files: Mapping[str, str]
    installed: bool
    foreign_kernel: str
    resolved: frozenset[str]
    reached: frozenset[str]
    images: frozenset[str]


def look(names: Sequence[str] = (), registries: Sequence[str] = (), images: Sequence[str] = ()) -> str:
    """
    Return the script.

    Args:
        names: host names to resolve.
        registries: URLs of registries to ask, as a pull begins: by ``/v2/``.
        images: full names of images that K3s' containerd may have.
    """
    parts = [PROBE, _FILES, _KERNEL.replace("SETTINGS", " ".join(KERNEL))]
    parts += [
        f"if getent ahostsv4 {shlex.quote(name)} >/dev/null; then echo {shlex.quote(f'name {name}')}; fi\n"
        for name in names
    ]
    ask = (
        f"curl --disable --silent --insecure --max-time {PULL_SECONDS} --output /dev/null --write-out '%{{http_code}}'"
    )
    parts += [
        f"case $({ask} {shlex.quote(f'{url}/v2/')}) in 200|401) echo {shlex.quote(f'registry {url}')} ;; esac\n"
        for url in registries
    ]
    parts += [
        f"if timeout 10 {paths.BINARY} ctr images list -q 2>/dev/null | grep -qxF {shlex.quote(image)}; "
        f"then echo {shlex.quote(f'image {image}')}; fi\n"
        for image in images
    ]
    return "".join(parts)


def parse(output: str) -> Observed:
    """Return the meaning of the script's output."""
    lines = [line.split(" ", 2) for line in output.splitlines()]

    def of(kind: str) -> frozenset[str]:
        return frozenset(line[1] for line in lines if line[0] == kind)

    different = (
        f"{name} is {value}, not {KERNEL[name]}"
        for kind, name, rest in (line for line in lines if line[0] == "kernel")
        for may, _, value in [rest.partition(" ")]
        if may == "fixed" and value.strip() != KERNEL[name]
    )
    return Observed(
        backends=of("backend"),
        files={
            line[1]: base64.b64decode(line[2]).decode(errors="replace")
            for line in lines
            if line[0] == "file" and len(line) == 3  # noqa: PLR2004 - kind, path, content
        },
        installed=["installed"] in lines,
        foreign_kernel=", ".join(different),
        resolved=of("name"),
        reached=of("registry"),
        images=of("image"),
    )
