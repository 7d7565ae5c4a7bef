"""What exists at OVH."""

from __future__ import annotations

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.lists import Observed, read_all


def observe(api: OvhApi, fleet: Fleet) -> Observed:
    """
    Read every list that any kind of object is in, side by side; the count of calls does not grow with the objects'.

    Raises:
        OvhError: the API refuses, or gives no answer.
    """
    return read_all(api, fleet, (listing for kind in KINDS for listing in kind.lists))
