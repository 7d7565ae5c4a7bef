"""``koprogo-fleet auth``: credentials with no more rights than are used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, MissingCredentials

if TYPE_CHECKING:
    from koprogo_fleet.ovh.credentials import OvhCredentials

app = typer.Typer(help="Credentials with no more rights than are used.", no_args_is_help=True)


@app.command()
def ovh(
    project: Annotated[
        str | None,
        typer.Option("--project", help="The id of the Public Cloud project.", envvar="OVH_CLOUD_PROJECT_SERVICE"),
    ] = None,
    zone: Annotated[list[str] | None, typer.Option("--zone", help="A DNS zone of the fleet; may be repeated.")] = None,
    vrack: Annotated[list[str] | None, typer.Option("--vrack", help="A vRack (pn-…); may be repeated.")] = None,
    server: Annotated[
        list[str] | None, typer.Option("--server", help="A dedicated server (ns….ip-….eu); may be repeated.")
    ] = None,
    load_balancer: Annotated[
        list[str] | None,
        typer.Option("--load-balancer", help="A classic IP Load Balancer (loadbalancer-…); may be repeated."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Ask for a new consumer key, also if one is set.")] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write the credentials into this ovh.conf (mode 0600); else the key is printed."),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the link in a browser, besides printing it.")] = False,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for the validation.")] = 600.0,
) -> None:
    """
    Make a consumer key that may do exactly what the product does, or check the one that is set. Exit code 1 if it lacks any.

    Needs OVH_ENDPOINT, OVH_APPLICATION_KEY and OVH_APPLICATION_SECRET. Prints the access rules and the link on which you
    grant them, waits for that, and checks what was granted. Nothing is stored unless --write says where.

    Example: koprogo-fleet auth ovh --project 4f3b2a1908f7e6d5c4b3a2918070f6e5 --zone koprogo.io --write ~/.ovh.conf
    """
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.ovh.authorisation import Services, needed_rules
    from koprogo_fleet.ovh.credentials import application_from_environment
    from koprogo_fleet.workflows.authorise import authorise, check

    console = people_console(stderr=True)  # standard output is for the key alone
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)

    def show(link: str) -> None:
        say(f"\nOpen this link, log in, and agree:\n\n  {link}\n")
        if browser:
            typer.launch(link)

    services = Services(tuple(zone or ()), tuple(vrack or ()), tuple(server or ()), tuple(load_balancer or ()))
    rules = needed_rules(project, services)
    say("These rights are needed, and no others:\n", *(f"  {rule}\n" for rule in rules), sep="")
    if project is None:
        say("With --project ID the rights would be for that project alone; now they are for all.")
    found = None if new else _complete()
    with PeopleView(console) as view:
        credentials = found or authorise(application_from_environment(), rules, show, view.event, seconds=wait)
        checked = check(credentials, rules, view.event)
    say(f"\nLogged in to {credentials.endpoint} as {checked.identity.account} ({checked.identity.method}).")
    if found is None:
        _hand_over(credentials, write, say)
    for rule in checked.missing:
        say(f"  not granted: {rule}")
    if checked.missing:
        say("Next: koprogo-fleet auth ovh --new")
        raise typer.Exit(EXIT_NOT_CONVERGED)
    if credentials.is_oauth2:
        say("A service account has no access rules: its IAM policy decides, and a refused call names what it lacks.")
    else:
        say("Everything that is needed is granted.")


def _hand_over(credentials: OvhCredentials, file: Path | None, say: Callable[[str], None]) -> None:
    """Give the new consumer key to the user: in the file that was named, or once on standard output."""
    from koprogo_fleet.ovh.conf_file import write_ovh_conf

    if file is not None:
        write_ovh_conf(file.expanduser(), credentials)
        say(f"Written to {file} (mode 0600).")
    elif credentials.consumer_key is not None:
        sys.stdout.write(f"export OVH_CONSUMER_KEY={credentials.consumer_key.reveal()}\n")


def _complete() -> OvhCredentials | None:
    """Return credentials that one can log in with already, if all of them are set."""
    from koprogo_fleet.ovh.credentials import from_environment

    try:
        found = from_environment()
    except MissingCredentials:  # the consumer key is what is still to be made; what else lacks is told then
        return None
    return found[0] if found else None
