"""Keeping Node objects, etcd members and node passwords in step, as K3s does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.wire import Api

NODES = "/api/v1/nodes"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
PASSWORD_SUFFIX = ".node-password.k3s"  # noqa: S105 - the end of a Secret's name
ETCD = "etcd.k3s.cattle.io"
ROLES = ("control-plane", "etcd", "master")
VOTER_CONDITION = "EtcdIsVoter"


class Membership:
    """What one server tells the cluster about itself, and what the holder of the lease cleans up."""

    def __init__(self, settings: Settings, etcd: Etcd, api: Callable[[], Api]) -> None:
        self._settings = settings
        self._etcd = etcd
        self._api = api()
        self._known_servers: dict[str, str] = {}

    def describe_self(self) -> None:
        """Keep this server's role labels, annotations and etcd condition on its Node."""
        path = f"{NODES}/{self._settings.node_name}"
        node = self._api.get(path)
        if node is None:
            return
        labels = {f"node-role.kubernetes.io/{role}": "true" for role in ROLES}
        annotations = {
            f"{ETCD}/node-name": self._etcd.name,
            f"{ETCD}/node-address": self._settings.node_ip,
            "k3s.io/internal-ip": self._settings.node_ip,
            "k3s.io/hostname": self._settings.node_name,
            "koprogo.lab/stand-in": "pod network host-gw, no cluster DNS",
        }
        metadata = node["metadata"]
        if not (
            labels.items() <= metadata.get("labels", {}).items()
            and annotations.items() <= metadata.get("annotations", {}).items()
        ):
            self._api.merge(path, {"metadata": {"labels": labels, "annotations": annotations}}).success()
        self._report_vote(path, node["status"].get("conditions") or [])

    def clean_up(self) -> None:
        """As the holder of the lease: remove what belonged to nodes that are gone or shall go."""
        nodes = self._api.items(NODES)
        self._remove_members(nodes)
        self._own_passwords(nodes)

    def _report_vote(self, path: str, conditions: list[dict[str, str]]) -> None:
        try:
            status = "True" if self._etcd.is_voter() else "False"
        except KubernetesError:
            status = "Unknown"
        present = next((condition for condition in conditions if condition["type"] == VOTER_CONDITION), {})
        if present.get("status") == status:
            return
        reason = {"True": "MemberNotLearner", "False": "NotAMember"}.get(status, "MemberUnknown")
        condition = {
            "type": VOTER_CONDITION,
            "status": status,
            "reason": reason,
            "message": "Node is a voting member of the etcd cluster"
            if status == "True"
            else "Node does not vote in the etcd cluster",
        }
        self._api.patch(f"{path}/status", {"status": {"conditions": [condition]}}).success()

    def _remove_members(self, nodes: list[dict[str, Any]]) -> None:
        """Remove the etcd member of a Node that is marked for it, or that has been deleted since we saw it."""
        servers = {}
        for node in nodes:
            metadata = node["metadata"]
            annotations = metadata.get("annotations") or {}
            if member := annotations.get(f"{ETCD}/node-name"):
                servers[metadata["name"]] = member
                if annotations.get(f"{ETCD}/remove") == "true" and not annotations.get(f"{ETCD}/removed-node-name"):
                    self._remove_member(member)
                    mark = {
                        f"{ETCD}/removed-node-name": member,
                        f"{ETCD}/node-name": None,
                        f"{ETCD}/node-address": None,
                    }
                    self._api.merge(f"{NODES}/{metadata['name']}", {"metadata": {"annotations": mark}}).success()
        for name in self._known_servers.keys() - servers.keys():
            self._remove_member(self._known_servers[name])
        self._known_servers = servers

    def _remove_member(self, name: str) -> None:
        for member in self._etcd.members():
            if member.name == name:
                log.info("Removing name=%s id=%d address=%s from etcd", member.name, member.id, member.peer_url)
                self._etcd.remove(member)

    def _own_passwords(self, nodes: list[dict[str, Any]]) -> None:
        """Bind each node's password to its Node, so that both are deleted together."""
        for secret in self._api.items(f"{SECRETS}?fieldSelector=type%3DOpaque"):
            metadata = secret["metadata"]
            if not metadata["name"].endswith(PASSWORD_SUFFIX) or metadata.get("ownerReferences"):
                continue
            name = metadata["name"].removesuffix(PASSWORD_SUFFIX)
            uid = next((node["metadata"]["uid"] for node in nodes if node["metadata"]["name"] == name), None)
            if uid:
                owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
                bound = {"metadata": {"ownerReferences": [owner]}}
                self._api.merge(f"{SECRETS}/{metadata['name']}", bound).success()
