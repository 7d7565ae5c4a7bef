"""The security policy that every release's rendered manifests are held against."""

from koprogo_fleet.helm.policy.check import Verdict, check
from koprogo_fleet.helm.policy.exemption import Exemption
from koprogo_fleet.helm.policy.objects import manifests_of
from koprogo_fleet.helm.policy.rule import Finding, Rule
from koprogo_fleet.helm.policy.rules import RULES

__all__ = ["RULES", "Exemption", "Finding", "Rule", "Verdict", "check", "manifests_of"]
