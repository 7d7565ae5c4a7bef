"""A lab of the tests' own, driven as a person does: by the command line, and by hand on the nodes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from open_vault import open_vault

from koprogo_fleet.core.runs import Run, list_runs
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.vault import Vault
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.target import lab_credentials

CHECKOUT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("koprogo-fleet")


@dataclass(frozen=True)
class Fleet:
    """A fleet in a lab: its inventory, its state, and ways to use and to harm it."""

    lab: str
    root: Path

    @property
    def inventory(self) -> Path:
        """The folder ``inventory/lab``."""
        return self.root / "inventory" / "lab"

    @property
    def command(self) -> Path:
        """The program ``koprogo-fleet``."""
        return COMMAND

    @property
    def heard(self) -> Path:
        """The file that keeps what the commands printed: no secret may be in it."""
        return self.root / "heard"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command: no credentials, the tests' own lab and state."""
        own = {
            "KOPROGO_LAB": self.lab,
            "KOPROGO_STATE_DIR": str(self.root / "state"),
            "KOPROGO_INVENTORY": str(self.root / "inventory"),
            "COLUMNS": "160",
        }
        return {key: value for key, value in os.environ.items() if not key.startswith(("OVH_", "VAULT_"))} | own

    def run(self, *arguments: str, timeout: float = 580, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``koprogo-fleet`` to its end."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        self.hear(done.stdout + done.stderr)
        return done

    def timed(self, what: str, *arguments: str) -> str:
        """Run a command that must succeed, print how long it took, and return what it said."""
        start = time.monotonic()
        done = self.run(*arguments, timeout=1500)
        print(f"{what}: {time.monotonic() - start:.0f} s")  # noqa: T201 - a figure for the benchmarks
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def hear(self, text: str) -> None:
        """Keep what a command printed."""
        with self.heard.open("a", encoding="utf-8") as file:
            file.write(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``koprogo-fleet`` and leave it running."""
        return subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def events(self, *arguments: str) -> list[dict[str, Any]]:
        """Run ``koprogo-fleet … --json`` and return its lines; it must succeed, or find differences."""
        done = self.run(*arguments, "--json")
        assert done.returncode in {0, 3}, done.stdout + done.stderr

        return [json.loads(line) for line in done.stdout.splitlines()]

    def summary(self, *arguments: str) -> dict[str, Any]:
        """Run ``koprogo-fleet … --json`` and return its last line."""
        return self.events(*arguments)[-1]

    def differences(self) -> dict[str, list[str]]:
        """Return what ``plan`` names, by host; what belongs to no host is under the empty name."""
        found = next(event for event in self.events("plan") if event["event"] == "differences")
        named = {"": found["differences"], **found["hosts"]}
        return {host: [item["what"] for item in items] for host, items in named.items() if items}

    def runs(self) -> tuple[Run, ...]:
        """Return the runs so far, as their journals tell them, the oldest first."""
        return list_runs(self.root / "state" / "koprogo")

    def on(self, host: str, script: str, timeout: float = 60) -> str:
        """Run a shell script as root on a node, as someone who changes it by hand; return what it printed."""
        nornir = open_nornir(self.inventory)
        try:
            session = session_for(nornir.inventory.hosts[host], nornir.config)
            done = session.run_as_root("sh -s", stdin=script.encode(), timeout=timeout)
        finally:
            nornir.close_connections()
        assert done.exit_status == 0, done.stdout.decode() + done.stderr.decode()

        return done.stdout.decode()

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl through ``koprogo-fleet kubectl``; return what it printed."""
        done = self.run("kubectl", "--", *arguments, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

        return done.stdout

    def uid(self) -> str:
        """Return the uid of the namespace kube-system: another cluster has another."""
        return self.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")

    def instance_id(self, host: str) -> str:
        """Return the id of a node's instance."""
        instance_id: str = open_nornir(self.inventory).inventory.hosts[host]["instance_id"]
        return instance_id

    @property
    def machines(self) -> NspawnMachines:
        """The machines below the emulator: for pulling plugs."""
        return NspawnMachines(LabPaths(self.lab))

    @property
    def api(self) -> OvhApi:
        """The lab's OVH API, for what a person does by hand."""
        return OvhApi(lab_credentials(Lab(self.lab).up()))

    @property
    def vault(self) -> AbstractContextManager[Vault]:
        """The lab's Vault, for what a person does by hand."""
        endpoints = Lab(self.lab).up()
        return open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca)

    @property
    def request_log(self) -> Path:
        """The file with every call to the lab's OVH API, a JSON object a line."""
        return LabPaths(self.lab).root / "ovh-requests.jsonl"

    def written(self) -> list[str]:
        """Return every call so far that the OVH API took as a write, as "POST /path"."""
        requests = [json.loads(line) for line in self.request_log.read_text().splitlines()]
        return [f"{item['method']} {item['path']}" for item in requests if item["method"] != "GET"]


def make_fleet(lab: str, root: Path) -> Fleet:
    """Copy the example fleet to *root*; take down what a killed run has left of its lab."""
    Lab(lab).down()
    fleet = Fleet(lab, root)
    shutil.copytree(CHECKOUT / "charts", root / "charts")
    fleet.inventory.mkdir(parents=True)
    for name in ("fleet.yaml", "secrets.yaml", "releases.yaml"):
        shutil.copy(CHECKOUT / "inventory" / "lab" / name, fleet.inventory)
    return fleet
