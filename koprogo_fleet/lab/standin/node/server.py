"""``k3s server``: one control plane, from its configuration to READY."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import encryption, kubeconfig, pki, tokens
from koprogo_fleet.lab.standin.node.belonging import Watch
from koprogo_fleet.lab.standin.node.bootstrap_data import BootstrapData
from koprogo_fleet.lab.standin.node.certificates import Subject
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.containerd import SANDBOX_IMAGE
from koprogo_fleet.lab.standin.node.control_plane import LOCAL_API, ControlPlane
from koprogo_fleet.lab.standin.node.encryption_rotation import EncryptionRotation
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.front import EVERYWHERE, Front, listen
from koprogo_fleet.lab.standin.node.join import Server
from koprogo_fleet.lab.standin.node.layout import API_PORT
from koprogo_fleet.lab.standin.node.lease import Lease
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.loops import every
from koprogo_fleet.lab.standin.node.membership import PASSWORD_SUFFIX, SECRETS, Membership
from koprogo_fleet.lab.standin.node.node import Node
from koprogo_fleet.lab.standin.node.node_password import NodePassword
from koprogo_fleet.lab.standin.node.notify import notify
from koprogo_fleet.lab.standin.node.pki import Pki
from koprogo_fleet.lab.standin.node.programs import SERVER_PROGRAMS, wait_for_programs
from koprogo_fleet.lab.standin.node.reset import flag_file
from koprogo_fleet.lab.standin.node.schedule import ScheduledSnapshots
from koprogo_fleet.lab.standin.node.sealing_controller import SealingController
from koprogo_fleet.lab.standin.node.sealing_objects import pod as sealing_pod
from koprogo_fleet.lab.standin.node.server_requests import ServerRequests
from koprogo_fleet.lab.standin.node.settings import KEY_OF, Settings, server_port
from koprogo_fleet.lab.standin.node.supervisor import NODE_GROUP, Supervisor
from koprogo_fleet.lab.standin.node.wire import Api

LEADER_SECONDS = 2
DESCRIBE_SECONDS = 15
WATCH_SECONDS = 5
SCHEDULE_SECONDS = 5


class K3sServer:
    """One server; :meth:`start` is the runbook."""

    def __init__(self, settings: Settings, values: Values) -> None:
        self._settings = settings
        self._layout = settings.layout
        self._etcd = Etcd(settings)
        self._scheduled = ScheduledSnapshots.of(settings, values, self._etcd, os.environ)
        self._control_plane = ControlPlane(settings)
        self._node = Node(settings, LOCAL_API, self._node_api)
        self._stopping = threading.Event()

    def start(self) -> None:
        """
        Bring the server up, and tell systemd once the API is ready.

        Raises:
            KoprogoError: it cannot come up; the process is expected to end, and systemd to start it again.
        """
        settings, layout = self._settings, self._layout
        listener = listen(EVERYWHERE, API_PORT, shared=True)
        wait_for_programs(SERVER_PROGRAMS)
        password = self._bootstrap()
        agent_password = settings.agent_token.password if settings.agent_token else password
        authorities = Pki(layout)
        if settings.secrets_encryption:
            encryption.ensure(layout)
        authorities.issue_all(settings)
        ca = authorities.server.certificate_pem
        self._write_node_certificates(authorities)
        passwords = {"server": password, "node": agent_password}
        data = BootstrapData(layout, self._etcd)
        rotation = self._encryption_rotation(passwords, data)
        requests = ServerRequests(settings, passwords, ca, data, rotation)
        supervisor = Supervisor(
            layout, authorities, settings.network, passwords, self._control_plane.api, requests.routes
        )
        Front(listener, supervisor.serve).start()

        self._etcd.start(self._member_to_join())
        log.info("etcd is up, with a quorum")
        data.reconcile(password)
        pki.write_tokens(settings, password.reveal(), agent_password.reveal(), ca)
        self._control_plane.start()
        log.info("Kube API server is now running")
        self._end_reset()
        kubeconfig.for_people(
            settings.kubeconfig,
            server=f"https://127.0.0.1:{API_PORT}",
            ca=layout.tls / "server-ca.crt",
            certificate=layout.tls / "client-admin.crt",
            mode=settings.kubeconfig_mode,
        )
        log.info("Wrote kubeconfig %s", settings.kubeconfig)
        notify("READY=1")
        log.info("k3s is up and running")
        write_atomically(layout.pod_manifests / "sealed-secrets.json", json.dumps(sealing_pod(SANDBOX_IMAGE)))
        self._node.start(self._stopping)
        self._start_loops(rotation)

    def stop(self) -> None:
        """Take every component down, the node's first and etcd last; pods go on."""
        self._stopping.set()
        self._node.stop()
        plane = self._control_plane
        for child in (plane.scheduler, plane.controller_manager, plane.api_server, self._etcd.child):
            child.stop()

    def _bootstrap(self) -> Secret:
        """Make sure of the cluster's authorities and return the servers' password."""
        given = self._settings.token
        if pki.exists(self._layout) and self._etcd.has_data:
            if given is None and self._layout.server_token.exists():
                return tokens.parse(self._layout.server_token.read_text()).password
            if given:  # whether it is the right one, the bootstrap data in etcd will tell
                return given.password
        if self._settings.server:
            return self._fetch_shared(self._settings.server)
        if given and given.ca_hash and not pki.exists(self._layout):
            raise KubernetesError(
                "failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>"
            )
        return given.password if given else Secret(secrets.token_hex(16))

    def _fetch_shared(self, url: str) -> Secret:
        token = self._settings.token
        if token is None:
            raise KubernetesError("--token is required to join a cluster")
        with closing(Server(*server_port(url), token, user="server")) as first:
            shared = first.get("/v1-k3s/server-bootstrap").json()
        ours = asdict(self._settings.network)
        if different := [KEY_OF[name] for name, value in shared["network"].items() if ours[name] != value]:
            raise KubernetesError(f"critical configuration value mismatch between servers: {', '.join(different)}")
        if self._settings.secrets_encryption != any("encryption-config" in name for name in shared["files"]):
            raise KubernetesError("critical configuration value mismatch between servers: secrets-encryption")
        pki.import_shared(self._layout, shared["files"])
        return token.password

    def _end_reset(self) -> None:
        """After a reset, forget this node's password as the restored data have it: it may be that of another life."""
        flag = flag_file(self._layout)
        if flag.exists():
            with closing(self._control_plane.api()) as api:
                api.call("DELETE", f"{SECRETS}/{self._settings.node_name}{PASSWORD_SUFFIX}")
            flag.unlink()

    def _member_to_join(self) -> str | None:
        if not self._settings.server or self._settings.cluster_init:
            return None
        host, _ = server_port(self._settings.server)
        return f"https://{host}:2379"

    def _write_node_certificates(self, authorities: Pki) -> None:
        settings, agent = self._settings, self._layout.agent
        node = settings.node_name
        write_atomically(agent / "server-ca.crt", authorities.server.certificate_pem)
        write_atomically(agent / "client-ca.crt", authorities.client.certificate_pem)
        authorities.client.keep(agent / "client-kubelet.crt", Subject(f"system:node:{node}", NODE_GROUP))
        authorities.client.keep(agent / "client-kube-proxy.crt", Subject("system:kube-proxy"))
        names = (node, "localhost", "127.0.0.1", settings.node_ip)
        authorities.server.keep(agent / "serving-kubelet.crt", Subject(node, names=names))

    def _node_api(self) -> Api:
        return self._control_plane.api()

    def _encryption_rotation(self, passwords: Mapping[str, Secret], data: BootstrapData) -> EncryptionRotation:
        plane = self._control_plane
        return EncryptionRotation(
            self._layout,
            self._settings.node_name,
            plane.api,
            lambda: data.save(passwords["server"]),
            plane.reload_encryption,
        )

    def _start_loops(self, rotation: EncryptionRotation) -> None:
        api = self._control_plane.api
        membership = Membership(self._settings, self._etcd, api)
        announced = threading.Event()

        def describe() -> None:
            membership.describe_self()
            if not announced.is_set():
                rotation.announce()
                announced.set()

        every(DESCRIBE_SECONDS, "node description", describe, self._stopping)
        watch = Watch(self._etcd.name, self._etcd.peer_url, lambda: self._etcd.child.failures, self._etcd.members)
        every(WATCH_SECONDS, "membership", watch.look, self._stopping)
        every(DESCRIBE_SECONDS, "node password", NodePassword(self._settings.node_name, api).ensure, self._stopping)
        sealing = SealingController(api)
        sealing.serve()
        lease = Lease(self._settings.node_name, api)

        def lead() -> None:
            if not lease.hold():
                sealing.stand_down()
                sealing.load_keys()
                return
            sealing.reconcile()
            membership.clean_up()

        every(LEADER_SECONDS, "leader", lead, self._stopping)
        if self._scheduled:
            every(SCHEDULE_SECONDS, "scheduled snapshots", self._scheduled.tick, self._stopping)
