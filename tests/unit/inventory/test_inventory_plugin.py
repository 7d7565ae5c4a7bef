"""OVHInventory: Nornir, really initialised from the written files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.task import Result, Task

from koprogo_fleet.core.errors import FileProblems, InputError, MissingCredentials
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.inventory.documents import documents
from koprogo_fleet.inventory.observe import Observed
from koprogo_fleet.ovh.instances import Address, Instance, InstanceInterface

FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "k3s": {"version": "v1.33.4+k3s1"},
        "pools": [
            {"name": "cp", "role": "server", "count": 1, "flavor": "b2-15", "first_address": "10.0.0.11"},
            {"name": "worker", "role": "agent", "count": 2, "flavor": "b2-30", "first_address": "10.0.0.21"},
        ],
    }
)


def _observed(fleet: Fleet = FLEET) -> Observed:
    instances, interfaces = [], {}
    for index, node in enumerate(fleet.nodes):
        address = f"198.18.{index // 250}.{index % 250 + 1}"
        instances.append(
            Instance(f"i{index}", node.name, "ACTIVE", "GRA11", "f", "i", (Address(address, "public", 4),))
        )
        mac = f"fa:16:3e:00:{index // 256:02x}:{index % 256:02x}"
        nic = InstanceInterface("n", mac, "net", "private", "ACTIVE", (str(node.vrack_address),))
        interfaces[f"i{index}"] = (nic,)
    return Observed(tuple(instances), interfaces)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An inventory directory with the three files."""
    for name, text in documents(FLEET, _observed(), Path("~/.ssh/fleet").expanduser()).files().items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _nornir(directory: Path, **options: Any) -> Nornir:
    return InitNornir(
        inventory={"plugin": "OVHInventory", "options": {"directory": str(directory), **options}},
        runner={"plugin": "serial"},
        logging={"enabled": False},
    )


def test_nornir_starts_from_the_written_files(directory: Path) -> None:
    """The entry point is found, and hosts, groups and data are what was written."""
    nornir = _nornir(directory)
    host = nornir.inventory.hosts["koprogo-worker-2"]

    assert list(nornir.inventory.hosts) == ["koprogo-cp-1", "koprogo-worker-1", "koprogo-worker-2"]
    assert (host.hostname, host.port, host.username) == ("198.18.0.3", 22, "debian")
    assert host["vrack"] == {"address": "10.0.0.22", "mac": "fa:16:3e:00:00:02"}
    assert host["fleet"] == "koprogo"


def test_groups_can_be_filtered_on(directory: Path) -> None:
    """Users choose hosts by role or pool, with Nornir's own means."""
    nornir = _nornir(directory)

    assert set(nornir.filter(role="agent").inventory.hosts) == {"koprogo-worker-1", "koprogo-worker-2"}
    assert {host.name for host in nornir.inventory.children_of_group("server")} == {"koprogo-cp-1"}


def test_a_task_runs_on_every_host(directory: Path) -> None:
    """A user's task sees the inventory."""

    def where(task: Task) -> Result:
        return Result(host=task.host, result=f"{task.host['pool']} {task.host.hostname}")

    results = _nornir(directory).run(task=where)

    assert {name: result[0].result for name, result in results.items()} == {
        "koprogo-cp-1": "cp 198.18.0.1",
        "koprogo-worker-1": "worker 198.18.0.2",
        "koprogo-worker-2": "worker 198.18.0.3",
    }


def test_both_connections_have_their_whole_options(directory: Path) -> None:
    """What Nornir hands to fleet_ssh and netmiko names the key and the known hosts by absolute paths."""
    host = _nornir(directory).inventory.hosts["koprogo-cp-1"]
    key, known_hosts = os.path.expanduser("~/.ssh/fleet"), str(directory / "known_hosts")  # noqa: PTH111 - another way
    ours, netmiko = (host.get_connection_parameters(name) for name in ("fleet_ssh", "netmiko"))

    assert ours.extras == {"private_key": key, "known_hosts": known_hosts, "host_key_alias": "koprogo-cp-1"}
    assert netmiko.extras == {
        "use_keys": True,
        "key_file": key,
        "ssh_strict": True,
        "alt_host_keys": True,
        "alt_key_file": known_hosts,
    }
    assert (netmiko.hostname, netmiko.port, netmiko.username, netmiko.platform) == ("198.18.0.1", 22, "debian", "linux")


def test_the_simple_inventory_reads_the_same_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are Nornir's own format: its built-in plugin reads the same hosts."""
    monkeypatch.chdir(directory)
    simple = InitNornir(inventory={"plugin": "SimpleInventory"}, logging={"enabled": False}).inventory.dict()
    ours = _nornir(directory).inventory.dict()
    for inventory in (simple, ours):
        for host in inventory["hosts"].values():
            del host["connection_options"]

    assert ours == simple


