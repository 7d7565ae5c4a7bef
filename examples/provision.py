"""The same run as ``koprogo-fleet provision``, from a script; then the tasks, as in any Nornir script."""

import sys
from pathlib import Path

from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.provision import provision, read_input
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import choose, open_target
from koprogo_tasks import baseline, k3s_health

choice = choose()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else "inventory") / choice.environment
fleet = read_input(directory)
report = Report()
provision(fleet, directory, open_target(choice, print), print, report)
print(f"{report.changed} changes, {report.failed} failed")

nornir = open_nornir(directory)
for host, result in nornir.run(task=baseline, fleet=fleet, dry_run=True).items():
    print(host, "would change" if result.changed else "is as desired")
for host, result in nornir.filter(role="server").run(task=k3s_health).items():
    print(host, result.result)
nornir.close_connections()
