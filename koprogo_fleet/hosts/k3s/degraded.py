"""Why etcd must not be disturbed now, and the named repair for each reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from koprogo_fleet.hosts.k3s.health import ServerHealth, server_of

NO_SPACE = "NOSPACE"
_ETCD = "on {name}: journalctl -u k3s -n 100; if most servers have lost their data: koprogo-fleet etcd repair"


@dataclass(frozen=True)
class Ailment:
    """
    One thing that is wrong with the control plane.

    Attributes:
        host: the server that it is about; empty where it is about the cluster.
        seen: what is wrong.
        repair: what mends it.
    """

    host: str
    seen: str
    repair: str


def ailments(healths: Mapping[str, ServerHealth | None], alarms: frozenset[str] = frozenset()) -> tuple[Ailment, ...]:
    """
    Return everything because of which no server may be restarted on purpose.

    Args:
        healths: of all servers of fleet.yaml, by their names; None stands for one that cannot be reached.
        alarms: of etcd, such as NOSPACE.
    """
    return (*_of_servers(healths), *_of_members(healths), *_of_alarms(alarms), *_of_leaders(healths))


def _of_servers(healths: Mapping[str, ServerHealth | None]) -> Iterator[Ailment]:
    for name, health in healths.items():
        if health is None:
            yield Ailment(
                name,
                f"{name} cannot be reached",
                f"start it, or mend its network (its console at OVH); gone for good: koprogo-fleet node replace {name}",
            )
        elif health.service != "active":
            yield Ailment(
                name,
                f"{name}: K3s is {health.service}",
                f"on {name}: journalctl -u k3s -n 100; koprogo-fleet provision starts it",
            )
        elif not health.etcd_healthy:
            yield Ailment(name, f"{name}: its etcd member is not healthy", _ETCD.format(name=name))
        elif health.api != "ok":
            yield Ailment(
                name, f"{name}: its API server is not ready: {health.api}", f"on {name}: journalctl -u k3s -n 100"
            )


def _of_members(healths: Mapping[str, ServerHealth | None]) -> Iterator[Ailment]:
    answers = [health for health in healths.values() if health and health.etcd_healthy]
    learners = {learner for health in answers for learner in health.learners}
    for learner in sorted(learners):
        owner = server_of(learner, healths)
        yield Ailment(
            owner if owner in healths else "",
            f"etcd has a learner, {learner}, which has no vote yet",
            f"wait until it votes; if it does not: journalctl -u k3s on {owner}, or remove it: kubectl annotate node "
            f"{owner} etcd.k3s.cattle.io/remove=true",
        )
    members = {server_of(member, healths) for health in answers for member in health.members}
    for stranger in sorted(members - set(healths)):
        yield Ailment(
            "",
            f"etcd has the member {stranger}, which is no server of fleet.yaml",
            f"if it is gone for good: kubectl annotate node {stranger.rpartition('-')[0] or stranger} "
            "etcd.k3s.cattle.io/remove=true, then delete that node; else put it into fleet.yaml",
        )
    if answers:
        for missing in sorted(set(healths) - members - {server_of(learner, healths) for learner in learners}):
            yield Ailment(
                missing,
                f"{missing} is a server of fleet.yaml, and no member of etcd",
                "koprogo-fleet provision, which joins it",
            )


def _of_alarms(alarms: frozenset[str]) -> Iterator[Ailment]:
    for alarm in sorted(alarms):
        repair = (
            "make room: etcdctl compact and defrag on each server, then etcdctl alarm disarm (docs.k3s.io, Advanced)"
            if alarm == NO_SPACE
            else "etcdctl alarm list names the member, whose data are damaged: koprogo-fleet node replace with its server's name"
        )
        yield Ailment("", f"etcd has raised the alarm {alarm}", repair)


def _of_leaders(healths: Mapping[str, ServerHealth | None]) -> Iterator[Ailment]:
    leaders = {str(health.leader) for health in healths.values() if health and health.etcd_healthy}
    if len(leaders) > 1:
        yield Ailment(
            "",
            f"the members do not agree on etcd's leader: {', '.join(sorted(leaders))}",
            "run the same again in a minute; if it goes on, look at the servers' disks and network: it is elected anew "
            "over and over",
        )