def test_groups_and_defaults_may_be_missing(tmp_path: Path) -> None:
    """A directory with hosts.yaml alone is an inventory."""
    (tmp_path / "hosts.yaml").write_text("a:\n  hostname: 198.18.0.1\n")

    assert _nornir(tmp_path).inventory.hosts["a"].hostname == "198.18.0.1"


def test_an_inventory_without_hosts_is_an_error(tmp_path: Path) -> None:
    """Nornir would call a run on no host a success."""
    (tmp_path / "hosts.yaml").write_text("{}\n")

    with pytest.raises(InputError, match="has no host") as caught:
        _nornir(tmp_path)

    assert caught.value.next_step == "koprogo-fleet provision"


def test_a_missing_inventory_says_how_to_get_one(tmp_path: Path) -> None:
    """The next step is the command that writes it."""
    with pytest.raises(InputError, match=r"there is no file .*hosts\.yaml") as caught:
        _nornir(tmp_path)

    assert caught.value.next_step == "koprogo-fleet inventory sync"


def test_mistakes_in_the_files_are_told_with_their_lines(directory: Path) -> None:
    """A file that somebody edited is explained like any other."""
    (directory / "hosts.yaml").write_text("a:\n  hostnam: x\n  port: '22'\nb:\n  data: 3\n")

    with pytest.raises(FileProblems) as caught:
        _nornir(directory)

    assert [(problem.line, problem.message) for problem in caught.value.problems] == [
        (2, 'unknown field "hostnam" in a; did you mean "hostname"?'),
        (3, 'a.port: expected a whole number, got "22"'),
        (5, "b.data: expected fields (name: value), got 3"),
    ]


def test_an_unknown_group_is_told(directory: Path) -> None:
    """A host in a group that does not exist is named, with its line."""
    (directory / "hosts.yaml").write_text("a:\n  hostname: x\n  groups: [agent, nowhere]\n")

    with pytest.raises(FileProblems, match=r'hosts\.yaml:3: a: the group "nowhere" is not in groups\.yaml'):
        _nornir(directory)


def test_the_source_is_files_or_api(directory: Path) -> None:
    """A misspelt option is an error, not a default."""
    with pytest.raises(InputError, match='source is "apis"'):
        _nornir(directory, source="apis")


def test_the_api_needs_credentials(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing is asked, and the error says what to set."""
    for name in [name for name in os.environ if name.startswith("OVH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.chdir(directory)

    with pytest.raises(MissingCredentials, match="no OVH credentials"):
        _nornir(directory, source="api")


def test_a_thousand_hosts_load_in_seconds(tmp_path: Path) -> None:
    """A long inventory is no reason to wait."""
    pools = [
        {"name": f"p{index}", "role": "agent", "count": 200, "flavor": "b2-7", "first_address": f"10.0.{index}.1"}
        for index in range(5)
    ]
    server = {"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.100.1"}
    network = {"vrack": "10.0.0.0/16", "pods": "172.16.0.0/12"}
    fleet = Fleet.model_validate({**FLEET.model_dump(), "pools": [server, *pools], "network": network})
    (tmp_path / "hosts.yaml").write_text(dump_yaml(documents(fleet, _observed(fleet), tmp_path).hosts))
    (tmp_path / "groups.yaml").write_text(dump_yaml(documents(fleet, _observed(fleet), tmp_path).groups))
    begin = time.monotonic()

    assert len(_nornir(tmp_path).inventory.hosts) == 1001
    assert time.monotonic() - begin < 30


def test_paths_of_a_jump_host_and_a_certificate_are_absolute_too(tmp_path: Path) -> None:
    """Relative paths within jump and of a certificate's file are the inventory's; a certificate itself stays as it is."""
    line = "ssh-ed25519-cert-v01@openssh.com AAAA"
    (tmp_path / "hosts.yaml").write_text(
        "a:\n  connection_options:\n    fleet_ssh:\n      extras:\n"
        f"        certificate: {line}\n        jump: {{host: bastion, private_key: keys/jump, certificate: jump-cert.pub}}\n"
    )

    extras = _nornir(tmp_path).inventory.hosts["a"].get_connection_parameters("fleet_ssh").extras

    jump = {"host": "bastion", "private_key": f"{tmp_path}/keys/jump", "certificate": f"{tmp_path}/jump-cert.pub"}
    assert {"certificate": line, "jump": jump} == extras
