"""``koprogo-fleet deploy``: the releases of releases.yaml, on a cluster that is there."""

from __future__ import annotations

from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Json, LogPath, Target
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK


def image_tag(text: str) -> tuple[str, str]:
    """
    Return a release and the tag of its image, as ``--image`` has them.

    Raises:
        typer.BadParameter: it is not written so.
    """
    name, equals, tag = text.partition("=")
    if not (name and equals and tag):
        raise typer.BadParameter("a release and a tag such as koprogo-api=1.4.2")
    return name, tag


def deploy(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    as_plan: Annotated[
        bool, typer.Option("--plan", help="Only show what differs, release by release. Exit code 3 if anything does.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="RELEASE", help="This release alone; for each such release.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="RELEASE", help="This release, and all that depend on it.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="RELEASE", help="This release, and all that it needs.")
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            metavar="RELEASE=TAG",
            help="The tag of this release's image in this run (image.tag); for each such release.",
        ),
    ] = None,
    blue_green: Annotated[
        bool,
        typer.Option(
            "--blue-green",
            help="Bring these images up beside those that serve, ask them, and only then send to them; "
            "back if they do not answer well there.",
        ),
    ] = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Bring the releases of releases.yaml to the cluster: side by side, each after those that it needs are proven ready.

    What is as it should be gets no new revision. A release that fails goes back to its last good revision, and holds those
    that need it; the others go on. One whose chart is not on this machine is skipped. Exit code 1 after either.

    Example: koprogo-fleet deploy --plan

    Example: koprogo-fleet deploy --only koprogo-api --image koprogo-api=1.4.2

    Example: koprogo-fleet deploy --only koprogo-api --image koprogo-api=1.4.2 --blue-green
    """
    if blue_green and not image:
        raise typer.BadParameter("it is for the images that --image names: name one", param_hint="--blue-green")
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.helm.blue_green import Images
    from koprogo_fleet.helm.graph import Selection
    from koprogo_fleet.workflows import deploy as workflow
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose

    images = Images(dict(map(image_tag, image or ())), blue_green)
    wanted = workflow.Wanted(Selection(tuple(only or ()), start, until), images)
    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        place = workflow.Place(load_fleet(directory / "fleet.yaml"), directory, choice)
        if as_plan:
            try:
                workflow.plan_deploy(place, wanted, view.event, report)
            finally:
                view.differences("Plan", report)
        else:
            workflow.deploy(place, wanted, view.event, report)
        view.summary(choice.kind, report, planned=as_plan)
    raise typer.Exit(EXIT_CHANGES if as_plan and report.changed else EXIT_OK)
