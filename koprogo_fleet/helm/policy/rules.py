"""All rules, in the order in which they are told."""

from __future__ import annotations

from koprogo_fleet.helm.policy import access, availability, containers, network, pods
from koprogo_fleet.helm.policy.rule import Rule

RULES: tuple[Rule, ...] = (*containers.RULES, *pods.RULES, *network.RULES, *access.RULES, *availability.RULES)
