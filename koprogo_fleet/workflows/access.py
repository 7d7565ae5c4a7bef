"""Reaching the Kubernetes API: through an SSH tunnel to the first control plane that answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from nornir.core import Nornir

from koprogo_fleet.core.errors import KubernetesError, SshError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import discovery_cache
from koprogo_fleet.hosts.k3s.config import API_PORT
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.session import Session

KUBECONFIG = "kubeconfig"


@contextmanager
def api_tunnel(nornir: Nornir, servers: Sequence[str], state: Path) -> Generator[Path]:
    """
    Yield the path of a kubeconfig (0600) that works while the block runs.

    Where the control plane behind it is lost, the next connection goes through another one, at the same local port.

    Args:
        nornir: the inventory.
        servers: the control planes, in the order in which they are tried.
        state: the fleet's private directory, which holds the kubeconfig fetched from the cluster.

    Raises:
        KubernetesError: there is no kubeconfig yet, or no control plane can be reached.
    """
    fetched = state / KUBECONFIG
    if not fetched.exists():
        raise KubernetesError(
            f"there is no kubeconfig in {state}",
            cause="the cluster was not made from this machine, or is not made yet",
            next_step="koprogo-fleet provision",
        )
    with ExitStack() as stack:

        def session() -> Session:
            return _session(nornir, servers)

        port = stack.enter_context(session().forward("127.0.0.1", API_PORT, renew=session))
        path = state / f"{KUBECONFIG}-tunnel-{port}"
        stack.callback(path.unlink, missing_ok=True)
        stack.callback(shutil.rmtree, discovery_cache(path), ignore_errors=True)
        write_atomically(path, _with_server(fetched.read_text(), f"https://127.0.0.1:{port}"), mode=0o600)
        yield path


def _session(nornir: Nornir, servers: Sequence[str]) -> Session:
    """Return a session to the first control plane that answers, and on which the API is listening."""
    reasons = []
    for name in servers:
        try:
            session = session_for(nornir.inventory.hosts[name], nornir.config)
            listening = session.run(f"timeout 3 bash -c '</dev/tcp/127.0.0.1/{API_PORT}'", timeout=10)
        except SshError as error:
            reasons.append(error.seen)
            continue
        if listening.exit_status == 0:
            return session
        reasons.append(f"{name}: nothing listens on port {API_PORT}")
    raise KubernetesError(
        "no control plane can be reached:\n  " + "\n  ".join(reasons),
        cause="the servers or K3s on them are down, or the network between us is",
        next_step="koprogo-fleet k3s status",
    )


def _with_server(kubeconfig: str, server: str) -> str:
    """Return the kubeconfig for another address, as JSON, which is YAML."""
    config = yaml.safe_load(kubeconfig)
    for entry in config["clusters"]:
        entry["cluster"]["server"] = server
    return json.dumps(config)
