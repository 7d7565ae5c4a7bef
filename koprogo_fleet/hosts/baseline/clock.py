"""The node's clock: a node whose clock is wrong holds every certificate for "not yet valid", or for expired."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Resource, Unchanged
from koprogo_fleet.hosts.resources import OwnKernel, Service

LIMIT_SECONDS = 5.0
"""K3s signs its certificates as valid from now on; etcd warns of members whose clocks differ by a second."""

# Where the clock was before and is afterwards is told by the time since boot, which no step of the clock changes.
_STEP = """\
offset() { read -r up _ </proc/uptime; echo "$(date +%s.%N) $up" | awk '{printf "%.2f\\n", $1 - $2}'; }
before=$(offset)
systemctl start chrony
chronyc -m 'burst 4/4' >/dev/null 2>&1 || :
for _ in $(seq 15); do
  sleep 2
  chronyc makestep >/dev/null 2>&1 || :
  if echo "$(offset) $before" | awk '{moved = $1 - $2 + SKEW; exit !(moved > -LIMIT && moved < LIMIT)}'; then exit 0; fi
done
echo 'chrony did not set the clock within 30 s:' >&2
chronyc -n sources >&2 || :
exit 1"""


@dataclass(frozen=True)
class Clock:
    """
    The node's clock goes with that of the machine that asks, within :data:`LIMIT_SECONDS`.

    The node looks at some moment between the question and the answer: only what is outside of both is wrong for sure.

    Attributes:
        asked: when the question was sent, in seconds since 1970.
        now: gives the same for the answer.
    """

    asked: float
    now: Callable[[], float] = field(default=time.time, compare=False)

    @property
    def name(self) -> str:
        """What it is."""
        return "clock"

    def look(self) -> str:
        """Print the time, and whether the clock is a host's."""
        return "date +%s.%N\n[ ! -e /run/systemd/container ] || echo container"

    def decide(self, fact: Fact) -> Decision:
        """Have chrony set it, where it can be set."""
        said, *container = fact.text.split()
        skew = self._skew(float(said))
        if abs(skew) <= LIMIT_SECONDS:
            return Unchanged()
        shown = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the clock of this machine"
        if container:
            return Refused(
                f"it is {shown}, and a container cannot set its host's clock: certificates would not be valid yet, or any more",
                next_step="set the clock of the host, or of this machine: timedatectl; then run the same again",
            )
        wanted = f"within {LIMIT_SECONDS:.0f} s of it"
        script = _STEP.replace("SKEW", f"({skew:.2f})").replace("LIMIT", f"{LIMIT_SECONDS:.0f}")
        return Change((Difference(Operation.CHANGE, self.name, old=shown, new=wanted),), script)

    def _skew(self, told: float) -> float:
        """Return by how many seconds the node is ahead, at least; below zero: behind."""
        if told > (answered := self.now()):
            return told - answered
        return min(told - self.asked, 0.0)


def clock(asked: float) -> tuple[Resource, ...]:
    """Return chrony, and the clock that it keeps."""
    return (OwnKernel(Service("chrony"), "a container has its host's clock"), Clock(asked))
