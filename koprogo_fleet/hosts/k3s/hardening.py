"""
The API server's, controller manager's and kubelet's arguments of K3s' CIS guide, and the files that they name.

Source: docs.k3s.io, "CIS Hardening Guide" (1.8 to 1.11). The API server does not start without the files.
"""

from __future__ import annotations

from koprogo_fleet.core.k3s_section import K3s
from koprogo_fleet.hosts.k3s import paths

AUDIT_DAYS = 30
AUDIT_FILES = 10
AUDIT_MEGABYTES = 100
"""The log is at most this large, :data:`AUDIT_FILES` times."""

ENDED_PODS = 100
"""How many pods that have ended are kept (the guide since K3s 1.28's; before, 10)."""

POD_PROCESSES = 4096
"""The most processes and threads that one pod may have (CIS 4.2.13 wants a limit, and leaves the number to us)."""

CIPHER_SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
)

ALWAYS_EXEMPT = ("kube-system",)
"""Where K3s' own components are, which need more than "restricted"."""

EVENTS_A_SECOND = 5000
EVENTS_BURST = 20000

KERNEL = {
    "vm.overcommit_memory": "1",
    "vm.panic_on_oom": "0",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "kernel.keys.root_maxkeys": "1000000",
    "kernel.keys.root_maxbytes": "25000000",
}
"""What the kubelet insists on under protect-kernel-defaults (Kubernetes, pkg/kubelet/cm, setupKernelTunables)."""

# Nothing is logged at a level that holds bodies: a Secret's would be in the log. The log's own noise is left out: reads
# of the control plane's leases and endpoints, and probes.
AUDIT_POLICY = """\
# Written by koprogo-fleet. Changes made by hand are undone by the next run.
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*"]
  - level: None
    verbs: [get, list, watch, update, patch]
    resources:
      - {group: coordination.k8s.io, resources: [leases]}
  - level: None
    resources:
      - {group: "", resources: [events]}
      - {group: events.k8s.io, resources: [events]}
  - level: None
    userGroups: ["system:nodes"]
    verbs: [get, list, watch]
  - level: Metadata
"""


def api_server_arguments(k3s: K3s) -> list[str]:
    """Return K3s' ``kube-apiserver-arg``."""
    arguments = [
        "enable-admission-plugins=NodeRestriction,EventRateLimit",
        f"admission-control-config-file={paths.ADMISSION}",
        "service-account-extend-token-expiration=false",
    ]
    if k3s.audit:
        arguments += [
            f"audit-log-path={paths.AUDIT_LOG}",
            f"audit-policy-file={paths.AUDIT_POLICY}",
            f"audit-log-maxage={AUDIT_DAYS}",
            f"audit-log-maxbackup={AUDIT_FILES}",
            f"audit-log-maxsize={AUDIT_MEGABYTES}",
        ]
    return arguments


def controller_manager_arguments() -> list[str]:
    """Return K3s' ``kube-controller-manager-arg``."""
    return [f"terminated-pod-gc-threshold={ENDED_PODS}"]


def kubelet_arguments() -> list[str]:
    """Return K3s' ``kubelet-arg``, of servers and agents."""
    return [
        "streaming-connection-idle-timeout=5m",
        f"tls-cipher-suites={','.join(CIPHER_SUITES)}",
        f"pod-max-pids={POD_PROCESSES}",
    ]


def admission(k3s: K3s) -> str:
    """Return the text of the API server's admission configuration: Pod Security, and the pace of events."""
    exempt = ", ".join(dict.fromkeys((*ALWAYS_EXEMPT, *k3s.pod_security_exempt)))
    level = k3s.pod_security
    return f"""\
# Written by koprogo-fleet. Changes made by hand are undone by the next run.
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: PodSecurity
    configuration:
      apiVersion: pod-security.admission.config.k8s.io/v1
      kind: PodSecurityConfiguration
      defaults:
        enforce: {level}
        enforce-version: latest
        audit: {level}
        audit-version: latest
        warn: {level}
        warn-version: latest
      exemptions:
        usernames: []
        runtimeClasses: []
        namespaces: [{exempt}]
  - name: EventRateLimit
    configuration:
      apiVersion: eventratelimit.admission.k8s.io/v1alpha1
      kind: Configuration
      limits:
        - type: Server
          qps: {EVENTS_A_SECOND}
          burst: {EVENTS_BURST}
"""
