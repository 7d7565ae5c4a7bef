"""The API server starts with the arguments and files that K3s gives it, audits, and keeps values out of its log."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from kubernetes_api import start_api_server, why_not

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.k3s_section import K3s
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s import hardening, paths
from koprogo_fleet.kube import Cluster


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_what_is_done_is_audited_without_its_values(tmp_path: Path) -> None:
    """Both files are accepted (those that pace events too); a Secret's making is logged, and nothing of its content."""
    k3s = K3s(version="v1.33.4+k3s1", pod_security_exempt=("longhorn-system",))
    server = tmp_path / "server"
    for path, text in ((paths.ADMISSION, hardening.admission(k3s)), (paths.AUDIT_POLICY, hardening.AUDIT_POLICY)):
        file = Path(path.replace(paths.SERVER, str(server)))
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    flags = [f"--{item.replace(paths.SERVER, str(server))}" for item in hardening.api_server_arguments(k3s)]
    value, log = uuid4().hex, Path(paths.AUDIT_LOG.replace(paths.SERVER, str(server)))
    with start_api_server(tmp_path, *flags) as kubeconfig, Cluster.from_file(kubeconfig) as cluster:
        wait_for("the namespace default", lambda: _applied(cluster, value), seconds=60)

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    made = [entry for entry in entries if entry.get("objectRef", {}).get("name") == "audited"]
    assert made
    assert {"Metadata"} == {entry["level"] for entry in entries}
    assert value not in log.read_text()
    assert not [entry for entry in entries if entry.get("objectRef", {}).get("resource") in {"leases", "events"}]


def _applied(cluster: Cluster, value: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "audited", "namespace": "default"}}
    try:
        cluster.apply(secret | {"stringData": {"key": value}})
    except KubernetesError as error:
        raise NotYet(str(error)) from error
