"""Breaches that somebody has decided to live with."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from koprogo_fleet.core.model import Model
from koprogo_fleet.core.sections import Text
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.helm.policy.rule import Finding
from koprogo_fleet.helm.policy.rules import RULES


def _known(rule: str) -> str:
    ids = [known.id for known in RULES]
    if rule not in ids:
        raise ValueError(f'there is no rule "{rule}"{did_you_mean(rule, ids)}')
    return rule


RuleId = Annotated[str, AfterValidator(_known), Field(description="the name of a rule such as not-privileged")]
Reason = Annotated[
    str,
    StringConstraints(min_length=12, strip_whitespace=True),
    Field(description="a sentence that says why it has to be so"),
]


class Exemption(Model):
    """
    One rule that does not count for some objects of a release, and the reason.

    *object* is a kind and a name, ``DaemonSet/longhorn-manager``, in which ``*`` stands for any part.
    """

    rule: RuleId
    release: Text = Field(description="the release's name")
    object: str = Field(
        pattern=r"^[^/]+/[^/]+$", description="a kind and a name such as DaemonSet/longhorn-manager; * for any part"
    )
    reason: Reason

    def covers(self, finding: Finding) -> bool:
        """Say whether this is what was decided about."""
        return (self.rule, self.release) == (finding.rule.id, finding.release) and fnmatchcase(
            finding.object, self.object
        )
