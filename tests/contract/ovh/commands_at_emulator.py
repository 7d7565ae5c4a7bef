"""``koprogo-fleet`` itself, as a program of its own, with the emulator as its OVH."""

from __future__ import annotations

import json
import os
import pty
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulated_cloud import Cloud
from forked_commands import Forks

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.provision.apply import Limits, apply
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.workflows.phases.cloud import RecordedHostKeys

FLEET_YAML = """\
name: koprogo
pools:
  - {name: cp, role: server, count: 1, flavor: b2-15, first_address: 10.0.0.11}
  - name: worker  # the ones that work
    role: agent
    count: 2
    flavor: b2-30
    first_address: 10.0.0.21
    volume: {size_gb: 200}
k3s: {version: v1.33.4+k3s1}
"""


@dataclass(frozen=True)
class Ended:
    """How the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that it printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Office:
    """A folder with a fleet in ``inventory/production``, from which commands are run."""

    def __init__(self, cloud: Cloud, folder: Path, forks: Forks) -> None:
        self.cloud = cloud
        self.forks = forks
        self.folder = folder
        self.state = folder / "state" / "koprogo"
        self.inventory = folder / "inventory" / "production"
        self.inventory.mkdir(parents=True)
        self.state.mkdir(mode=0o700, parents=True)
        self.fleet_yaml = self.inventory / "fleet.yaml"
        self.fleet_yaml.write_text(FLEET_YAML)

    @property
    def fleet(self) -> Fleet:
        """What fleet.yaml says now."""
        return load_fleet(self.fleet_yaml)

    def edit(self, old: str, new: str) -> None:
        """Change fleet.yaml."""
        text = self.fleet_yaml.read_text()
        assert text.count(old) == 1
        self.fleet_yaml.write_text(text.replace(old, new))

    def run(self, *arguments: str, types: str | None = None, **variables: str) -> Ended:
        """Run one command; *types* is what a person at a terminal types, else nobody is there."""
        answers, terminal = pty.openpty() if types is not None else (None, None)
        if answers is not None and types is not None:
            os.write(answers, types.encode())
        try:
            code, out, err = self.forks.run(
                arguments,
                folder=self.folder,
                environment=self._environment() | variables,
                terminal=os.devnull if terminal is None else os.ttyname(terminal),
            )
        finally:
            for descriptor in (answers, terminal):
                if descriptor is not None:
                    os.close(descriptor)
        assert "Traceback" not in err, err
        return Ended(code, out, err)

    def provision(self) -> None:
        """Have everything of fleet.yaml at OVH, as a provision leaves it, with less waiting."""
        fleet, api = self.fleet, self.cloud.api()
        wanted = plan(fleet, observe(api, fleet), ensure_private_key(self.state / "id_ed25519"))
        nodes = frozenset(node.name for node in fleet.nodes)
        host_keys = RecordedHostKeys(KnownHosts(self.inventory / "known_hosts"))
        apply(wanted, api, host_keys, confirmed=nodes, limits=Limits(look_every=0.05))

    def _environment(self) -> dict[str, str]:
        keys = self.cloud.state.keys
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COLUMNS": "200",
            "KOPROGO_STATE_DIR": str(self.folder / "state"),
            "OVH_ENDPOINT": self.cloud.url,
            "OVH_APPLICATION_KEY": keys.application_key,
            "OVH_APPLICATION_SECRET": keys.application_secret.reveal(),
            "OVH_CONSUMER_KEY": keys.consumer_key.reveal(),
        }
