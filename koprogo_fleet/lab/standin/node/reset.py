"""``k3s server --cluster-reset``: this server's etcd as the only member, from its own data or a snapshot; then it ends.

K3s' source: pkg/cluster/managed.go (the flag file), pkg/etcd/etcd.go (Reset, Restore), pkg/cli/server/server.go.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import pki, tokens
from koprogo_fleet.lab.standin.node.bootstrap_data import DIFFERENT_TOKEN, PREFIX, decrypt, storage_key
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.front import EVERYWHERE, listen
from koprogo_fleet.lab.standin.node.layout import API_PORT, Layout
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.pki import Pki
from koprogo_fleet.lab.standin.node.s3_settings import s3_settings
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.snapshots import Snapshots, decompressed

DONE = (
    "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete "
    "${datadir}/server/db on each peer etcd server and rejoin the nodes"
)
PEER_PORT = 2380
CHECK_SECONDS = 5
"""K3s looks every five seconds whether the new cluster serves."""


def flag_file(layout: Layout) -> Path:
    """Return the file that a reset leaves until the next normal start."""
    return layout.data_dir / "server/db/reset-flag"


def cluster_reset(settings: Settings, values: Values, environment: Mapping[str, str]) -> None:
    """
    Reset the cluster, log that it is done, and return.

    Raises:
        InputError: the configuration forbids it, or the snapshot is not there.
        KubernetesError: it was reset already, the token is another one, or etcd refuses the snapshot.
    """
    layout = settings.layout
    if settings.server:
        raise InputError(
            "cannot perform cluster-reset while server URL is set - remove server from configuration before resetting"
        )
    path = str(values.get("cluster-reset-restore-path") or "")
    password = _password(settings, restores=bool(path))
    flag = flag_file(layout)
    if not path and flag.exists():
        raise KubernetesError(
            "Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s "
            f"normally. If you need to perform another cluster reset, you must first manually delete the file at {flag}"
        )
    for address, port in ((EVERYWHERE, API_PORT), (settings.node_ip, PEER_PORT)):
        listen(address, port).close()  # K3s itself must not run
    etcd = Etcd(settings)
    Pki(layout).issue_all(settings)  # so that etcd can start; what belongs to the cluster comes from its data
    if path:
        _restore(settings, values, environment, etcd, path)
    elif not etcd.has_data:
        raise KubernetesError(f"etcd database not found in {layout.data_dir / 'server'}")
    flag.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flag.touch(mode=0o600)
    try:
        etcd.start_alone()
        time.sleep(CHECK_SECONDS)
        if len(members := etcd.members()) > 1:  # before our certificates are of the cluster in the snapshot
            raise KubernetesError(f"etcd still has {len(members)} members")
        _take_shared(layout, etcd, password)
        authorities = Pki(layout)
        authorities.issue_all(settings)
        agent = settings.agent_token.password if settings.agent_token else password
        pki.write_tokens(settings, password.reveal(), agent.reveal(), authorities.server.certificate_pem)
    finally:
        etcd.child.stop()
    log.info(DONE)


def _password(settings: Settings, *, restores: bool) -> Secret:
    if settings.token:
        return settings.token.password
    file = settings.layout.server_token
    if not file.exists():
        if restores:
            raise InputError(f"{file} does not exist, please pass --token to complete the restoration")
        raise InputError(f"open {file}: no such file or directory")
    return tokens.parse(file.read_text()).password


def _restore(settings: Settings, values: Values, environment: Mapping[str, str], etcd: Etcd, path: str) -> None:
    file = Path(path)
    if s3 := s3_settings(values, environment):
        file = Snapshots(settings.layout, settings.node_name, values, s3).fetch(path)
    if not file.exists():
        raise InputError(f"etcd: snapshot path does not exist: {file}")
    if file.is_dir():
        raise InputError(f"etcd: snapshot path must be a file, not a directory: {file}")
    etcd.restore_snapshot(decompressed(file))


def _take_shared(layout: Layout, etcd: Etcd, password: Secret) -> None:
    """Put the cluster's own authorities and keys on the disk, out of etcd's data."""
    stored = etcd.values(PREFIX)
    if not stored:
        return
    if storage_key(password) not in stored:
        raise KubernetesError(DIFFERENT_TOKEN)
    files = json.loads(decrypt(password, stored[storage_key(password)]))
    pki.import_shared(layout, {name: file["Content"] for name, file in files.items()})
