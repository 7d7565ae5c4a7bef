"""Rotating K3s' tokens on a node: which of them it accepts, its token's file, the order to a server."""

from __future__ import annotations

from collections.abc import Mapping

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths, tokens
from koprogo_fleet.hosts.resources import File
from koprogo_tasks._converge import converge
from koprogo_tasks._k3s_rotation import ask, change, must_succeed

_OK = "200"


def look_at_tokens(
    task: Task, user: str, passwords: Mapping[str, Secret], token_file: str = paths.TOKEN, unit: str = "k3s"
) -> Result:
    """
    Ask a server which of the *passwords* of *user* ("server" or "node") it accepts; changes nothing.

    An agent accepts none: it only tells whether it has read its token's file.

    Args:
        task: given by Nornir.
        user: whose passwords they are.
        passwords: by label.
        token_file: whose age is compared with that of the K3s that runs.
        unit: K3s' unit on the node.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.tokens.TokenState`.
    """
    done = ask(task, tokens.look(user, passwords, token_file, unit))
    return Result(host=task.host, result=tokens.parse_look(done.stdout.decode(errors="replace")))


def read_token_file(task: Task, path: str = paths.TOKEN) -> Result:
    """
    Read a token's file on a node.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.core.secret.Secret`.

    Raises:
        CommandFailed: there is none.
    """
    done = ask(task, f"cat {path}\n".encode())
    must_succeed(task, f"read {path}", done)
    return Result(host=task.host, result=Secret(done.stdout.decode().strip()))


def write_token_file(task: Task, token: Secret, path: str = paths.TOKEN, dry_run: bool | None = None) -> Result:
    """
    Write a token's file; K3s reads it at its next start.

    Returns:
        Result object with the following attributes set: changed, diff, differences.
    """
    return converge(task, [File(path, Secret(f"{token.reveal()}\n"), mode="0600")], dry_run=dry_run)


def rotate_server_token(task: Task, current: Secret, new: Secret) -> Result:
    """
    Have this server put the bootstrap data under another server token, which it accepts itself from then on.

    Returns:
        Result object with the following attributes set: changed, differences.

    Raises:
        CommandFailed: it refused; whether it has done so all the same, the look tells.
    """
    difference = Difference(Operation.CHANGE, "server token of the cluster", "the current one", "the new one")
    done = change(task, "rotate the server token", difference, tokens.rotate_script(current, new))
    body, _, status = done.stdout.decode(errors="replace").strip().rpartition("\n")
    if status != _OK:
        raise CommandFailed(
            task.host.name,
            f"rotation of the server token: K3s answered HTTP {status or 'nothing'}",
            exit_status=done.exit_status or 1,
            stdout=body,
            next_step=f"on {task.host.name}: journalctl -u k3s -n 50; then the same again, which looks first",
        )
    return Result(host=task.host, changed=True, diff=str(difference), differences=(difference,))
