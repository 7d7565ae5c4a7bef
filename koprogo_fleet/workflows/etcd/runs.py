"""What runs about etcd share: the inventory as it is, the servers' token, the bucket and its keys."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from koprogo_fleet.core.contradictions import JOIN_TOKENS
from koprogo_fleet.core.errors import NotConverged, VaultError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys, bucket_of, signed_url
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.kinds.s3_credential import ACCESS_KEY, SECRET_KEY, vault_path
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.context import RETRIES, Context
from koprogo_fleet.workflows.jump import check_jump_host
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import Target
from koprogo_tasks import etcd_look, read_cluster_tokens

_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


@contextmanager
def looking(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report, *, retries: int = 0
) -> Generator[Context]:
    """
    Yield a run that only looks: the inventory is opened as it was written last, and servers may be down.

    Raises:
        KoprogoError: Vault, or the inventory, cannot be read.
    """
    check_jump_host(fleet, KnownHosts(directory / KNOWN_HOSTS))
    with target.vault.session() as vault, signatures(fleet, lambda: vault) as signs:
        run = Context(
            fleet,
            directory,
            target,
            OvhApi(target.credentials, listener),
            Vault(vault, fleet.vault.mount),
            listener,
            dry_run=True,
            report=report,
            signatures=signs,
        )
        run.nornir = open_nornir(directory, max_failures="100%", retries=retries)
        try:
            yield run
        finally:
            run.nornir.close_connections()


@contextmanager
def changing(  # noqa: PLR0913, PLR0917 - everything that a run is made of
    command: str,
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
    arguments: Mapping[str, str] = _NO_ARGUMENTS,
) -> Generator[Context]:
    """
    Yield a run that may change the fleet: it alone, and journalled.

    Raises:
        KoprogoError: as :func:`looking`, or another run changes the fleet.
    """
    state = state_dir(fleet.name)
    with (
        exclusive(state, command),
        Journal(state, command, target.kind, arguments=arguments, listener=listener) as journal,
        looking(fleet, directory, target, listener, report, retries=RETRIES) as run,
    ):
        run.dry_run, run.journal = False, journal
        yield run


def asked(run: Context, hosts: Iterable[str], phase: str, script: str | Secret) -> dict[str, Outcome]:
    """Ask *hosts* what a script prints; one that does not answer has an error in its outcome, and stops nothing."""
    assert run.nornir is not None  # noqa: S101 - looking() has opened it
    if run.signatures:
        run.signatures.keep_login()
    return run_on(run.nornir, hosts, phase, etcd_look, run.listener, {"script": script, "what": phase})


def s3_of(run: Context) -> tuple[Bucket, Keys] | None:
    """
    Return the bucket and its keys, or None where the fleet has no backups.

    Raises:
        NotConverged: it has, and Vault has no keys for them.
    """
    bucket = bucket_of(run.fleet)
    if bucket is None:
        return None
    path = vault_path(run.fleet)
    stored = run.vault.read(path)
    values = stored.values if stored else {}
    if not (values.get(ACCESS_KEY) and values.get(SECRET_KEY)):
        raise NotConverged(
            f"Vault has no S3 keys at {run.vault.mount}/{path}",
            cause="the bucket and its user have not been made yet",
            next_step="koprogo-fleet cloud apply, or koprogo-fleet provision",
        )
    return bucket, Keys(values[ACCESS_KEY].reveal(), values[SECRET_KEY])


def url_for(place: tuple[Bucket, Keys], method: str, key: str, query: Mapping[str, str] = _NO_ARGUMENTS) -> Secret:
    """Return a URL for one object that is good from now on, see :func:`~koprogo_fleet.hosts.k3s.bucket.signed_url`."""
    return signed_url(place, method, key, datetime.now(UTC), query)


def token_path(fleet: Fleet) -> str:
    """Return where K3s' tokens are, below Vault's mount."""
    return f"{fleet.vault.folder}/{JOIN_TOKENS}"


def token_version(run: Context, server: str) -> int:
    """
    Return the version in Vault of the server token that the cluster has now: *server* is asked which one that is.

    Raises:
        NotConverged: Vault's newest token is another one.
    """
    path = token_path(run.fleet)
    stored = run.vault.read(path)
    token: Secret = run.on_hosts([server], "Token", read_cluster_tokens)[server].value.server
    if stored is None or Secret(token.reveal().rpartition("::server:")[2]) != stored.values.get("server"):
        raise NotConverged(
            f"the server token of {server} is not the one in Vault ({run.vault.mount}/{path}, version "
            f"{stored.version if stored else 0})",
            cause="a rotation was interrupted, or somebody has written there",
            next_step="put the cluster's token and Vault in step first: a snapshot cannot be restored without its token",
        )
    return stored.version


def version_at(run: Context, moment: datetime) -> int:
    """
    Return the version of the tokens that Vault had at a *moment* (UTC): for a snapshot without a manifest.

    Raises:
        VaultError: no version is so old.
    """
    path = token_path(run.fleet)
    stored = run.vault.read(path)
    for number in range(stored.version if stored else 0, 0, -1):
        version = run.vault.read(path, number)
        if version and version.created and version.created <= moment:
            return number
    raise VaultError(
        f"Vault has no version of {run.vault.mount}/{path} from before {moment:%Y-%m-%d %H:%M:%S} UTC",
        cause="Vault keeps only its newest versions, or the snapshot is of another cluster",
        next_step="if you have the token of that day, write it there, and name that version: --token-version",
    )


def server_token(run: Context, version: int) -> Secret:
    """
    Return the server token of a version of the secret.

    Raises:
        VaultError: Vault does not have it any more.
    """
    path = token_path(run.fleet)
    stored = run.vault.read(path, version)
    if stored is None or "server" not in stored.values:
        raise VaultError(
            f"Vault does not have version {version} of {run.vault.mount}/{path} any more",
            cause="it keeps only its newest versions, or it was deleted",
            next_step="without the server token of its day a snapshot cannot be restored: look for a copy of it",
        )
    return stored.values["server"]


def servers_of(run: Context) -> list[str]:
    """Return the servers that are in the inventory, in fleet.yaml's order."""
    return run.of_role(Role.SERVER)
