"""The inventory, read from the emulated OVH API over HTTP."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from nornir import InitNornir
from nornir.core import Nornir

from koprogo_fleet.core.diff import Operation
from koprogo_fleet.core.errors import FileProblems
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.inventory.sync import Synced, sync
from koprogo_fleet.ovh.instances import delete_instance, list_instances, list_interfaces
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan

FLEET_YAML = """\
name: koprogo
pools:
  - {name: cp, role: server, count: 1, flavor: b2-15, first_address: 10.0.0.11}
  - {name: worker, role: agent, count: 3, flavor: b2-30, first_address: 10.0.0.21, volume: {size_gb: 200}}
k3s: {version: v1.33.4+k3s1}
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V koprogo"


class _HostKeys:
    """Host keys that nobody needs here."""

    def new(self, name: str) -> tuple[Secret, str]:
        """Make something like a key."""
        return Secret("private"), f"ssh-ed25519 AAAA {name}"


@pytest.fixture
def inventory(cloud: Any, tmp_path: Path) -> tuple[Fleet, Path]:
    """A provisioned fleet, and the directory of its inventory."""
    directory = tmp_path / "inventory"
    directory.mkdir()
    (directory / "fleet.yaml").write_text(FLEET_YAML)
    fleet = load_fleet(directory / "fleet.yaml")
    api = cloud.api()
    apply(plan(fleet, observe(api, fleet), KEY), api, _HostKeys())
    return fleet, directory


def _sync(cloud: Any, inventory: tuple[Fleet, Path], **options: Any) -> Synced:
    return sync(cloud.api(), *inventory, Path("/state/id_ed25519"), **options)


def _calls(cloud: Any, inventory: tuple[Fleet, Path]) -> tuple[Counter[str], Synced]:
    """Sync; count the calls by the last word of their paths."""
    before = len(cloud.requests())
    found = _sync(cloud, inventory)
    return Counter(entry["path"].rsplit("/", 1)[-1] for entry in cloud.requests()[before:]), found


def test_the_inventory_is_what_exists(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """Every node is in it, with the MAC and the volume that the API shows, and both its names are known."""
    known: dict[str, str] = {}
    found = _sync(cloud, inventory, know_address=known.__setitem__)
    nornir = _nornir(inventory, "files")
    api = cloud.api()
    worker = next(instance for instance in list_instances(api) if instance.name == "koprogo-worker-2")
    (mac,) = [nic.mac for nic in list_interfaces(api, worker.id) if nic.type == "private"]
    host = nornir.inventory.hosts["koprogo-worker-2"]

    assert found.hosts == tuple(node.name for node in inventory[0].nodes)
    assert (host["instance_id"], host["vrack"]) == (worker.id, {"address": "10.0.0.22", "mac": mac})
    assert host["volume"]["size_gb"] == 200
    assert known == {name: entry.hostname for name, entry in nornir.inventory.hosts.items()}


def test_a_second_sync_makes_as_few_calls_as_there_are_lists(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """At first one call a list, and one an instance for its MAC; then the lists alone, and no file is touched."""
    first_calls, first = _calls(cloud, inventory)
    files = {path: (path.stat().st_ino, path.read_bytes()) for path in inventory[1].iterdir()}
    second_calls, second = _calls(cloud, inventory)

    assert first_calls == {"time": 1, "project": 1, "instance": 1, "volume": 1, "interface": 4}
    assert second_calls == {"time": 1, "project": 1, "instance": 1, "volume": 1}
    assert [difference.operation for difference in first.differences] == [Operation.CREATE] * 4
    assert second.differences == ()
    assert files == {path: (path.stat().st_ino, path.read_bytes()) for path in inventory[1].iterdir()}


def test_a_dry_run_writes_nothing(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """What differs is told, and the directory is as before."""
    found = _sync(cloud, inventory, dry_run=True)

    assert len(found.differences) == 4
    assert [path.name for path in inventory[1].iterdir()] == ["fleet.yaml"]


def test_a_host_that_vanished_leaves_the_inventory(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """One of four hosts gone is a difference; the others stay as they were."""
    _sync(cloud, inventory)
    _delete(cloud, "koprogo-worker-3")
    found = _sync(cloud, inventory)

    assert [str(difference) for difference in found.differences] == ["delete inventory host koprogo-worker-3"]
    assert found.left_out == (("koprogo-worker-3", "there is no such instance"),)


def test_a_changed_entry_shows_the_value_that_changed(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """A hand edit is undone, and the difference is exactly that value."""
    _sync(cloud, inventory)
    path = inventory[1] / "hosts.yaml"
    path.write_text(path.read_text().replace("username: debian", "username: root", 1))

    assert [str(difference) for difference in _sync(cloud, inventory).differences] == [
        "change inventory host koprogo-cp-1: username=root -> username=debian"
    ]


def test_a_spoiled_inventory_can_be_written_anew(cloud: Any, inventory: tuple[Fleet, Path]) -> None:
    """Conflict marks of git in hosts.yaml are told with their line, and what to do."""
    (inventory[1] / "hosts.yaml").write_text("a:\n<<<<<<< HEAD\n  hostname: x\n=======\n")

    with pytest.raises(FileProblems) as caught:
        _sync(cloud, inventory)

    assert str(caught.value.next_step).startswith(f"remove {inventory[1] / 'hosts.yaml'}")


def test_nornir_can_ask_the_api_itself(
    cloud: Any, inventory: tuple[Fleet, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With source=api the inventory needs no files but fleet.yaml, and is the same."""
    keys = cloud.state.keys
    monkeypatch.setenv("OVH_ENDPOINT", cloud.url)
    monkeypatch.setenv("OVH_APPLICATION_KEY", keys.application_key)
    monkeypatch.setenv("OVH_APPLICATION_SECRET", keys.application_secret.reveal())
    monkeypatch.setenv("OVH_CONSUMER_KEY", keys.consumer_key.reveal())
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(inventory[1] / "state"))
    live = _nornir(inventory, "api")
    sync(cloud.api(), *inventory, inventory[1] / "state" / "koprogo" / "id_ed25519")

    assert live.inventory.dict() == _nornir(inventory, "files").inventory.dict()


def _nornir(inventory: tuple[Fleet, Path], source: str) -> Nornir:
    options = {"directory": str(inventory[1]), "source": source}
    return InitNornir(inventory={"plugin": "OVHInventory", "options": options}, logging={"enabled": False})


def _delete(cloud: Any, *names: str) -> None:
    api = cloud.api()
    for instance in list_instances(api):
        if instance.name in names:
            delete_instance(api, instance.id)
