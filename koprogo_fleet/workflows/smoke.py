"""The smoke tests of releases, asked from this machine as their users ask: through the load balancer, or at a URL."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.helm.engine import Asked
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.smoke import run_smoke_tests
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.provision.kinds.balancer_address import address_of_balancer
from koprogo_fleet.provision.kinds.floating_ip import FloatingIpKind
from koprogo_fleet.provision.lists import Live
from koprogo_fleet.workflows.target import Choice, open_cloud


def way_in(fleet: Fleet, choice: Choice, releases: Sequence[Release], listener: Listener) -> str | None:
    """
    Return the address that users come in by, ``http://198.18.0.5:80``: the load balancer's, which OVH is asked for.

    Nobody is asked where no test has need of it: all of them are of URLs.

    Raises:
        InputError: a test has need of it, and there is none.
        OvhError: the API refuses, or gives no answer.
    """
    needy = [release.name for release in releases if any(test.url is None for test in release.smoke)]
    if not needy:
        return None
    balancer = fleet.load_balancer
    address = None
    if balancer is not None:
        lists = Live(OvhApi(open_cloud(choice, listener).credentials, listener), fleet)

        def floating_ip(kind: FloatingIpKind, name: str) -> FloatingIp | None:
            return next((item.value for item in kind.existing(lists, fleet) if item.name == name), None)

        address = address_of_balancer(fleet, lists, floating_ip)
    if balancer is None or address is None:
        raise InputError(
            f"the smoke tests of {', '.join(needy)} have only a path, and there is no load balancer to ask",
            cause="fleet.yaml describes none, or it was not provisioned yet",
            next_step="write url instead of path in releases.yaml; or: koprogo-fleet provision",
        )
    return f"http://{address}:{balancer.http}"


def asked_by_users(entry: str | None) -> Asked:
    """Return what asks a release's smoke tests once; *entry* is the way in for those that have only a path."""

    def ask(release: Release) -> str:
        return "; ".join(str(outcome) for outcome in run_smoke_tests(release.smoke, entry) if outcome.troubles)

    return ask


def all_of(*ways: Asked) -> Asked:
    """Return what asks in every way, one after the other, until one is not answered well."""
    return lambda release: next((wrong for ask in ways if (wrong := ask(release))), "")
