"""A provision run that sends itself a signal at a record of its journal: INVENTORY SIGNAL RECORD; ends as the command does."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from koprogo_fleet.cli.app import run
from koprogo_fleet.core.events import Event, Journaled, ignore
from koprogo_fleet.workflows.provision import provision, read_input
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import LAB, choose, open_target


def main(directory: Path, number: int, record: int) -> None:
    """Bring the fleet to its desired state, if the signal lets us."""

    def listener(event: Event) -> None:
        if event == Journaled(record):
            os.kill(os.getpid(), number)

    provision(read_input(directory), directory, open_target(choose(LAB), ignore), listener, Report())


if __name__ == "__main__":
    sys.exit(run(partial(main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
