"""The jump host that fleet.yaml names: known before the first connection, as the nodes are."""

from __future__ import annotations

import shlex

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ssh.host_keys import KnownHosts


def check_jump_host(fleet: Fleet, known_hosts: KnownHosts) -> None:
    """
    Do nothing, unless the fleet's jump host is one that nobody has vouched for.

    Raises:
        InputError: neither its key nor an authority for it is in *known_hosts*.
    """
    jump = fleet.ssh.jump
    if jump is None:
        return
    known = known_hosts.known(jump.name)
    if known.key is None and not known.authorities:
        scan = f"ssh-keyscan -q -t ed25519 -p {jump.port} {jump.address}"
        line = f"sed 's/^[^ ]*/{jump.name}/' >> {shlex.quote(str(known_hosts.path))}"
        raise InputError(
            f"the host key of the jump host {jump.name} is not in {known_hosts.path}",
            cause="nothing is learnt by connecting: we do not make this host, so a person has to vouch for it",
            next_step=f"{scan} | ssh-keygen -lf - and compare with what its keeper says; then: {scan} | {line}",
        )
