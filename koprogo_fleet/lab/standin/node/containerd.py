"""containerd: Debian's own, as a child; and the image archives that it is given at start."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node import registries
from koprogo_fleet.lab.standin.node.children import Child
from koprogo_fleet.lab.standin.node.layout import CNI_PLUGINS, CONTAINERD_SOCKET, RUN_DIR, Layout
from koprogo_fleet.lab.standin.node.log import log

SANDBOX_IMAGE = "docker.io/koprogo/lab-pause:1"
"""The image of every pod's sandbox; the lab makes it (:mod:`koprogo_fleet.lab.images`), no registry has it."""

READY_SECONDS = 60
IMPORT_SECONDS = 300

CONFIG = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_plugins}"
    conf_dir = "{cni_config}"
"""


class Containerd:
    """The container runtime of one node."""

    def __init__(self, layout: Layout, registries_file: Path) -> None:
        self._layout = layout
        self._registries_file = registries_file
        self._config = layout.agent / "etc/containerd/config.toml"
        self.child = Child(
            "containerd", lambda: ["containerd", "--config", self._config], layout.agent_logs / "containerd.log"
        )

    def start(self) -> None:
        """
        Start containerd, wait for it, and import the images that are new.

        Raises:
            KubernetesError: containerd ended by itself.
            InputError: registries.yaml cannot be understood.
            WaitTimeout: it does not answer.
        """
        text = CONFIG.format(
            root=self._layout.agent / "containerd",
            state=RUN_DIR / "containerd/state",
            socket=CONTAINERD_SOCKET,
            sandbox=SANDBOX_IMAGE,
            cni_plugins=CNI_PLUGINS,
            cni_config=self._layout.cni_config,
        )
        known = registries.load(self._registries_file)
        hosts = self._config.with_name("certs.d")
        registries.write_hosts(known, hosts)
        write_atomically(self._config, text + "\n" + registries.containerd_config(known, hosts), mode=0o600)
        self._layout.cni_config.mkdir(parents=True, exist_ok=True)
        self.child.start()
        wait_for("containerd", self._observe, seconds=READY_SECONDS, interval=0.3)
        self._import_images()

    def _observe(self) -> None:
        self.child.require_running()
        if (answer := _ctr("version")).returncode != 0:
            raise NotYet(answer.stderr.strip())

    def _import_images(self) -> None:
        """Import the archives whose content is not that of the last import."""
        record = self._layout.agent / "etc/imported-images.json"
        try:
            imported: dict[str, str] = json.loads(record.read_text())
        except (OSError, ValueError):
            imported = {}
        for archive in sorted(self._layout.images.glob("*.tar")):
            digest = _sha256(archive)
            if imported.get(archive.name) == digest:
                continue
            answer = _ctr("images", "import", str(archive), seconds=IMPORT_SECONDS)
            if answer.returncode != 0:
                log.error("Error encountered while importing %s: %s", archive, answer.stderr.strip())
                continue
            log.info("Imported images from %s: %s", archive, " ".join(answer.stdout.split()))
            imported[archive.name] = digest
        write_atomically(record, json.dumps(imported))


def ctr_command() -> list[str]:
    """Return how ``ctr`` is called for the images and containers of Kubernetes."""
    return ["ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io"]


def _ctr(*arguments: str, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*ctr_command(), *arguments], capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise KubernetesError(f"ctr {' '.join(arguments)}: no end after {seconds:.0f} s") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
