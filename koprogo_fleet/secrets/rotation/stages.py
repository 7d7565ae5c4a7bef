"""
How far a rotation is, and what comes next. Pure.

.. code-block:: text

    begun - created - kept - (filed) - pushed - rolled - (overlap) - last kept - (last filed) - last pushed - last rolled -
      |        |        |       |         |        |                     |            |              |             |
      +--------+--------+-------+---------+--------+---------+-----------+------------+--------------+-------------+
                                                             |
                                          restored - (filed back) - pushed back - rolled back - discarded

    - settled - revoked, from where there is no way back

Whatever is at the secret's path in Vault is accepted by the backend at every stage: the new values come there once the
backend has them, the former ones are revoked when the last values are proven, and what was made is discarded when the former
ones are there again and proven. So a push at any moment is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Where a rotation goes."""

    FORWARD = "forward"
    BACK = "back"


class Stage(StrEnum):
    """What is done."""

    BEGUN = "begun"
    CREATED = "created"
    KEPT = "kept"
    FILED = "filed"
    PUSHED = "pushed"
    ROLLED = "rolled"
    LAST_KEPT = "last-kept"
    LAST_FILED = "last-filed"
    LAST_PUSHED = "last-pushed"
    LAST_ROLLED = "last-rolled"
    SETTLED = "settled"
    REVOKED = "revoked"
    RESTORED = "restored"
    FILED_BACK = "filed-back"
    PUSHED_BACK = "pushed-back"
    ROLLED_BACK = "rolled-back"
    DISCARDED = "discarded"


class Step(StrEnum):
    """What is to be done."""

    CREATE = "create the new credential beside the former one"
    KEEP = "new values to their path in Vault"
    FILE = "seal the new values into files, and commit them"
    PUSH = "seal the new values"
    ROLL = "consumers, one by one"
    WAIT = "overlap"
    KEEP_LAST = "last values to their path in Vault"
    FILE_LAST = "seal the last values into files, and commit them"
    PUSH_LAST = "seal the last values"
    ROLL_LAST = "consumers, one by one, with the last values"
    SETTLE = "no way back"
    REVOKE = "revoke the former credential"
    RESTORE = "former values to their path in Vault"
    FILE_BACK = "seal the former values into files, and commit them"
    PUSH_BACK = "seal the former values"
    ROLL_BACK = "consumers, one by one, with the former values"
    DISCARD = "discard what was created"
    CLOSE = "close the record"


@dataclass(frozen=True)
class Progress:
    """
    What the next step depends on.

    Attributes:
        stage: what is done.
        direction: where it goes.
        first: nothing was there before: nobody uses it yet.
        wrote: the rotation has written to the secret's path.
        waits: the overlap is not over.
        ends_otherwise: the last values are not the new ones.
        files: what is sealed is kept as files in git, too.
    """

    stage: Stage
    direction: Direction = Direction.FORWARD
    first: bool = False
    wrote: bool = False
    waits: bool = False
    ends_otherwise: bool = False
    files: bool = False


FORWARD = {
    Stage.BEGUN: Step.CREATE,
    Stage.CREATED: Step.KEEP,
    Stage.KEPT: Step.PUSH,
    Stage.FILED: Step.PUSH,
    Stage.PUSHED: Step.ROLL,
    Stage.ROLLED: Step.SETTLE,
    Stage.LAST_KEPT: Step.PUSH_LAST,
    Stage.LAST_FILED: Step.PUSH_LAST,
    Stage.LAST_PUSHED: Step.ROLL_LAST,
    Stage.LAST_ROLLED: Step.SETTLE,
    Stage.SETTLED: Step.REVOKE,
    Stage.REVOKED: Step.CLOSE,
}
BACK = {
    Stage.RESTORED: Step.PUSH_BACK,
    Stage.FILED_BACK: Step.PUSH_BACK,
    Stage.PUSHED_BACK: Step.ROLL_BACK,
    Stage.ROLLED_BACK: Step.DISCARD,
    Stage.DISCARDED: Step.CLOSE,
}
FILES = {
    Step.PUSH: Step.FILE,
    Step.PUSH_LAST: Step.FILE_LAST,
    Step.PUSH_BACK: Step.FILE_BACK,
}
"""What comes before, where there are files."""
AFTER = {
    Step.CREATE: Stage.CREATED,
    Step.KEEP: Stage.KEPT,
    Step.FILE: Stage.FILED,
    Step.PUSH: Stage.PUSHED,
    Step.ROLL: Stage.ROLLED,
    Step.KEEP_LAST: Stage.LAST_KEPT,
    Step.FILE_LAST: Stage.LAST_FILED,
    Step.PUSH_LAST: Stage.LAST_PUSHED,
    Step.ROLL_LAST: Stage.LAST_ROLLED,
    Step.SETTLE: Stage.SETTLED,
    Step.REVOKE: Stage.REVOKED,
    Step.RESTORE: Stage.RESTORED,
    Step.FILE_BACK: Stage.FILED_BACK,
    Step.PUSH_BACK: Stage.PUSHED_BACK,
    Step.ROLL_BACK: Stage.ROLLED_BACK,
    Step.DISCARD: Stage.DISCARDED,
}
"""The stage that a step leads to."""
NO_WAY_BACK = frozenset({Stage.SETTLED, Stage.REVOKED})
"""The former credential may be revoked."""


def next_step(now: Progress) -> Step:
    """Return what comes next."""
    step = _next(now)
    before = FILES.get(step, step)
    return before if now.files and before is not step and AFTER[before] is not now.stage else step


def _next(now: Progress) -> Step:
    if now.direction is Direction.BACK:
        if now.stage is Stage.RESTORED and (now.first or not now.wrote):
            return Step.DISCARD
        return BACK.get(now.stage, Step.RESTORE)
    if now.stage is Stage.KEPT and now.first:
        return Step.CLOSE
    if now.stage is Stage.ROLLED and now.waits:
        return Step.WAIT
    if now.stage is Stage.ROLLED and now.ends_otherwise:
        return Step.KEEP_LAST
    return FORWARD[now.stage]


def can_go_back(stage: Stage) -> bool:
    """Say whether the former values are valid for sure."""
    return stage not in NO_WAY_BACK
