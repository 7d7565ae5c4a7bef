"""
A real Kubernetes API for contract tests: etcd, kube-apiserver and kube-controller-manager, on loopback, without nodes.

Objects are stored, validated, defaulted and answered as by any Kubernetes; a Deployment gets its pods, but nothing runs
them: only one of no replicas ever becomes ready.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.core.wait import NotYet, wait_for

TOKEN = "contract-test"
READY_SECONDS = 60


def find_kubernetes() -> Path | None:
    """Return the folder of the binaries that the lab built, or of those that $KOPROGO_KUBE_BINARIES names."""
    folders = [Path(os.environ.get("KOPROGO_KUBE_BINARIES", "/nonexistent")), cache_dir() / "kubernetes" / "bin"]
    needed = ("kube-apiserver", "kube-controller-manager")
    return next((folder for folder in folders if all((folder / name).is_file() for name in needed)), None)


def find_etcd() -> Path | None:
    """Return the machine's etcd, or the one in the lab's base image."""
    if found := shutil.which("etcd"):
        return Path(found)
    return next(iter(cache_dir().glob("base-image/*/usr/bin/etcd")), None)


def why_not() -> str | None:
    """Return why no API server can be started here, or None."""
    if find_kubernetes() is None:
        return "no kube-apiserver: `koprogo-fleet lab up` builds one, or KOPROGO_KUBE_BINARIES names a folder with one"
    if find_etcd() is None:
        return "no etcd: install etcd-server, or run `koprogo-fleet lab up` once"
    return None


@contextlib.contextmanager
def start_api_server(directory: Path, *flags: str) -> Iterator[Path]:
    """Run a control plane with its data in *directory*; yield the path of an administrator's kubeconfig."""
    etcd, kubernetes = find_etcd(), find_kubernetes()
    assert etcd is not None
    assert kubernetes is not None
    client_port, peer_port, api_port = _free_ports(3)
    certificate = directory / "certs" / "apiserver.crt"
    (directory / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    _write_service_account_key(directory / "service-account.key")
    etcd_url, peer_url = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    kubeconfig = directory / "kubeconfig"
    with (
        _running(
            directory / "etcd.log",
            etcd,
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
        ),
        _running(
            directory / "kube-apiserver.log",
            kubernetes / "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={api_port}",
            f"--cert-dir={certificate.parent}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={directory / 'service-account.key'}",
            f"--service-account-key-file={directory / 'service-account.key'}",
            "--service-cluster-ip-range=10.43.0.0/16",
            *flags,
        ) as process,
    ):
        wait_for(
            "the API server",
            lambda: _ready(process, directory / "kube-apiserver.log", api_port, certificate),
            seconds=READY_SECONDS,
            interval=0.2,
        )
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(_kubeconfig(api_port, certificate))
        with _running(
            directory / "kube-controller-manager.log",
            kubernetes / "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            *_no_insecure_port(kubernetes / "kube-controller-manager"),
        ):
            yield kubeconfig


def _no_insecure_port(controller_manager: Path) -> list[str]:
    """Before 1.24 it also listened on a fixed port, without asking who calls."""
    usage = subprocess.run(
        [controller_manager, "--help"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    return ["--port=0"] if " --port int" in usage else []


@contextlib.contextmanager
def _running(log: Path, program: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _ready(process: subprocess.Popen[bytes], log: Path, port: int, certificate: Path) -> None:
    assert process.poll() is None, log.read_text()[-2000:]
    request = urllib.request.Request(f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(request, timeout=2, context=context):  # noqa: S310 - https, on loopback
            return
    except urllib.error.HTTPError as error:
        with error:
            raise NotYet(str(error)) from error
    except OSError as error:
        raise NotYet(str(error)) from error


def _kubeconfig(port: int, certificate: Path) -> str:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "contract", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "contract", "context": {"cluster": "contract", "user": "admin"}}],
            "current-context": "contract",
        }
    )


def _write_service_account_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
