"""Waiting for a new node: SSH answers with the right host key, and cloud-init has finished."""

from __future__ import annotations

import json

from nornir.core.task import Result, Task

from koprogo_fleet.core.errors import CommandFailed, LoginRefused, Unreachable
from koprogo_fleet.core.events import Listener, ignore, on_host
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.session import Session

CLOUD_INIT_RESULT = """\
cat /run/cloud-init/result.json 2>/dev/null && exit
if command -v cloud-init >/dev/null; then echo '"it still runs"'; else echo '{"v1": {"errors": []}}'; fi
"""
"""cloud-init writes its result when it has ended, at every boot; reading it takes no time, unlike ``cloud-init status``."""


def first_contact(task: Task, seconds: float = 300, listener: Listener = ignore) -> Result:
    """
    Wait until the node can be worked on.

    A refused login counts as "not yet", because cloud-init makes the user while sshd already answers; a wrong host
    key never does.

    Args:
        task: given by Nornir.
        seconds: how long to wait for both together.
        listener: told what is being waited for.

    Returns:
        Result that never says changed.

    Raises:
        WaitTimeout: the node never answered, or cloud-init did not end.
        HostKeyMismatch: the node is not the one that was created.
    """
    host = task.host

    def look() -> Session:
        try:
            session = session_for(host, task.nornir.config)
        except (Unreachable, LoginRefused) as error:
            raise NotYet(error.seen) from error
        answer = session.run("sh -s", stdin=CLOUD_INIT_RESULT.encode(), timeout=20).stdout
        try:
            result = json.loads(answer or '"no answer"')
        except ValueError as error:
            raise NotYet(f"cloud-init: its result is not JSON: {answer[:100]!r}") from error
        if isinstance(result, str):
            raise NotYet(f"cloud-init: {result}")
        if errors := result["v1"]["errors"]:
            raise CommandFailed(
                host.name,
                "cloud-init",
                exit_status=1,
                stderr="\n".join(errors),
                cause="the user-data was not accepted, or a step of it failed",
                next_step=f"on {host.name}: sudo cloud-init schema --system; less /var/log/cloud-init.log",
            )
        return session

    wait_for(
        f"{host.name}: SSH at {host.hostname} and cloud-init done",
        look,
        seconds=seconds,
        listener=on_host(task.host.name, listener),
        cause="the machine did not boot, or its network or cloud-init failed",
        next_step=f"look at its console in the OVH manager (lab: koprogo-fleet lab status), host {host.name}",
    )
    return Result(host=host, changed=False)
