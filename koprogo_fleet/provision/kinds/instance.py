"""Instances: the nodes themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.cost import items
from koprogo_fleet.ovh import catalogue, instances
from koprogo_fleet.ovh.instance_actions import activate_monthly_billing, unshelve_instance
from koprogo_fleet.ovh.instances import Instance, NetworkPort, NewInstance
from koprogo_fleet.ovh.networks import list_public_networks, public_network_in
from koprogo_fleet.provision.kind import Change, Existing, Kind, Ref, Refuse, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.group import GROUP, group_name
from koprogo_fleet.provision.kinds.network import NETWORK, network_name
from koprogo_fleet.provision.kinds.ssh_key import SSH_KEY, ssh_key_name
from koprogo_fleet.provision.kinds.subnet import SUBNET, subnet_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.names import pool_of
from koprogo_fleet.provision.quota import QUOTAS, refuse_over_quota
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.user_data import NodeIdentity, user_data
from koprogo_fleet.provision.view import View

INSTANCES = Listing("instances", lambda api, _fleet, _lists: instances.list_instances(api))
FLAVORS = Listing(
    "flavors",
    lambda api, fleet, _lists: tuple(
        flavor for region in fleet.regions for flavor in catalogue.list_flavors(api, region)
    ),
)
IMAGES = Listing(
    "images",
    lambda api, fleet, _lists: tuple(image for region in fleet.regions for image in catalogue.list_images(api, region)),
)
PUBLIC_NETWORKS = Listing("public networks", lambda api, _fleet, _lists: list_public_networks(api))

_BY_HOUR, _BY_MONTH = "billed by the hour", "billed by the month"
_ON_ITS_WAY = instances.BUILDING | {"REBOOT", "HARD_REBOOT", instances.UNSHELVING, "UNKNOWN"}


class InstanceKind(Kind[Node, Instance]):
    """Instances, read in all regions: a node found in another one is a mistake to report."""

    noun = "instance"
    lists = (INSTANCES, FLAVORS, IMAGES, PUBLIC_NETWORKS, QUOTAS)
    ready_when = "ACTIVE with a public and a vRack address"
    seconds = 900.0
    holds_data = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[Node]]:
        """Return every node."""
        for node in fleet.nodes:
            group = (GROUP.ref(group_name(fleet, node.pool)),) if node.anti_affinity else ()
            yield Wanted(node.name, node, (*_around(fleet, node.region), *group))

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Instance]]:
        """Return all instances of the project."""
        for instance in lists.of(INSTANCES):
            group = GROUP.ref(instance.name.rpartition("-")[0])
            yield Existing(instance.name, instance.id, instance, (*_around(fleet, instance.region), group))

    def surplus(self, fleet: Fleet, name: str) -> bool:
        """Those go whose pool became smaller."""
        return pool_of(fleet, name) is not None

    def stays(self, fleet: Fleet, existing: Existing[Instance]) -> Refuse | None:
        """Keep control planes: etcd would count a member that is gone, and every further loss might stop the cluster."""
        pool = pool_of(fleet, existing.name)
        if pool is None or pool.role is not Role.SERVER or not self.lived(existing.value):
            return None
        next_step = (
            f"put the count of the pool {pool.name} in fleet.yaml back: a control plane is an etcd member, which has to "
            "leave etcd before its machine goes; making a pool smaller does not do that"
        )
        return Refuse("a control plane", "deleted", next_step)

    def describe(self, wanted: Wanted[Node], view: View) -> str:
        """Return its flavor, image and vRack address."""
        region = "" if len(view.fleet.regions) == 1 else f", {wanted.spec.region}"
        return f"{wanted.spec.flavor}, {view.fleet.image}, {wanted.spec.vrack_address}{region}"

    def check(self, new: Sequence[Wanted[Node]], view: View) -> None:
        """
        Find every flavor, image and public network; count the new ones against the quota.

        Raises:
            InputError: the region has no such flavor or image, or the quota does not suffice.
            OvhNotFound: the region has no public network.
        """
        there = {instance.name for instance in view.of(INSTANCES)}  # what replaces another needs no more than it
        more = [_flavor(view, wanted.spec) for wanted in new if wanted.name not in there]
        for wanted in new:
            _flavor(view, wanted.spec)
            _image(view, view.fleet, wanted.spec)
            public_network_in(view.of(PUBLIC_NETWORKS), wanted.spec.region)
        for flavor, number in Counter(more).items():
            if not flavor.available or flavor.quota < number:
                raise InputError(
                    f"{number} new {flavor.name} in {flavor.region}, but OVH allows "
                    + (f"{flavor.quota} more" if flavor.available else "none now"),
                    cause="the project's quota, or the region's stock",
                    next_step="ask for more in the OVH manager (Quota and Regions), or change flavor, count or region",
                )
        refuse_over_quota(view, ((flavor.region, {"instances": 1, "cores": flavor.vcpus}) for flavor in more))

    def compare(self, wanted: Wanted[Node], existing: Existing[Instance], view: View) -> Iterator[Verdict]:
        """
        Start it when it is off, however it came to be; what it is made of cannot be changed.

        An id that the catalogue does not know any more proves nothing: OVH withdraws flavors, and gives a renewed image
        a new id under the same name.
        """
        instance, node = existing.value, wanted.spec
        flavors = {flavor.id: flavor.name for flavor in view.of(FLAVORS)}
        images = {image.id: image.name for image in view.of(IMAGES)}
        replaced = False
        for what, old, new in (
            ("region", instance.region, node.region),
            ("flavor", flavors.get(instance.flavor_id or "", node.flavor), node.flavor),
            ("image", images.get(instance.image_id or "", view.fleet.image), view.fleet.image),
            ("vRack address", str(instance.private_ipv4 or node.vrack_address), str(node.vrack_address)),
        ):
            if old != new:
                replaced = True
                yield Replace(f"{what} {old}", f"{what} {new}")
        if node.monthly and not instance.monthly:
            yield Change(_BY_HOUR, _BY_MONTH)
        elif instance.monthly and not node.monthly and not replaced:
            next_step = (
                f"OVH takes no monthly price back: keep billing: monthly for the pool {node.pool} in fleet.yaml, or delete "
                f"{wanted.name} ({existing.id}) at OVH, so that it is created anew"
            )
            yield Refuse(_BY_MONTH, _BY_HOUR, next_step)
        status = instance.status
        if status in instances.STOPPED | instances.SHELVED:
            yield Change(f"{status}{_on_purpose(view)}", instances.ACTIVE)
        elif status == instances.SHELVING:
            next_step = f"wait until {wanted.name} is shelved, then run again: OVH brings none back before"
            yield Refuse(f"{status}{_on_purpose(view)}", instances.ACTIVE, next_step)
        elif status in instances.DELETED:
            yield Replace(status, "created again", loses_data=False)
        elif status not in {instances.ACTIVE, instances.ERROR} | _ON_ITS_WAY:
            next_step = f"bring instance {wanted.name} ({existing.id}) to ACTIVE in the OVH manager, then run again"
            yield Refuse(status, instances.ACTIVE, next_step)

    def lacks(self, wanted: Wanted[Node], instance: Instance) -> str:
        """Return its status until it is ACTIVE, then the count of its addresses until it has both, then its price."""
        if instance.status != instances.ACTIVE:
            return f"status {instance.status}"
        if instance.public_ipv4 is None or instance.private_ipv4 is None:
            return f"status ACTIVE, {len(instance.addresses)} of 2 addresses"
        return _BY_HOUR if wanted.spec.monthly and not instance.monthly else ""

    def failed(self, instance: Instance) -> str:
        """Return ERROR if it is."""
        return instances.ERROR if instance.status == instances.ERROR else ""

    def lived(self, instance: Instance) -> bool:
        """Whether it has addresses: then it may hold data."""
        return bool(instance.addresses)

    def failure_cause(self, wanted: Wanted[Node]) -> str:
        """Return what it mostly is: the API says nothing."""
        apart = ", or none apart from the others of the anti-affinity group" if wanted.spec.anti_affinity else ""
        return f"OVH gives no reason; most often {wanted.spec.region} has no room for a {wanted.spec.flavor}{apart}"

    def billed(self, wanted: Wanted[Node]) -> items.Wanted:
        """Return its flavor, and how it is paid."""
        node = wanted.spec
        return items.Wanted(items.Kind.INSTANCE, node.name, node.region, node.flavor, billing=_billing(node.monthly))

    def billed_now(self, existing: Existing[Instance], lists: Lists) -> items.Wanted | None:
        """
        Return the same of one that exists; a flavor that is not sold any more is in the code of its price.

        Of one that is shelved by the hour OVH bills only the snapshot (see
        :func:`~koprogo_fleet.ovh.instance_actions.shelve_instance`), whose size no list of ours shows.
        """
        instance = existing.value
        if instance.status in instances.SHELVED and not instance.monthly:
            return None
        names = {flavor.id: flavor.name for flavor in lists.of(FLAVORS)}
        flavor = names.get(instance.flavor_id or "") or (instance.plan or "unknown").partition(".")[0]
        billing = _billing(instance.monthly)
        return items.Wanted(items.Kind.INSTANCE, existing.name, instance.region, flavor, billing=billing)

    def create(self, wanted: Wanted[Node], site: Site) -> str:
        """Create it with its host key, the fleet's SSH key, and both networks."""
        node, fleet = wanted.spec, site.fleet
        private_key, public_line = site.new_host_key(node.name)
        identity = NodeIdentity(
            hostname=node.name,
            user=fleet.ssh.user,
            authorized_key=site.public_key,
            host_private_key=private_key,
            host_public_key=public_line,
            files=site.first_files(node, public_line),
            vrack_gateway=site.need(SUBNET, subnet_name(fleet, node.region)).gateway,
        )
        vrack = site.need(NETWORK, network_name(fleet)).openstack_id_in(node.region)
        new = NewInstance(
            name=node.name,
            region=node.region,
            flavor_id=_flavor(site, node).id,
            image_id=_image(site, fleet, node).id,
            ssh_key_id=site.need(SSH_KEY, ssh_key_name(fleet)).id,
            user_data=user_data(identity),
            ports=(
                NetworkPort(public_network_in(site.of(PUBLIC_NETWORKS), node.region)),
                NetworkPort(vrack, node.vrack_address),
            ),
            group_id=site.need(GROUP, group_name(fleet, node.pool)).id if node.anti_affinity else None,
            monthly=node.monthly,
        )
        return instances.create_instance(site.api, new).id

    def change(self, wanted: Wanted[Node], existing: Existing[Instance], site: Site) -> None:
        """Bill it by the month, and switch it on."""
        if wanted.spec.monthly and not existing.value.monthly:
            activate_monthly_billing(site.api, existing.id)
        if existing.value.status in instances.STOPPED:
            instances.start_instance(site.api, existing.id)
        elif existing.value.status in instances.SHELVED:
            unshelve_instance(site.api, existing.id)

    def delete(self, existing: Existing[Instance], site: Site) -> None:
        """Delete it with its local disk."""
        instances.delete_instance(site.api, existing.id)


