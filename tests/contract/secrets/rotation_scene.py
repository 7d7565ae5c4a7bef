"""
One secret with one consumer, and its rotation as a process of its own that kills itself, or stands still, at a boundary.

As a program: KUBECONFIG ADDRESS CA NAMESPACE STATE SIGNAL RECORD [REPOSITORY]; Vault's token comes by standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from open_vault import open_vault

from koprogo_fleet.core.events import Event, Journaled, Listener, ignore
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.kinds.kind import Tools
from koprogo_fleet.secrets.model import SecretSpec, read_secret
from koprogo_fleet.secrets.rotation.delivery import ToCluster
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.spec import SealedSection
from koprogo_fleet.vault import Vault

ROOT = Path(__file__).parents[3]
SECONDS = 15


def secret_of(namespace: str) -> SecretSpec:
    """Return a password that the Deployment ``api`` of *namespace* uses."""
    return read_secret(
        {
            "name": namespace,
            "kind": "random-password",
            "vault": {"path": f"koprogo/{namespace}", "key": "PASSWORD"},
            "targets": [{"namespace": namespace, "name": "api", "key": "PASSWORD"}],
            "consumers": [{"namespace": namespace, "name": "api", "seconds": SECONDS}],
            "rotation": {"max_age": "1h"},
        }
    )


def deployment(namespace: str, slot: str = "") -> dict[str, object]:
    """Return that Deployment, or a slot of it."""
    name = f"api-{slot}" if slot else "api"
    labels = {"app": name, **({"koprogo.io/slot": slot} if slot else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "c"}]},
            },
        },
    }


@dataclass(frozen=True)
class Scene:
    """A fleet of one secret."""

    namespace: str
    vault: Vault
    cluster: Cluster
    repository: Path | None = None

    @property
    def spec(self) -> SecretSpec:
        """The secret."""
        return secret_of(self.namespace)

    def engine(self, listener: Listener = ignore) -> Engine:
        """Return what rotates it."""
        tools = Tools(lambda: self.vault, lambda: self.cluster, listener)
        files = self.files(listener)
        delivery = ToCluster((self.spec,), self.vault, self.cluster, listener, 20.0, files)
        file = delivery.file if files else None
        return Engine(self.vault, f"fleet-{self.namespace}", delivery, tools, "secrets rotate", listener, file=file)

    def files(self, listener: Listener = ignore) -> SealedFiles | None:
        """Return the files in git, where there is a repository."""
        section = SealedSection(directory="sealed")
        return SealedFiles.of(self.repository, section, listener) if self.repository else None

    @property
    def in_vault(self) -> str:
        """The value at its path."""
        stored = self.vault.read(self.spec.vault.path)
        assert stored is not None
        return stored.values["PASSWORD"].reveal()

    @property
    def live(self) -> str:
        """The value in the cluster."""
        found = self.cluster.secret(self.namespace, "api")
        assert found is not None
        return found["PASSWORD"].reveal()

    def values_ever(self) -> set[str]:
        """Return every value that Vault has had."""
        stored = self.vault.read(self.spec.vault.path)
        assert stored is not None
        versions = [self.vault.read(self.spec.vault.path, number) for number in range(1, stored.version + 1)]
        return {found.values["PASSWORD"].reveal() for found in versions if found is not None}


def start(  # noqa: PLR0913, PLR0917 - the program's arguments
    kubeconfig: Path,
    bao: VaultEndpoint,
    namespace: str,
    state: Path,
    signal_number: int,
    record: int,
    repository: Path | None = None,
) -> subprocess.Popen[str]:
    """Start the rotation as a process that sends itself a signal at a record of its journal."""
    arguments = [kubeconfig, bao.address, bao.ca, namespace, state, signal_number, record]
    arguments += [repository] if repository else []
    process = subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tasks'}:{ROOT / 'tests'}"},
    )
    assert process.stdin is not None
    process.stdin.write(bao.token.reveal())
    process.stdin.close()
    process.stdin = None  # communicate() would write to it
    return process


def main(  # noqa: PLR0913, PLR0917 - the program's arguments
    kubeconfig: str,
    address: str,
    ca: str,
    namespace: str,
    state: str,
    signal_number: str,
    record: str,
    repository: str | None = None,
) -> None:
    """Rotate, and send ourselves a signal."""

    def listen(event: Event) -> None:
        if isinstance(event, Journaled) and event.number == int(record):
            os.kill(os.getpid(), int(signal_number))

    token = Secret(sys.stdin.read())
    with (
        open_vault(address, token, Path(ca)) as vault,
        Cluster.from_file(Path(kubeconfig)) as cluster,
        Journal(Path(state), "secrets rotate", "lab", listener=listen) as journal,
    ):
        scene = Scene(namespace, vault, cluster, Path(repository) if repository else None)
        scene.engine().journaled(journal.step).rotate(scene.spec)


def now() -> datetime:
    """Return the time."""
    return datetime.now(tz=UTC)


if __name__ == "__main__":
    main(*sys.argv[1:])
