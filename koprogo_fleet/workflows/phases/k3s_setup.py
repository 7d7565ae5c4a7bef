"""Before K3s is touched: what the nodes can, what a cluster cannot change any more, and what only Vault and OVH know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from koprogo_fleet.core.errors import InputError, MissingRequirement, OvhNotFound
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import agreement, backend
from koprogo_fleet.hosts.k3s.config import cluster_wide
from koprogo_fleet.hosts.k3s.observed import Observed
from koprogo_fleet.hosts.k3s.setup import S3, Setup
from koprogo_fleet.hosts.k3s.virtual_address import IMAGE, REGISTRY
from koprogo_fleet.ovh.object_storage import get_container
from koprogo_fleet.provision.kinds.s3_credential import ACCESS_KEY, SECRET_KEY, vault_path
from koprogo_fleet.workflows.artifacts import image_names
from koprogo_fleet.workflows.context import Context
from koprogo_tasks import k3s_observed

PHASE = "K3s setup"


def k3s_setup(run: Context) -> None:
    """
    Find out how K3s is set up, and stop where it would not work.

    Raises:
        NotConverged: the servers would disagree, or the cluster would have to change what it cannot.
        MissingRequirement: nodes lack what fleet.yaml asks for.
    """
    virtual = run.fleet.k3s.virtual_address is not None
    found: dict[str, Observed] = {
        name: outcome.value
        for name, outcome in run.on_hosts(
            run.hosts,
            PHASE,
            k3s_observed,
            names=[run.fleet.k3s.endpoint_name] if run.fleet.k3s.endpoint_name else [],
            registries=_pulled_from(run) if virtual else (),
            images=[IMAGE] if virtual else [],
        ).items()
    }
    servers = {name: found[name] for name in run.of_role(Role.SERVER)}
    present = {name: agreement.effective(seen.files) for name, seen in servers.items() if seen.installed}
    chosen = backend.choose(
        run.fleet.k3s.flannel_backend,
        agreement.agreed_backend(present),
        {name: seen.backends for name, seen in found.items()},
    )
    if chosen.warning:
        run.listener(Note(f"WARNING: {chosen.warning}"))
    _require_name(run, found)
    run.setup = Setup(
        flannel_backend=chosen.backend,
        unencrypted=chosen.warning,
        s3=_s3(run),
        credentials=_credentials(run),
        no_virtual_address=_no_virtual_address(run, servers) if virtual else "",
        foreign_kernel={name: seen.foreign_kernel for name, seen in found.items() if seen.foreign_kernel},
    )
    desired = cluster_wide(run.fleet, run.setup)
    future = {name: agreement.effective(agreement.after_the_run(desired, seen)) for name, seen in servers.items()}
    agreement.require_equal(future)
    if future:
        agreement.require_unchanged(present, future[min(future)])


def image_archives(run: Context) -> Iterator[Path]:
    """Yield the archives of images that every node gets, beside those of the release: the target's, and fleet.yaml's."""
    yield from run.target.images()
    for written in run.fleet.k3s.images:
        path = run.directory / written
        if not path.is_file():
            raise InputError(
                f"k3s.images: {path}: no such file", next_step="its path is relative to fleet.yaml's folder"
            )
        yield path


def _require_name(run: Context, found: Mapping[str, Observed]) -> None:
    name = run.fleet.k3s.endpoint_name
    lost = [host for host, seen in found.items() if name is not None and name not in seen.resolved]
    if not lost:
        return
    seen = f"k3s.endpoint {name}: no address is found for it on {', '.join(lost)}"
    if run.dry_run:  # the run itself may make its record
        run.listener(Note(f"{seen}, yet"))
        return
    raise MissingRequirement(
        seen, cause="its record does not exist, or is not known to the nodes' resolver yet", next_step=f"dig {name}"
    )


def _pulled_from(run: Context) -> list[str]:
    """Return where nodes pull kube-vip's image from: the mirrors of its registry, then itself."""
    section = run.fleet.k3s.registries
    mirrors = [section.mirrors[key] for key in (REGISTRY, "*") if key in section.mirrors] if section else []
    return [*(url for mirror in mirrors[:1] for url in mirror.endpoint), f"https://{REGISTRY}"]


def _no_virtual_address(run: Context, servers: Mapping[str, Observed]) -> str:
    if any(IMAGE in image_names(archive) for archive in image_archives(run)):
        return ""
    lacking = [name for name, seen in servers.items() if not seen.reached and IMAGE not in seen.images]
    if not lacking:
        return ""
    urls = ", ".join(_pulled_from(run))
    reason = f"the image {IMAGE} is in none of k3s.images, and {', '.join(lacking)} cannot pull it from {urls}"
    run.listener(
        Note(
            f"WARNING: k3s.endpoint {run.fleet.k3s.endpoint} is not applicable: {reason}. "
            f"Nodes join {run.fleet.first_server.name} instead"
        )
    )
    return reason


def _credentials(run: Context) -> Mapping[str, Mapping[str, Secret]]:
    section = run.fleet.k3s.registries
    found: dict[str, Mapping[str, Secret]] = {}
    for host, access in (section.access if section else {}).items():
        if access.vault is not None:
            stored = run.vault.read(f"{run.fleet.vault.folder}/{access.vault}")
            found[host] = stored.values if stored else {}
    return found


def _s3(run: Context) -> S3 | None:
    backups = run.fleet.backups
    if backups is None:
        run.listener(Note("snapshots of etcd stay on the servers: fleet.yaml has no backups"))
        return None
    path = vault_path(run.fleet)
    stored = run.vault.read(path)
    keys = stored.values if stored else {}
    try:
        container = get_container(run.api, backups.region, backups.bucket)
    except OvhNotFound:
        container = None
    if container is None or not (keys.get(ACCESS_KEY) and keys.get(SECRET_KEY)):
        if run.dry_run:
            run.listener(Note("the bucket of the backups is not there yet: where snapshots go is planned once it is"))
            return None
        raise InputError(
            f"snapshots of etcd: the bucket {backups.bucket} or its keys (Vault secret {path}) are not there",
            next_step="koprogo-fleet cloud plan",
        )
    url = urlsplit(container.virtual_host)
    return S3(
        endpoint=url.netloc.removeprefix(f"{backups.bucket}."),
        bucket=backups.bucket,
        region=backups.region.rstrip("0123456789").lower(),  # as storage regions are called
        access_key=keys[ACCESS_KEY],
        secret_key=keys[SECRET_KEY],
        insecure=url.scheme == "http",
    )
