"""The configuration as typed values, with K3s' defaults."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from urllib.parse import urlsplit

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import tokens
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.keys import HONOURED
from koprogo_fleet.lab.standin.node.layout import API_PORT, DATA_DIR, KUBECONFIG, Layout
from koprogo_fleet.lab.standin.node.registries import FILE as REGISTRIES
from koprogo_fleet.lab.standin.node.tokens import Token


@dataclass(frozen=True)
class ClusterNetwork:
    """What has to be equal on every server, and is handed to agents."""

    pods: str = "10.42.0.0/16"
    services: str = "10.43.0.0/16"
    dns: str = "10.43.0.10"
    domain: str = "cluster.local"
    flannel_backend: str = "vxlan"
    servicelb: bool = True
    network_policy: bool = True
    cloud_controller: bool = True
    helm_controller: bool = True
    kube_proxy: bool = True
    embedded_registry: bool = False
    flannel_external_ip: bool = False
    flannel_ipv6_masq: bool = False
    egress_selector_mode: str = "agent"
    encryption_provider: str = "aescbc"

    @property
    def api_service(self) -> IPv4Address:
        """The cluster address of the API: the first of the services' network."""
        return IPv4Network(self.services)[1]


KEY_OF = {
    "pods": "cluster-cidr",
    "services": "service-cidr",
    "dns": "cluster-dns",
    "domain": "cluster-domain",
    "flannel_backend": "flannel-backend",
    "servicelb": "disable: servicelb",
    "network_policy": "disable-network-policy",
    "cloud_controller": "disable-cloud-controller",
    "helm_controller": "disable-helm-controller",
    "kube_proxy": "disable-kube-proxy",
    "embedded_registry": "embedded-registry",
    "flannel_external_ip": "flannel-external-ip",
    "flannel_ipv6_masq": "flannel-ipv6-masq",
    "egress_selector_mode": "egress-selector-mode",
    "encryption_provider": "secrets-encryption-provider",
}
"""K3s' names for the fields of :class:`ClusterNetwork`."""


BACKENDS = frozenset({"none", "vxlan", "host-gw", "wireguard-native"})
EGRESS_MODES = frozenset({"agent", "cluster", "pod", "disabled"})
ENCRYPTION_PROVIDERS = frozenset({"aescbc", "secretbox"})
COMPONENTS = frozenset({"coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"})
"""The values that K3s knows (its "server" page)."""


@dataclass(frozen=True)
class Settings:
    """One node's settings. *extra_args* are K3s' ``…-arg`` lists by component ("kubelet", "kube-apiserver"…)."""

    role: str
    layout: Layout
    node_name: str
    node_ip: str
    server: str | None
    token: Token | None
    agent_token: Token | None
    cluster_init: bool
    cluster_reset: bool
    network: ClusterNetwork
    advertise_address: str
    names: tuple[str, ...]
    node_ports: str
    node_external_ip: str | None
    node_labels: tuple[str, ...]
    node_taints: tuple[str, ...]
    secrets_encryption: bool
    protect_kernel_defaults: bool
    kube_proxy: bool
    resolv_conf: Path
    kubeconfig: Path
    kubeconfig_mode: int
    disabled: tuple[str, ...]
    extra_args: Mapping[str, tuple[str, ...]]
    registries: Path
    without_effect: tuple[str, ...]


