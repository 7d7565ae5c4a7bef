"""The cluster's authorities and a server's own certificates: which there are, and where."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node import tokens
from koprogo_fleet.lab.standin.node.certificates import Authority, Subject, ensure_private_key
from koprogo_fleet.lab.standin.node.layout import LOCAL_API_ADDRESS, Layout
from koprogo_fleet.lab.standin.node.settings import Settings

AUTHORITIES = ("server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca")
SHARED = tuple(
    f"tls/{name}" for name in (*(f"{ca}{end}" for ca in AUTHORITIES for end in (".crt", ".key")), "service.key")
)
"""Files below ``server/`` that every server of a cluster has in common; those of the encryption are two more."""

MASTERS = "system:masters"


class Pki:
    """The authorities of one cluster, on a server's disk."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        stamp = int(time.time())
        self.server, self.client, self.request_header, self.etcd, self.etcd_peer = (
            Authority.ensure(layout.tls / f"{name}.crt", f"k3s-{name.replace('/', '-')}@{stamp}")
            for name in AUTHORITIES
        )
        ensure_private_key(layout.tls / "service.key")

    def issue_all(self, settings: Settings) -> None:
        """Make sure of this server's certificates: those that run out, or are for other names than today's, are renewed."""
        tls, etcd_tls, node = self._layout.tls, self._layout.etcd_tls, settings.node_name
        local = ("localhost", node, "127.0.0.1", LOCAL_API_ADDRESS, settings.node_ip)
        domain = settings.network.domain
        service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}")
        api_names = (*local, *service, str(settings.network.api_service), *settings.names)
        self.server.keep(tls / "serving-kube-apiserver.crt", Subject("kube-apiserver", names=api_names))
        for file, name, group in (
            ("client-admin", "system:admin", MASTERS),
            ("client-supervisor", "system:k3s-supervisor", MASTERS),
            ("client-kube-apiserver", "system:apiserver", MASTERS),
            ("client-controller", "system:kube-controller-manager", None),
            ("client-scheduler", "system:kube-scheduler", None),
        ):
            self.client.keep(tls / f"{file}.crt", Subject(name, group))
        self.request_header.keep(tls / "client-auth-proxy.crt", Subject("system:auth-proxy"))
        self.etcd.keep(etcd_tls / "server-client.crt", Subject("etcd-server", names=local))
        self.etcd.keep(etcd_tls / "client.crt", Subject("etcd-client"))
        self.etcd_peer.keep(etcd_tls / "peer-server-client.crt", Subject("etcd-peer", names=local))


def exists(layout: Layout) -> bool:
    """Say whether this server already knows its cluster."""
    return all((layout.data_dir / "server" / name).exists() for name in SHARED)


def export_shared(layout: Layout) -> dict[str, str]:
    """Return the files that a joining server needs, by their path below ``server/``, in base64."""
    root = layout.data_dir / "server"
    files = [root / name for name in SHARED]
    files += [file for file in (layout.encryption_config, layout.encryption_state) if file.exists()]
    return {str(file.relative_to(root)): base64.b64encode(file.read_bytes()).decode() for file in files}


def import_shared(layout: Layout, files: Mapping[str, str]) -> None:
    """Write what the first server exported; nothing but the known names is accepted."""
    root = layout.data_dir / "server"
    encryption = (layout.encryption_config, layout.encryption_state)
    for name in (*SHARED, *(str(file.relative_to(root)) for file in encryption)):
        if name in files:
            mode = 0o644 if name.endswith(".crt") else 0o600
            write_atomically(root / name, base64.b64decode(files[name]), mode=mode)


def write_tokens(settings: Settings, server_password: str, agent_password: str, ca: bytes) -> None:
    """Write ``token``, ``node-token`` (a link to it, as in K3s) and ``agent-token``."""
    layout = settings.layout
    full = tokens.parse(server_password).full(ca, user="server").reveal()
    write_atomically(layout.server_token, f"{full}\n", mode=0o600)
    if not layout.node_token.is_symlink():
        layout.node_token.unlink(missing_ok=True)
        layout.node_token.symlink_to(layout.server_token)
    own = tokens.parse(agent_password).full(ca, user="node").reveal()
    agent = full if agent_password == server_password else own
    write_atomically(layout.agent_token, f"{agent}\n", mode=0o600)
