"""What the cloud commands cost: calls and time for the seed's fleet, and for a thousand instances that are as desired."""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from benchmarks import cloud_report, report
from benchmarks.emulator import STATE, emulator
from benchmarks.office import Asked, Office
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.inventory.documents import documents
from koprogo_fleet.inventory.observe import Observed, VrackPort
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instances import list_instances

LARGE = (100, 1000)
QUICK = (20,)
_POOL = 200
_SEED = Path(__file__).resolve().parent.parent / "inventory" / "lab" / "fleet.yaml"
_AROUND = """
load_balancer: {kind: octavia, size: small, proxy_protocol: v2}
dns:
  zone: koprogo.io
  records:
    - {name: api, type: A, target: first_server}
    - {name: "*", type: CNAME, target: api}
"""


@dataclass(frozen=True)
class Run:
    """One command on one fleet, in all rounds."""

    fleet: str
    command: str
    rounds: tuple[Asked, ...]


def main(rounds: int, output: Path | None, tell: Callable[[str], None]) -> int:
    """Measure, print the table, and write it beside the other figures in *output*; None writes nothing, and is quick."""
    load = os.getloadavg()[0]
    runs = [*_seed(rounds, tell)] if output else []
    for count in LARGE if output else QUICK:
        runs += _large(count, rounds, tell)
    found = cloud_report.summary(runs, rounds, report.machine(load), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    sys.stdout.write(cloud_report.table(found))
    if output is not None:
        report.write({cloud_report.NAME: found}, output)
    return 0


def seed_fleet() -> str:
    """Return fleet.yaml of the seed's diagram: six nodes, volumes, gateway, load balancer, DNS."""
    nodes = _SEED.read_text(encoding="utf-8")
    return nodes.replace("  vlan: 42\n", "  vlan: 42\n  gateway: s\n") + _AROUND


def _seed(rounds: int, tell: Callable[[str], None]) -> Iterator[Run]:
    title = "the seed's: 6 instances, 3 volumes, gateway, load balancer, DNS"
    taken: dict[str, list[Asked]] = {
        "--help (its start alone)": [],
        "cloud plan": [],
        "cloud apply": [],
        "cloud plan, nothing to do": [],
    }
    for number in range(rounds):
        tell(f"the seed's fleet, round {number + 1}")
        with tempfile.TemporaryDirectory(prefix="kb-") as temporary:
            directory = Path(temporary)
            with emulator(directory) as endpoint:
                office, plan = Office(directory, endpoint, seed_fleet()), str(directory / "plan")
                measured = (
                    office.run("--help"),
                    office.run("cloud", "plan", "--out", plan, expected=3),
                    office.run("cloud", "apply", plan),
                    office.run("cloud", "plan"),
                )
        for asked, one in zip(taken.values(), measured, strict=True):
            asked.append(one)
    for command, all_rounds in taken.items():
        yield Run(title, command, tuple(all_rounds))


def _large(count: int, rounds: int, tell: Callable[[str], None]) -> Iterator[Run]:
    tell(f"{count} instances")
    with tempfile.TemporaryDirectory(prefix="kb-") as temporary:
        directory = Path(temporary)
        with emulator(directory) as endpoint:
            office, plan = Office(directory, endpoint, _yaml(_pools(1))), str(directory / "plan")
            office.run("cloud", "plan", "--out", plan, expected=3)
            office.run("cloud", "apply", plan)
        fleet_yaml = _yaml(_pools(count))
        ports = _multiply(directory / STATE, fleet_yaml, directory)
        with emulator(directory) as endpoint:
            office = Office(directory, endpoint, fleet_yaml)
            _recorded(office, ports)
            for command in ("inventory sync", "cloud plan"):
                name = command if command == "inventory sync" else f"{command}, nothing to do"
                yield Run(f"{count} instances", name, tuple(office.run(*command.split()) for _ in range(rounds)))


def _multiply(state: Path, fleet_yaml: str, directory: Path) -> list[VrackPort]:
    """Put an instance for each node into the emulator's memory: no quota allows so many, and the pace would take hours."""
    (directory / "fleet.yaml").write_text(fleet_yaml, encoding="utf-8")
    data, ports = json.loads(state.read_text(encoding="utf-8")), []
    (model,) = data["instances"].values()
    data["instances"].clear()
    for number, node in enumerate(load_fleet(directory / "fleet.yaml").nodes):
        record: dict[str, Any] = copy.deepcopy(model)
        public, private = record["ports"]
        record.update(id=str(uuid.UUID(int=number)), name=node.name)
        public.update(ip=str(IPv4Address("198.18.1.0") + number), mac=_mac(0, number))
        private.update(ip=str(node.vrack_address), mac=_mac(1, number))
        data["instances"][record["id"]] = record
        ports.append(VrackPort(record["id"], node.vrack_address, private["mac"]))
    state.write_text(json.dumps(data), encoding="utf-8")
    return ports


def _recorded(office: Office, ports: list[VrackPort]) -> None:
    """Write the inventory that former syncs left: they asked for each new instance's MAC, once in its life."""
    fleet: Fleet = load_fleet(office.inventory / "fleet.yaml")
    existing = Observed(list_instances(OvhApi(office.credentials)), known_ports=tuple(ports))
    for name, text in documents(fleet, existing, office.state / fleet.name / "id_ed25519").files().items():
        (office.inventory / name).write_text(text, encoding="utf-8")


def _yaml(pools: list[dict[str, Any]]) -> str:
    network = {"vrack": "10.8.0.0/16", "pods": "10.64.0.0/12", "services": "10.43.0.0/16"}
    return json.dumps({"name": "koprogo", "network": network, "pools": pools, "k3s": {"version": "v1.33.4+k3s1"}})


def _pools(count: int) -> list[dict[str, Any]]:
    """Return one server, and agents in pools that are as large as a pool may be."""
    counts = [1, *(min(_POOL, count - 1 - start) for start in range(0, count - 1, _POOL))]
    return [
        {"name": f"p{index}", "role": "agent" if index else "server", "count": number, "flavor": "b2-7"}
        | {"first_address": str(IPv4Address("10.8.0.10") + index * (_POOL + 1))}
        for index, number in enumerate(counts)
    ]


def _mac(kind: int, number: int) -> str:
    return f"fa:16:3e:{kind:02x}:{number >> 8:02x}:{number & 255:02x}"
