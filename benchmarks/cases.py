"""The cases, and the goals they are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.tools import ansible, floor, ours, pyinfra
from benchmarks.tools.job import Command, Job
from benchmarks.work import ENDPOINT_WORK, FULL_WORK, NODE_WORK, Work

OURS, FLOOR, PYINFRA, ANSIBLE = "koprogo_fleet", "floor", "pyinfra", "Ansible"
TOOLS: Mapping[str, Callable[[Job], Command]] = {
    OURS: ours.prepare,
    FLOOR: floor.prepare,
    PYINFRA: pyinfra.prepare,
    ANSIBLE: ansible.prepare,
}


@dataclass(frozen=True)
class Goal:
    """
    What a figure of ours should be.

    Attributes:
        figure: ``ratio:<tool>`` (its time by ours), ``floors`` (ours by the floor's) or ``seconds``, all without the
            interpreter's start and the imports, or a field of the summary.
        least: at least so much, unless None.
        most: at most so much, unless None.
    """

    figure: str
    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether *value* is good enough."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True)
class Case:
    """
    One line of the table.

    Attributes:
        name: how it is chosen on the command line.
        title: what it is, for people.
        endpoints: how many SSH endpoints; 0 is the six nodes of the lab.
        work: what is to be brought about.
        all_to_change: nothing is as desired before a run; else everything is.
        with_baseline: the fleet's baseline is a part of the work.
        tools: who takes part, in this order; ours first.
        goals: for ours.
    """

    name: str
    title: str
    endpoints: int
    work: Work
    tools: tuple[str, ...]
    goals: tuple[Goal, ...]
    all_to_change: bool = False
    with_baseline: bool = False


CASES = (
    Case(
        "nodes",
        "six nodes, 15 resources, nothing to change",
        0,
        NODE_WORK,
        (OURS, FLOOR, PYINFRA, ANSIBLE),
        (Goal("floors", most=1.5), Goal(f"ratio:{PYINFRA}", least=7), Goal(f"ratio:{ANSIBLE}", least=100)),
    ),
    Case(
        "nodes-change",
        "six nodes, 15 resources, everything to change",
        0,
        NODE_WORK,
        (OURS, FLOOR, PYINFRA, ANSIBLE),
        (Goal(f"ratio:{PYINFRA}", least=5),),
        all_to_change=True,
    ),
    Case(
        "full",
        "six nodes, the full baseline and a site's own, nothing to change",
        0,
        FULL_WORK,
        (OURS, FLOOR),
        (Goal("seconds", most=1), Goal("resources", least=60), Goal("logins", most=1), Goal("commands", most=1)),
        with_baseline=True,
    ),
    Case(
        "endpoints-100",
        "100 SSH endpoints, 5 files each, nothing to change",
        100,
        ENDPOINT_WORK,
        (OURS, FLOOR, PYINFRA, ANSIBLE),
        (Goal("floors", most=1.3), Goal(f"ratio:{PYINFRA}", least=5)),
    ),
    Case(
        "endpoints-500",
        "500 SSH endpoints, 5 files each, nothing to change",
        500,
        ENDPOINT_WORK,
        (OURS, FLOOR),
        (Goal("hosts_a_minute", least=900), Goal("memory_mib", most=150), Goal("descriptors", most=200)),
    ),
)
QUICK = (
    Case("endpoints-3", "3 SSH endpoints, nothing to change", 3, ENDPOINT_WORK, (OURS, FLOOR), ()),
    Case(
        "endpoints-3-change",
        "3 SSH endpoints, everything to change",
        3,
        ENDPOINT_WORK,
        (OURS, FLOOR),
        (),
        all_to_change=True,
    ),
)
