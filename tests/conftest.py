"""What all tests need."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C, as on a terminal: what runs in the background may ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
