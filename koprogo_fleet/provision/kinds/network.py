"""The fleet's private network: one VLAN of the vRack, active in every region of the fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.networks import (
    DELETING,
    PrivateNetwork,
    activate_region,
    create_private_network,
    delete_private_network,
    list_private_networks,
)
from koprogo_fleet.provision.kind import Change, Existing, Kind, Refuse, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.project_vrack import PROJECT_VRACK
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

NETWORKS = Listing("private networks", lambda api, _fleet, _lists: list_private_networks(api))


def network_name(fleet: Fleet) -> str:
    """Return the name of the fleet's private network."""
    return f"{fleet.name}-vrack"


@dataclass(frozen=True)
class NetworkSpec:
    """A VLAN, and the regions that it has to be active in."""

    vlan: int
    regions: tuple[str, ...]


class NetworkKind(Kind[NetworkSpec, PrivateNetwork]):
    """Private networks. Terraform's provider waits ten minutes for one, too."""

    noun = "private network"
    lists = (NETWORKS,)
    ready_when = "ACTIVE in its regions"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[NetworkSpec]]:
        """Return the one network."""
        needs = tuple(PROJECT_VRACK.ref(project.name) for project in PROJECT_VRACK.wanted(fleet))
        yield Wanted(network_name(fleet), NetworkSpec(fleet.network.vlan, fleet.regions), needs)

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[PrivateNetwork]]:
        """Return all private networks of the project."""
        for network in lists.of(NETWORKS):
            yield Existing(network.name, network.id, network)

    def describe(self, wanted: Wanted[NetworkSpec], _view: View) -> str:
        """Return the VLAN and the regions."""
        return _shown(wanted.spec.vlan, wanted.spec.regions)

    def obstacle(self, wanted: Wanted[NetworkSpec], view: View) -> Refuse | None:
        """Refuse a VLAN that another network has."""
        vlan = wanted.spec.vlan
        holder = next((network for network in view.of(NETWORKS) if network.vlan_id == vlan), None)
        if holder is None:
            return None
        return Refuse("", f"VLAN {vlan}, taken by {holder.name}", "choose a free network.vlan in fleet.yaml")

    def compare(
        self, wanted: Wanted[NetworkSpec], existing: Existing[PrivateNetwork], _view: View
    ) -> Iterator[Verdict]:
        """Activate it where it is not; another VLAN is refused: the nodes are in this one."""
        network, spec = existing.value, wanted.spec
        regions = tuple(part.region for part in network.regions)
        if network.status == DELETING:
            yield Replace(DELETING, "created again", loses_data=False)
        elif network.vlan_id != spec.vlan:
            yield Refuse(
                _shown(network.vlan_id, regions),
                _shown(spec.vlan, spec.regions),
                f"change network.vlan in fleet.yaml back, or delete the network {wanted.name} at OVH",
            )
        elif _missing(spec, network):
            yield Change(", ".join(regions), ", ".join(spec.regions))

    def lacks(self, wanted: Wanted[NetworkSpec], network: PrivateNetwork) -> str:
        """Return the regions where instances cannot be connected to it yet."""
        inactive = [region for region in wanted.spec.regions if not network.is_active_in(region)]
        return f"status {network.status}, not ready in {', '.join(inactive)}" if inactive else ""

    def create(self, wanted: Wanted[NetworkSpec], site: Site) -> str:
        """Create it in all its regions at once."""
        return create_private_network(site.api, wanted.name, wanted.spec.vlan, *wanted.spec.regions).id

    def change(self, wanted: Wanted[NetworkSpec], existing: Existing[PrivateNetwork], site: Site) -> None:
        """Activate it in the regions where it is not."""
        for region in _missing(wanted.spec, existing.value):
            activate_region(site.api, existing.id, region)

    def delete(self, existing: Existing[PrivateNetwork], site: Site) -> None:
        """Delete it in all regions; refused while something is connected to it."""
        delete_private_network(site.api, existing.id)


NETWORK = NetworkKind()


def _missing(spec: NetworkSpec, network: PrivateNetwork) -> tuple[str, ...]:
    return tuple(region for region in spec.regions if network.in_region(region) is None)


def _shown(vlan: int, regions: tuple[str, ...]) -> str:
    return f"VLAN {vlan}, {', '.join(regions)}"
