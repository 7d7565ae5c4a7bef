"""The ``k3s`` command line."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence

from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.lab.standin.node import admin_commands, certificate_commands, config
from koprogo_fleet.lab.standin.node.agent import K3sAgent
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.containerd import ctr_command
from koprogo_fleet.lab.standin.node.layout import KUBECONFIG
from koprogo_fleet.lab.standin.node.log import log, to_stderr
from koprogo_fleet.lab.standin.node.programs import kubernetes_version, program
from koprogo_fleet.lab.standin.node.release import VERSION
from koprogo_fleet.lab.standin.node.reset import cluster_reset
from koprogo_fleet.lab.standin.node.server import K3sServer
from koprogo_fleet.lab.standin.node.settings import Settings, settings_from
from koprogo_fleet.lab.standin.node.snapshot_commands import etcd_snapshot

USAGE = """\
NAME:
   k3s - Kubernetes, but small and simple (the lab's stand-in: a supervisor over Debian's real parts)

COMMANDS:
   server                  Run management server
   agent                   Run node agent
   kubectl                 Run kubectl
   ctr                     Run ctr
   etcd-snapshot           save, ls, delete, prune: snapshots of etcd
   token                   create, delete, generate, list: bootstrap tokens; rotate: the server token
   secrets-encrypt         status, enable, disable, prepare, rotate, reencrypt, rotate-keys
   certificate             check, rotate: this node's leaf certificates

OPTIONS:
   --version, -v           print the version
"""


def main() -> int:
    """Run one command and return the exit status."""
    to_stderr()
    arguments = sys.argv[1:]
    try:
        return _dispatch(arguments)
    except KoprogoError as error:
        log.critical("%s", error)
        return 1


def _dispatch(arguments: Sequence[str]) -> int:
    match arguments:
        case ["server" | "agent" as role, *rest]:
            return _service(config.load(role, rest, os.environ), role)
        case ["etcd-snapshot", *rest]:
            etcd_snapshot(rest, os.environ)
        case ["--version" | "-v", *_]:
            sys.stdout.write(f"k3s version {VERSION} (the lab's stand-in, Kubernetes {_kubernetes_or_none()})\n")
        case ["kubectl", *rest]:
            os.environ.setdefault("KUBECONFIG", str(KUBECONFIG))
            os.execv(program("kubectl"), ["kubectl", *rest])  # noqa: S606 - it takes our place
        case ["ctr", *rest]:
            os.execvp("ctr", [*ctr_command(), *rest])  # noqa: S606 - it takes our place
        case ["token", name, *rest]:
            admin_commands.token(name, rest, os.environ)
        case ["secrets-encrypt", name, *rest]:
            admin_commands.secrets_encrypt(name, rest, os.environ)
        case ["certificate", name, *rest]:
            certificate_commands.certificate(name, rest)
        case [] | ["help" | "--help" | "-h", *_]:
            sys.stdout.write(USAGE)
        case _:
            raise InputError(f"stand-in: no such command: k3s {' '.join(arguments[:2])}")
    return 0


def _service(values: Values, role: str) -> int:
    settings = settings_from(role, values)
    if settings.cluster_reset:
        cluster_reset(settings, values, os.environ)
        return 0
    return _run(settings, values)


def _run(settings: Settings, values: Values) -> int:
    """Run a server or an agent until SIGTERM; any thread's unexpected end ends the process, for systemd to restart."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.excepthook = _die_of
    log.info("Starting k3s %s (the lab's stand-in, Kubernetes %s)", VERSION, _kubernetes_or_none())
    if settings.without_effect:
        log.info("stand-in: accepted, without effect here: %s", ", ".join(settings.without_effect))
    service = K3sServer(settings, values) if settings.role == "server" else K3sAgent(settings)
    failure: list[BaseException] = []

    def start() -> None:
        try:
            service.start()
        except KoprogoError as error:
            failure.append(error)
            stop.set()

    threading.Thread(target=start, name="start", daemon=True).start()
    stop.wait()
    if failure:
        log.critical("%s", failure[0])
    else:
        log.info("Shutting down")
    service.stop()
    return 1 if failure else 0


def _kubernetes_or_none() -> str:
    try:
        return kubernetes_version()
    except KoprogoError:  # the lab has not built it yet
        return "of unknown version"


def _die_of(arguments: threading.ExceptHookArgs) -> None:
    log.critical(
        "stand-in: a bug in thread %s", arguments.thread and arguments.thread.name, exc_info=arguments.exc_value
    )
    os._exit(1)
