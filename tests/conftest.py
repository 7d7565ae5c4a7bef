"""What all tests need: Ctrl-C for the programs they start, samples of many cases, and company for those side by side."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

SHARED_FLEETS = ("tests/lab/provisioned/", "tests/lab/small/")
"""The tests of all files of such a folder share a fleet, which is provisioned once."""


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C, as on a terminal: what runs in the background may ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what -m says
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make every case of a sampled test exhaustive but the first, and each n-th after it."""
    seen: Counter[str] = Counter()
    for item in items:
        if (mark := item.get_closest_marker("sampled")) is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % mark.kwargs["every"]:
            item.add_marker(pytest.mark.exhaustive)
        seen[test] += 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Keep the tests of a file in one process, and all those of a shared fleet."""
    from xdist.scheduler import LoadFileScheduling

    class ByFleet(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = next((folder for folder in SHARED_FLEETS if nodeid.startswith(folder)), None)
            return shared or str(super()._split_scope(nodeid))

    return ByFleet(config, log)
