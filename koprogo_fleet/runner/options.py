"""What a user of the runner can choose: plain values, so that Nornir's configuration file can hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.runner.batches import share, split


@dataclass(kw_only=True)
class Options:
    """
    How a task goes over the hosts.

    Attributes:
        num_workers: how many hosts at a time.
        batches: sizes of the batches, one after the other, such as ``[1, "20%", "100%"]``: a canary, a fifth, the
            rest. A batch begins when the one before it has ended. None: all hosts are one batch.
        max_failures: how many hosts, or which part of them (``"10%"``), may fail or be unreachable. With one more, no
            further host is started.
        task_seconds: how long the task may take on one host, retries included; then it is cancelled. None: no limit.
        run_seconds: how long it may take on all of them. None: no limit.
        retries: how often it is tried again on a host after a temporary error, with growing, random pauses.
        group_limits: how many hosts of a Nornir group at a time: ``{"server": 1}``.
        close_connections: close the connections of each host when it is done. Otherwise they stay open, for the next
            task: one file descriptor a host.
    """

    num_workers: int = 20
    batches: Sequence[int | str] = ()
    max_failures: int | str = 0
    task_seconds: float | None = None
    run_seconds: float | None = None
    retries: int = 0
    group_limits: Mapping[str, int] = field(default_factory=dict)
    close_connections: bool = False

    def __post_init__(self) -> None:
        """
        Check them all before anything runs.

        Raises:
            InputError: one of them cannot be used.
        """
        share(self.max_failures, 1, "max_failures")
        list(split(range(1), self.batches))
        positive: dict[str, float | None] = {
            "num_workers": self.num_workers,
            "task_seconds": self.task_seconds,
            "run_seconds": self.run_seconds,
            **{f"group_limits[{group}]": limit for group, limit in self.group_limits.items()},
        }
        wrong = [f"{name} is {value!r}" for name, value in positive.items() if value is not None and value <= 0]
        if self.retries < 0:
            wrong.append(f"retries is {self.retries!r}")
        if wrong:
            raise InputError(
                f"the runner cannot work with these options: {', '.join(wrong)}",
                next_step="give a number above zero, or leave the option out",
            )
