"""The scripts of a restore and a repair: each may be run again, and says in the mark how far it came."""

from __future__ import annotations

import shlex

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.restore import DATABASE, MARK, RESET_FLAG, SNAPSHOT, Mark, Step

JOIN = f"{paths.CONFIG}.d/90-koprogo-join.yaml"
"""Which server to join, whatever the node's own configuration says; there while it joins."""

RESET_SECONDS = 300


def stop_script() -> str:
    """Return the script that stops K3s, and keeps a reboot from starting it with the old data."""
    return (
        "systemctl disable --quiet k3s && systemctl stop k3s || exit $?\nsystemctl reset-failed k3s 2>/dev/null || :\n"
    )


def reset_script(name: str, token: Secret | None, *, from_snapshot: bool) -> Secret:
    """
    Return the script that resets etcd on the chosen server; K3s is stopped there.

    Args:
        name: of the operation.
        token: of the cluster as it was then, if that is another one than on the node; a secret.
        from_snapshot: from :data:`SNAPSHOT`; else from the server's own data.

    A reset refuses to run with a server to join in the configuration, so that is overridden (K3s' pkg/cli/server). With
    the snapshot on the disk, S3 is switched off whatever the configuration says.
    """
    arguments = ["--server=", "--cluster-reset"]
    if from_snapshot:
        arguments += [f"--cluster-reset-restore-path={SNAPSHOT}", "--etcd-s3=false"]
    command = " ".join(map(shlex.quote, [paths.BINARY, "server", *arguments]))
    return Secret(f"""\
set -u
umask 077
! systemctl is-active --quiet k3s || {{ echo 'K3s still runs' >&2; exit 1; }}
{_write_token(token, paths.TOKEN)}rm -f {RESET_FLAG}
{_write_mark(Mark(name, Step.BEGUN))}timeout --kill-after=5 {RESET_SECONDS} {command} 9<&- </dev/null >&2 || exit $?
[ -e {RESET_FLAG} ] || {{ echo 'K3s ended without having reset etcd' >&2; exit 1; }}
{_write_mark(Mark(name, Step.RESET))}""")


def start_script(name: str) -> str:
    """Return the script that starts K3s on the chosen server; whoever runs it waits for what it comes to."""
    return f"set -u\numask 077\n{_write_mark(Mark(name, Step.STARTED))}{_START}"


def wipe_script(name: str, moved: str) -> str:
    """
    Return the script that puts a peer's data away under the name *moved*; K3s is stopped first.

    Only etcd's data go, and they are kept: local snapshots stay where they are. It refuses on a server that the cluster
    was made anew from.
    """
    wiping, wiped = Mark(name, Step.WIPING, moved), Mark(name, Step.WIPED, moved)
    own = "|".join(f"*' {step}'*" for step in (Step.BEGUN, Step.RESET, Step.STARTED))
    return f"""\
set -u
umask 077
case "$(cat {MARK} 2>/dev/null)" in {own}) echo 'the cluster was made anew from this server' >&2; exit 1 ;; esac
{stop_script()}! systemctl is-active --quiet k3s || {{ echo 'K3s still runs' >&2; exit 1; }}
{_write_mark(wiping)}[ ! -d {paths.ETCD_DATA} ] || mv {paths.ETCD_DATA} {DATABASE}/{shlex.quote(moved)} || exit 1
rm -f {RESET_FLAG}
sync {DATABASE}
{_write_mark(wiped)}"""


def join_script(server: str, token: Secret) -> Secret:
    """Return the script that starts K3s on a peer whose data are put away, as one that joins *server* (an address)."""
    return Secret(f"""\
set -u
umask 077
[ ! -d {paths.ETCD_DATA}/member ] || [ -e {JOIN} ] || {{ echo 'this server has data of etcd' >&2; exit 1; }}
{_write_token(token, paths.TOKEN)}mkdir -p {paths.CONFIG}.d
printf '%s\\n' 'server: "https://{server}:6443"' 'cluster-init: false' >{JOIN}
sync {JOIN}
{_START}""")


def agent_script(token: Secret) -> Secret:
    """Return the script that starts K3s on an agent again, with the cluster's token for agents."""
    return Secret(
        f"set -u\numask 077\n{_write_token(token, paths.TOKEN)}systemctl stop k3s-agent || exit $?\n"
        "systemctl reset-failed k3s-agent 2>/dev/null\nsystemctl start --no-block k3s-agent\n"
    )


def end_script() -> str:
    """Return the script that removes what a server had for the operation alone."""
    return f"rm -f {JOIN} {SNAPSHOT} {SNAPSHOT}.new {MARK}\nsync {DATABASE}\n"


_START = (
    "systemctl enable --quiet k3s && systemctl daemon-reload && systemctl reset-failed k3s 2>/dev/null; "
    "systemctl restart --no-block k3s\n"
)


def _write_mark(mark: Mark) -> str:
    return (
        f"mkdir -p {DATABASE} && printf '%s\\n' {shlex.quote(str(mark))} >{MARK}.new && sync {MARK}.new && "
        f"mv -f {MARK}.new {MARK} && sync {DATABASE} || exit 1\n"
    )


def _write_token(token: Secret | None, file: str) -> str:
    if token is None:
        return ""
    return f"printf '%s\\n' {shlex.quote(token.reveal())} >{file}.new && sync {file}.new && mv -f {file}.new {file} || exit 1\n"