INSTANCE = InstanceKind()


def _on_purpose(view: View) -> str:
    """Say that the whole fleet is off, where fleet.yaml allows that: nobody has to look for what broke then."""
    if not view.fleet.power.may_switch_off:
        return ""
    names = {node.name for node in view.fleet.nodes}
    statuses = {instance.status for instance in view.of(INSTANCES) if instance.name in names}
    return ", as all of the fleet: powered off" if statuses <= instances.OFF else ""


def _billing(monthly: bool) -> items.Billing:  # noqa: FBT001 - what it is about
    return items.Billing.MONTHLY if monthly else items.Billing.HOURLY


def _around(fleet: Fleet, region: str) -> tuple[Ref, ...]:
    """Return what every instance in *region* needs."""
    return (
        SSH_KEY.ref(ssh_key_name(fleet)),
        NETWORK.ref(network_name(fleet)),
        SUBNET.ref(subnet_name(fleet, region)),
    )


def _flavor(lists: Lists, node: Node) -> catalogue.Flavor:
    here = [flavor for flavor in lists.of(FLAVORS) if flavor.region == node.region]
    return catalogue.find("flavor", node.flavor, here, node.region)


def _image(lists: Lists, fleet: Fleet, node: Node) -> catalogue.Image:
    here = [image for image in lists.of(IMAGES) if image.region == node.region]
    return catalogue.find("image", fleet.image, here, node.region)
