"""A task of one's own on the fleet: two resources, and a look by netmiko. ``custom_task.py [inventory/lab] [--yes]``."""

import sys

from nornir import InitNornir
from nornir.core.task import Result, Task
from nornir_netmiko.tasks import netmiko_send_command
from nornir_utils.plugins.functions import print_result

from koprogo_fleet.hosts.resources import File, Service
from koprogo_tasks import converge

MESSAGE = "This node belongs to a fleet: what you change here by hand is changed back.\n"


def house_rules(task: Task) -> Result:
    """Tell people where they are, and keep cron running."""
    motd = File("/etc/motd", f"{task.host.name}: {MESSAGE}")
    return converge(task, [motd, Service("cron")])


arguments = [argument for argument in sys.argv[1:] if argument != "--yes"]
nornir = InitNornir(
    dry_run="--yes" not in sys.argv,
    inventory={"plugin": "OVHInventory", "options": {"directory": arguments[0] if arguments else "inventory/lab"}},
    runner={"plugin": "fleet", "options": {"batches": [1, "100%"], "task_seconds": 120}},  # a canary, then the rest
    logging={"enabled": False},
)
workers = nornir.filter(role="agent")

print_result(workers.run(task=house_rules), vars=["changed", "diff", "exception"])
print_result(workers.run(task=netmiko_send_command, command_string="uptime -p"))

nornir.close_connections()
sys.exit(1 if nornir.data.failed_hosts else 0)
