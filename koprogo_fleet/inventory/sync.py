"""Bring the inventory files in line with what exists, unless what exists looks wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import FileProblems, InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.yamlfile import load_yaml
from koprogo_fleet.inventory.documents import Documents, Hosts, documents
from koprogo_fleet.inventory.observe import VrackPort, observe
from koprogo_fleet.ovh.client import OvhApi

KnowAddress = Callable[[str, str], None]
"""Told each host's name and public address, so that its host key is known under both."""


@dataclass(frozen=True)
class Synced:
    """What a sync found: the hosts that are in the inventory now, those left out and why, and what differed."""

    hosts: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    differences: tuple[Difference, ...]


def sync(  # noqa: PLR0913 - what it needs, by name
    api: OvhApi,
    fleet: Fleet,
    directory: Path,
    private_key: Path,
    *,
    certificate: Path | None = None,
    know_address: KnowAddress | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Synced:
    """
    Write hosts.yaml, groups.yaml and defaults.yaml in *directory*; files that are right already stay untouched.

    Args:
        api: the OVH API.
        fleet: the desired state.
        directory: the inventory's, ``inventory/<env>``.
        private_key: the file of the SSH key to log in with.
        certificate: the file of its certificate.
        know_address: told each host's name and public address.
        force: accept that the inventory loses half of its hosts, or all; and believe nothing of the last one.
        dry_run: only find what differs.

    Raises:
        OvhError: the API refused, or gave no answer.
        InputError: what the API shows cannot be right, see :func:`refuse_losses` and :func:`documents`.
    """
    before = hosts_before(directory / "hosts.yaml")
    found = documents(fleet, observe(api, fleet, () if force else known_ports(before)), private_key, certificate)
    if not force:
        wanted = {*(node.name for node in fleet.nodes), *(server.name for server in fleet.dedicated_servers)}
        refuse_losses({name: host for name, host in before.items() if name in wanted}, found)
    differences = tuple(_differences(before, found.hosts))
    if not dry_run:
        for name, text in found.files().items():
            write_atomically(directory / name, text)
        if know_address is not None:
            for host, entry in found.hosts.items():
                know_address(host, entry["hostname"])
    return Synced(tuple(found.hosts), found.left_out, differences)


def refuse_losses(before: Hosts, found: Documents) -> None:
    """
    Refuse an inventory that is empty, or that lost at least half of its hosts: the API may not show everything.

    *before* are those of the last inventory that fleet.yaml still wants: of the others nobody expects anything.

    Raises:
        InputError: it did.
    """
    lost = [name for name in before if name not in found.hosts]
    reasons = "".join(f"\n  {name}: {reason}" for name, reason in found.left_out)
    if not found.hosts:
        raise InputError(
            f"the OVH API shows no node of this fleet{reasons}",
            cause="nothing is provisioned yet, or the credentials are those of another project",
            next_step="koprogo-fleet provision; if everything was deleted on purpose: "
            "koprogo-fleet inventory sync --force",
        )
    if before and 2 * len(lost) >= len(before):
        raise InputError(
            f"{len(lost)} of {len(before)} hosts are gone: {', '.join(lost)}{reasons}",
            cause="they were deleted, or the API does not show everything just now",
            next_step="look in the OVH manager; if they are gone on purpose: koprogo-fleet inventory sync --force",
        )


def known_ports(hosts: Hosts) -> tuple[VrackPort, ...]:
    """Return the vRack ports in an earlier hosts.yaml; entries that were tampered with are not used."""
    ports = []
    for host in hosts.values():
        try:
            data = host["data"]
            ports.append(VrackPort(data["instance_id"], IPv4Address(data["vrack"]["address"]), data["vrack"]["mac"]))
        except (KeyError, TypeError, AddressValueError):
            continue
    return tuple(ports)


def hosts_before(path: Path) -> Mapping[str, Any]:
    """
    Return the hosts of an earlier hosts.yaml; none where there is no such file.

    Raises:
        FileProblems: it is spoiled.
    """
    if not path.exists():
        return {}
    try:
        data = load_yaml(path).data
    except FileProblems as error:
        raise FileProblems(
            error.problems, next_step=f"remove {path} and run the command again: it is written anew"
        ) from error
    return data if isinstance(data, dict) else {}


def _differences(before: Hosts, after: Hosts) -> list[Difference]:
    found = []
    for name, host in after.items():
        if name not in before:
            found.append(Difference(Operation.CREATE, f"inventory host {name}", new=host["hostname"]))
        elif before[name] != host:
            old, new = _changed_values(before[name], host)
            found.append(Difference(Operation.CHANGE, f"inventory host {name}", old, new))
    found += [Difference(Operation.DELETE, f"inventory host {name}") for name in before if name not in after]
    return found


def _changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """Return the values that differ, as ``path=value``, on both sides."""
    old, new = _flat(before), _flat(after)
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    return _listed(old, changed), _listed(new, changed)


def _listed(values: Mapping[str, object], paths: Sequence[str]) -> str:
    return ", ".join(f"{path}={values[path]}" for path in paths if path in values)


def _flat(value: object, path: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {path: value}
    flat: dict[str, object] = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{path}.{name}" if path else str(name))
    return flat
