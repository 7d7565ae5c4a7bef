"""What exists at OVH."""

from __future__ import annotations

from http import HTTPStatus

from koprogo_fleet.core.errors import InputError, OvhError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.regions import list_regions
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
        InputError: fleet.yaml has backups, and there is no keeper; or it names a region that the project has not.
        OvhError: the API refuses, or gives no answer.
    """
    try:
        return read_all(api, fleet, (listing for kind in KINDS for listing in kind.lists), keeper)
    except OvhError as error:
        if error.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
            _refuse_unknown_regions(api, fleet, error)
        raise


def _refuse_unknown_regions(api: OvhApi, fleet: Fleet, error: OvhError) -> None:
    """Say which region of fleet.yaml does not exist, where that is what the API's *error* comes from."""
    known = list_regions(api)
    if unknown := [region for region in fleet.regions if region not in known]:
        raise InputError(
            f"the project has no region {', '.join(unknown)}: it has {', '.join(sorted(known))}",
            cause="it is misspelt in fleet.yaml, or not activated for the project",
            next_step="correct fleet.yaml, or activate the region in the OVH manager (Quota and Regions)",
        ) from error
