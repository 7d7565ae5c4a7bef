"""Nornir as we open it, and as its users do, in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from nornir import InitNornir
from nornir.core.plugins.connections import ConnectionPluginRegister
from koprogo_fleet.workflows.nornir import open_nornir

directory = Path(sys.argv[1])
ours = open_nornir(directory)
assert "netmiko" not in sys.modules, "loaded"
theirs = InitNornir(inventory={"plugin": "OVHInventory", "options": {"directory": str(directory)}}, logging={"enabled": False})
again = open_nornir(directory)
assert ours.inventory.dict() == theirs.inventory.dict() == again.inventory.dict()
connection = ConnectionPluginRegister.get_plugin("netmiko")()
print(type(connection).__module__, type(ConnectionPluginRegister.get_plugin("fleet_ssh")()).__name__)
"""


def test_it_is_what_init_nornir_gives(tmp_path: Path) -> None:
    """Before and after InitNornir it gives the same, and every connection plug-in, imported when it is asked for."""
    (tmp_path / "hosts.yaml").write_text("node-1:\n  hostname: 192.0.2.1\n", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )

    assert ("nornir_netmiko.connections.netmiko FleetSsh\n", "") == (done.stdout, done.stderr)
