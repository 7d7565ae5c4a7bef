"""What comes next in a rotation: a table."""

from __future__ import annotations

import pytest

from koprogo_fleet.secrets.rotation.stages import AFTER, Direction, Progress, Stage, Step, can_go_back, next_step

BACK = Direction.BACK


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (Progress(Stage.BEGUN), Step.CREATE),
        (Progress(Stage.CREATED), Step.KEEP),
        (Progress(Stage.KEPT), Step.PUSH),
        (Progress(Stage.KEPT, first=True), Step.CLOSE),
        (Progress(Stage.PUSHED), Step.ROLL),
        (Progress(Stage.ROLLED, waits=True), Step.WAIT),
        (Progress(Stage.ROLLED, waits=True, ends_otherwise=True), Step.WAIT),
        (Progress(Stage.ROLLED, ends_otherwise=True), Step.KEEP_LAST),
        (Progress(Stage.ROLLED), Step.SETTLE),
        (Progress(Stage.LAST_KEPT), Step.PUSH_LAST),
        (Progress(Stage.LAST_PUSHED), Step.ROLL_LAST),
        (Progress(Stage.LAST_ROLLED), Step.SETTLE),
        (Progress(Stage.SETTLED), Step.REVOKE),
        (Progress(Stage.REVOKED), Step.CLOSE),
        *(
            (Progress(stage, BACK, wrote=True), Step.RESTORE)
            for stage in Stage
            if stage.value
            in {
                "begun",
                "created",
                "kept",
                "filed",
                "pushed",
                "rolled",
                "last-kept",
                "last-filed",
                "last-pushed",
                "last-rolled",
            }
        ),
        (Progress(Stage.KEPT, files=True), Step.FILE),
        (Progress(Stage.KEPT, first=True, files=True), Step.CLOSE),
        (Progress(Stage.FILED, files=True), Step.PUSH),
        (Progress(Stage.FILED), Step.PUSH),
        (Progress(Stage.LAST_KEPT, files=True), Step.FILE_LAST),
        (Progress(Stage.LAST_FILED, files=True), Step.PUSH_LAST),
        (Progress(Stage.RESTORED, BACK, wrote=True, files=True), Step.FILE_BACK),
        (Progress(Stage.RESTORED, BACK, files=True), Step.DISCARD),
        (Progress(Stage.FILED_BACK, BACK, wrote=True, files=True), Step.PUSH_BACK),
        (Progress(Stage.RESTORED, BACK, wrote=True), Step.PUSH_BACK),
        (Progress(Stage.RESTORED, BACK), Step.DISCARD),
        (Progress(Stage.RESTORED, BACK, first=True, wrote=True), Step.DISCARD),
        (Progress(Stage.PUSHED_BACK, BACK, wrote=True), Step.ROLL_BACK),
        (Progress(Stage.ROLLED_BACK, BACK, wrote=True), Step.DISCARD),
        (Progress(Stage.DISCARDED, BACK, wrote=True), Step.CLOSE),
    ],
)
def test_what_comes_next(now: Progress, step: Step) -> None:
    """Each stage has one next step, in each direction."""
    assert step is next_step(now)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("wrote", [True, False])
@pytest.mark.parametrize("ends_otherwise", [True, False])
@pytest.mark.parametrize("files", [True, False])
def test_each_way_ends(direction: Direction, *, first: bool, wrote: bool, ends_otherwise: bool, files: bool) -> None:
    """From the beginning, and from wherever it turns, a rotation comes to its end without a stage twice."""
    for start in (stage for stage in Stage if direction is Direction.FORWARD or can_go_back(stage)):
        if direction is Direction.FORWARD and start is not Stage.BEGUN:
            continue
        seen, stage = [], start
        while (
            step := next_step(Progress(stage, direction, first, wrote, ends_otherwise=ends_otherwise, files=files))
        ) is not Step.CLOSE:
            stage = AFTER[step]
            assert stage not in seen
            seen.append(stage)


def test_the_former_is_revoked_only_when_there_is_no_way_back() -> None:
    """Before the former credential is touched, the record says that it may be gone."""
    assert [Stage.SETTLED] == [stage for stage in AFTER.values() if _leads_to_revoke(stage)]
    assert {stage for stage in Stage if not can_go_back(stage)} == {Stage.SETTLED, Stage.REVOKED}


def _leads_to_revoke(stage: Stage) -> bool:
    return any(next_step(Progress(stage, way, wrote=True)) is Step.REVOKE for way in Direction if stage in _of(way))


def _of(way: Direction) -> frozenset[Stage]:
    back = {Stage.RESTORED, Stage.FILED_BACK, Stage.PUSHED_BACK, Stage.ROLLED_BACK, Stage.DISCARDED}
    return frozenset(stage for stage in Stage if (stage in back) is (way is Direction.BACK))
