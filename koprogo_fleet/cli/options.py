"""The options that several commands share."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

# No command's work is imported here or at the top of its module: --help, and a mistyped option, need none of it.


class TargetKind(StrEnum):
    """What ``--target`` may be."""

    LAB = "lab"
    OVH = "ovh"


Inventory = Annotated[
    Path,
    typer.Option("--inventory", help="Folder with one folder per environment.", envvar="KOPROGO_INVENTORY"),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Which of these folders; by default production on OVH, lab on the lab. Everywhere: KOPROGO_ENV.",
    ),
]
Target = Annotated[
    TargetKind | None,
    typer.Option("--target", help="lab or ovh; by default OVH where credentials are set.", envvar="KOPROGO_TARGET"),
]
LabName = Annotated[
    str,
    typer.Option("--lab", help="Which lab; several can live side by side.", envvar="KOPROGO_LAB"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line, and nothing else.")]
LogPath = Annotated[
    Path | None,
    typer.Option(
        "--log-file", help="Also append every event, with its time in UTC, to this file (made with mode 0600)."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")]
Confirm = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME",
        help="Let the object of this name be deleted or replaced with the data that it holds; for each such object.",
    ),
]
Lost = Annotated[
    list[str] | None,
    typer.Option(
        "--lost",
        metavar="NAME",
        help="This worker is dead: where it leaves, it is not drained, and its pods are given up; for each such worker.",
    ),
]
DrainSeconds = Annotated[
    float,
    typer.Option("--drain-seconds", help="How long it may take until the last pod has left a worker that goes."),
]
Subsidiary = Annotated[str, typer.Option("--subsidiary", help="Whose prices: FR, DE, ... as the endpoint knows them.")]


def money(text: str) -> Decimal:
    """
    Return an amount that was written on the command line.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        raise typer.BadParameter("an amount such as 400 or 399.50")
    return amount


Budget = Annotated[
    Decimal | None,
    typer.Option(
        "--budget",
        parser=money,
        metavar="EURO",
        help="Refuse a plan after which a month costs more than this; instead of fleet.yaml's budget.",
    ),
]

DEFAULT_INVENTORY = Path("inventory")
DEFAULT_LAB = "default"
DRAIN_SECONDS = 300.0
