"""Rules about who may talk to whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koprogo_fleet.helm.policy.objects import Manifest, Objects, at, listed
from koprogo_fleet.helm.policy.rule import Rule

DIRECTIONS = ("Ingress", "Egress")


def _undefended(objects: Objects) -> Iterator[tuple[str, str]]:
    for pods in objects.pods:
        closed = {
            direction
            for policy in objects.selecting("NetworkPolicy", "podSelector", pods)
            for direction in _directions(at(policy, "spec"))
        }
        if open_ones := [direction.lower() for direction in DIRECTIONS if direction not in closed]:
            yield pods.object, f"no NetworkPolicy refuses {' and '.join(open_ones)} by default"


def _directions(spec: Manifest) -> Sequence[str]:
    """Return what a policy closes: by Kubernetes' own rule where it does not say."""
    return listed(spec.get("policyTypes")) or DIRECTIONS[: 2 if spec.get("egress") else 1]


def _open_rules(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, policy in objects.of("NetworkPolicy"):
        for field, peers in (("ingress", "from"), ("egress", "to")):
            for rule in map(at, listed(at(policy, "spec").get(field))):
                if not rule.get(peers) and not rule.get("ports"):
                    yield name, f"an {field} rule without peers and ports allows everything"


def _public_services(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, service in objects.of("Service"):
        spec = at(service, "spec")
        if spec.get("type") == "LoadBalancer":
            yield name, "type LoadBalancer"
        if addresses := listed(spec.get("externalIPs")):
            yield name, f"externalIPs {', '.join(map(str, addresses))}"


def _plain_ingresses(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, ingress in objects.of("Ingress"):
        spec = at(ingress, "spec")
        safe = {host for entry in listed(spec.get("tls")) for host in listed(at(entry).get("hosts"))}
        for rule in map(at, listed(spec.get("rules"))):
            if rule.get("host") not in safe:
                yield name, f"no TLS for {rule.get('host') or 'all hosts'}"


RULES = (
    Rule(
        "default-deny",
        "without a policy each pod of the cluster may call this one, and this one may call anybody",
        "a NetworkPolicy that selects the pods, with policyTypes: [Ingress, Egress], and a rule for each need",
        _undefended,
    ),
    Rule(
        "no-open-policy",
        "a rule that allows everything undoes the policy that it stands in",
        "name the peers (from, to) or the ports",
        _open_rules,
    ),
    Rule(
        "no-public-service",
        "traffic comes in by the load balancer that fleet.yaml describes; this would be a second way in, unguarded",
        "type: ClusterIP behind the ingress, or NodePort",
        _public_services,
    ),
    Rule(
        "ingress-tls",
        "without a certificate passwords and tokens cross the network in clear text",
        "spec.tls with the host and the Secret that cert-manager fills",
        _plain_ingresses,
    ),
)
