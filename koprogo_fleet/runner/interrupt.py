"""
Ctrl-C, in two steps: stop at a safe point, then abort.

A signal only counts; whoever runs something long asks :class:`Interruption` between its steps. So nothing is torn in
the middle of a line of Python, as it would be by KeyboardInterrupt.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ABORT = 2


class Interruption:
    """How often a person (or the system) has asked us to end."""

    def __init__(self) -> None:
        self._signals = 0

    @property
    def stopping(self) -> bool:
        """Begin nothing new; what runs may end."""
        return self._signals > 0

    @property
    def aborting(self) -> bool:
        """End at once."""
        return self._signals >= _ABORT

    def count(self, _number: int, _frame: FrameType | None) -> None:
        """
        Take in a signal.

        It takes no lock: it may come while its own thread holds any of them.

        Raises:
            KeyboardInterrupt: at the third, for the case that nobody asks any more.
        """
        self._signals += 1
        if self._signals > _ABORT:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Generator[Interruption]:
    """
    Count SIGINT and SIGTERM while the block runs, instead of dying of them; the old handlers come back afterwards.

    Inside another such block its Interruption is yielded again. Python delivers signals to the main thread alone: in
    any other, without an outer block, nothing is ever counted. A signal that our parent made us ignore (``nohup``)
    stays ignored.
    """
    outer = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(outer, Interruption):
        yield outer
        return
    interruption = Interruption()
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if (handler := signal.getsignal(number)) is not signal.SIG_IGN:
                previous[number] = handler or signal.SIG_DFL
                signal.signal(number, interruption.count)
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
