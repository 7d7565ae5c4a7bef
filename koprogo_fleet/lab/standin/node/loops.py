"""Work that is done again and again beside the components, each kind in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.standin.node.log import log


def every(seconds: float, name: str, work: Callable[[], None], stopping: threading.Event) -> None:
    """Do *work* now and then every *seconds* until *stopping*; a failure is logged once, not at each repetition."""

    def run() -> None:
        last_failure = ""
        while not stopping.is_set():
            try:
                work()
                last_failure = ""
            except KoprogoError as error:
                if str(error) != last_failure:
                    log.warning("%s: %s", name, error)
                last_failure = str(error)
            stopping.wait(seconds)

    threading.Thread(target=run, name=name, daemon=True).start()