def settings_from(role: str, values: Values) -> Settings:
    """
    Give *values* their types and defaults.

    Raises:
        InputError: a value cannot be used on this node.
    """
    take = _Taker(values)
    data_dir = Path(take.text("data-dir") or DATA_DIR)
    server = take.text("server")
    if server and urlsplit(server).scheme != "https":
        raise InputError(f"--server must be an https:// URL, not {server}")
    interface = take.text("flannel-iface")
    if interface and interface not in {name for _, name in socket.if_nameindex()}:
        raise InputError(f"unable to find interface {interface}: route ip+net: no such network interface")
    node_ip = take.address("node-ip") or _default_address()
    external = take.address("node-external-ip")
    advertise = take.address("advertise-address") or external or node_ip
    mode = take.text("write-kubeconfig-mode") or "600"
    disabled = tuple(part for item in take.many("disable") for part in item.split(","))
    take.require("flannel-backend", BACKENDS)
    take.require("egress-selector-mode", EGRESS_MODES)
    take.require("secrets-encryption-provider", ENCRYPTION_PROVIDERS)
    if unknown := sorted(set(disabled) - COMPONENTS):
        raise InputError(f"invalid disable: unknown component {', '.join(unknown)}")
    if role == "agent" and not server:
        raise InputError("--server is required")
    return Settings(
        role=role,
        layout=Layout(data_dir),
        node_name=(take.text("node-name") or socket.gethostname()).lower(),
        node_ip=node_ip,
        server=server,
        token=take.token("token"),
        agent_token=take.token("agent-token"),
        cluster_init=take.flag("cluster-init"),
        cluster_reset=take.flag("cluster-reset"),
        network=ClusterNetwork(
            pods=take.network("cluster-cidr") or ClusterNetwork.pods,
            services=take.network("service-cidr") or ClusterNetwork.services,
            dns=take.address("cluster-dns") or ClusterNetwork.dns,
            domain=take.text("cluster-domain") or ClusterNetwork.domain,
            flannel_backend=take.text("flannel-backend") or ClusterNetwork.flannel_backend,
            servicelb="servicelb" not in disabled,
            network_policy=not take.flag("disable-network-policy"),
            cloud_controller=not take.flag("disable-cloud-controller"),
            helm_controller=not take.flag("disable-helm-controller"),
            kube_proxy=not take.flag("disable-kube-proxy"),
            embedded_registry=take.flag("embedded-registry"),
            flannel_external_ip=take.flag("flannel-external-ip"),
            flannel_ipv6_masq=take.flag("flannel-ipv6-masq"),
            egress_selector_mode=take.text("egress-selector-mode") or ClusterNetwork.egress_selector_mode,
            encryption_provider=take.text("secrets-encryption-provider") or ClusterNetwork.encryption_provider,
        ),
        advertise_address=advertise,
        names=tuple(dict.fromkeys(name for name in (*take.many("tls-san"), external, advertise) if name)),
        node_ports=take.text("service-node-port-range") or "30000-32767",
        node_external_ip=external,
        node_labels=take.many("node-label"),
        node_taints=take.many("node-taint"),
        secrets_encryption=take.flag("secrets-encryption"),
        protect_kernel_defaults=take.flag("protect-kernel-defaults"),
        kube_proxy=not take.flag("disable-kube-proxy"),
        resolv_conf=Path(take.text("resolv-conf") or "/etc/resolv.conf"),
        kubeconfig=Path(take.text("write-kubeconfig") or KUBECONFIG),
        kubeconfig_mode=_octal(mode),
        disabled=disabled,
        extra_args={key.removesuffix("-arg"): take.arguments(key) for key in values if key.endswith("-arg")},
        registries=Path(take.text("private-registry") or REGISTRIES),
        without_effect=tuple(sorted(set(values) - HONOURED)),
    )


class _Taker:
    """Typed access to values whose kinds the configuration has checked."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def text(self, key: str) -> str | None:
        value = self._values.get(key)
        return value if isinstance(value, str) and value else None

    def flag(self, key: str) -> bool:
        return self._values.get(key) is True

    def many(self, key: str) -> tuple[str, ...]:
        value = self._values.get(key)
        return tuple(value) if isinstance(value, list) else ()

    def require(self, key: str, known: frozenset[str]) -> None:
        """Refuse a value that is none of the *known* ones."""
        if (text := self.text(key)) and text not in known:
            raise InputError(f"invalid value {text!r} for {key}: valid values are {', '.join(sorted(known))}")

    def arguments(self, key: str) -> tuple[str, ...]:
        """Return ``name=value`` items; a name alone stands for a switch."""
        for item in self.many(key):
            if not re.fullmatch(r"(--)?[a-z0-9][a-zA-Z0-9-]*[+-]?(=.*)?", item):
                raise InputError(f"invalid {key} {item!r}: name=value is expected")
        return self.many(key)

    def address(self, key: str) -> str | None:
        given = self.text(key) or next(iter(self.many(key)), None)
        if given is None:
            return None
        try:
            return str(IPv4Address(given.split(",")[0]))
        except ValueError as error:
            raise InputError(f"invalid {key}: {error}") from error

    def network(self, key: str) -> str | None:
        given = next(iter(self.many(key)), None)
        if given is None:
            return None
        try:
            return str(IPv4Network(given))
        except ValueError as error:
            raise InputError(f"invalid {key} {given}: {error}") from error

    def token(self, key: str) -> Token | None:
        if text := self.text(key):
            return tokens.parse(text)
        if file := self.text(f"{key}-file"):
            try:
                return tokens.parse(Path(file).read_text())
            except OSError as error:
                raise InputError(f"failed to read {key}-file: open {file}: {error.strerror}") from error
        return None


def server_port(url: str) -> tuple[str, int]:
    """Return the host and port of a ``--server`` URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or API_PORT


def _octal(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise InputError(f"invalid write-kubeconfig-mode {text}: octal digits are expected, as in 0600") from error


def _default_address() -> str:
    """Return the address that faces the default route, as K3s chooses it; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise InputError("unable to select an IP from default routes") from error
        return str(probe.getsockname()[0])
