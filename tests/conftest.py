"""What all tests need."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C, as on a terminal: what runs in the background may ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, where tests run side by side, those of one file, and those on the fleet that is provisioned once."""
    for item in items:
        on_the_fleet = "fleet" in getattr(item, "fixturenames", ()) and item.path.parent.name == "lab"
        item.add_marker(pytest.mark.xdist_group("fleet" if on_the_fleet else item.nodeid.partition("::")[0]))
