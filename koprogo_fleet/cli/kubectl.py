"""``koprogo-fleet kubectl``: kubectl on the fleet's cluster, through an SSH tunnel."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Inventory, Target


def kubectl(
    arguments: Annotated[list[str], typer.Argument(help="What kubectl is given; put -- before options.")],
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
) -> None:
    """
    Run kubectl on the fleet's cluster, through an SSH tunnel.

    Example: koprogo-fleet kubectl -- get pods -A
    """
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.core.paths import discovery_cache, state_dir
    from koprogo_fleet.helm.binary import find_tools
    from koprogo_fleet.workflows.access import api_tunnel
    from koprogo_fleet.workflows.certificates import logged_in
    from koprogo_fleet.workflows.nornir import open_nornir
    from koprogo_fleet.workflows.target import choose

    choice = choose(target)
    directory = inventory / choice.environment
    fleet = load_fleet(directory / "fleet.yaml")
    servers = [node.name for node in fleet.servers]
    program = find_tools().kubectl
    with (
        logged_in(fleet, choice, ignore),
        api_tunnel(open_nornir(directory), servers, state_dir(fleet.name)) as kubeconfig,
    ):
        # No time limit: a person may follow logs, and ends it with Ctrl-C.
        own = {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(discovery_cache(kubeconfig))}
        ended = subprocess.run([program, *arguments], env=os.environ | own, check=False)
    raise typer.Exit(ended.returncode)
