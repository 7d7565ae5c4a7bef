"""What exists at OVH."""

from __future__ import annotations

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.lists import Observed, read_all


def observe(api: OvhApi, fleet: Fleet, keeper: Keeper = NO_KEEPER) -> Observed:
    """
    Read every list that any kind of object is in, side by side; the count of calls does not grow with the objects'.

    Args:
        api: where to look.
        fleet: the fleet whose objects they may be.
        keeper: keeps the secrets that OVH gives us; needed where fleet.yaml has backups.

    Raises:
        InputError: fleet.yaml has backups, and there is no keeper.
        OvhError: the API refuses, or gives no answer.
    """
    return read_all(api, fleet, (listing for kind in KINDS for listing in kind.lists), keeper)
