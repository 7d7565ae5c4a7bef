"""
The rotation of the keys that encrypt Secrets in etcd: the one step that may come next, from what all servers say.

K3s changes the configuration on one server; the others take it from the datastore when they start. A key has to be known to
every running API server before any of them writes with it, and has to be written by none before it is taken away: therefore
all servers are restarted between two stages. ``rotate-keys`` does without that, and leaves the other servers unable to read
what the first one wrote, until they are restarted; it is not used. Sources: docs.k3s.io, "secrets-encrypt"; K3s'
pkg/server/handlers/secrets-encrypt.go (stages, hashes) and pkg/secretsencrypt/config.go (the file of the stage).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.hosts.k3s.encryption import AES_CBC, Encryption, Stage

COMMANDS = {Stage.PREPARE: "prepare", Stage.ROTATE: "rotate", Stage.REENCRYPT_ACTIVE: "reencrypt"}
"""By the stage that it leads to; the last one goes on to "reencrypt_finished" by itself."""

_FOLLOWS = {
    (Stage.START, Stage.PREPARE),
    (Stage.REENCRYPT_FINISHED, Stage.PREPARE),
    (Stage.PREPARE, Stage.ROTATE),
    (Stage.ROTATE, Stage.REENCRYPT_FINISHED),
}


@dataclass(frozen=True)
class Command:
    """Run ``k3s secrets-encrypt`` on *host*, after which its stage is *leads_to*."""

    host: str
    leads_to: Stage

    @property
    def words(self) -> str:
        """The command."""
        return f"secrets-encrypt {COMMANDS[self.leads_to]}"


@dataclass(frozen=True)
class Restart:
    """Restart *host*: it has not read the configuration that it should have."""

    host: str


@dataclass(frozen=True)
class Await:
    """Wait: *host* writes all Secrets again, or has yet to show the stage that it started with."""

    host: str


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


@dataclass(frozen=True)
class Stop:
    """Nothing may be done, for this *reason*."""

    reason: str
    next_step: str


NextStep = Command | Restart | Await | Done | Stop
_COMPARE = "on each server: k3s secrets-encrypt status; restart none of them before it is clear which is right"


def next_step(servers: Mapping[str, Encryption], *, old_key: str | None) -> NextStep:
    """
    Decide what comes next, from what all *servers* say now.

    Args:
        servers: by name, in the order in which they are asked and restarted.
        old_key: the key that a rotation under way replaces, or None where none has begun.
    """
    return _must_stop(servers) or _must_settle(servers) or _go_on(servers, old_key)


def _must_settle(servers: Mapping[str, Encryption]) -> Await | Restart | None:
    """Return what has to come before another stage: all servers at the same one, and each knowing its keys."""
    if active := [name for name, found in servers.items() if found.stage is Stage.REENCRYPT_ACTIVE]:
        return Await(active[0])
    unread = [name for name, found in servers.items() if found.unread]
    behind = _behind(servers)
    # The server that is ahead is restarted first: should it not have told the datastore, it does so then.
    if to_restart := [*(name for name in unread if name not in behind), *behind, *unread]:
        return Restart(to_restart[0])
    late = [name for name, found in servers.items() if found.stage != _recorded(found)]
    return Await(late[0]) if late else None


def _go_on(servers: Mapping[str, Encryption], old_key: str | None) -> Command | Done:
    first, found = next(iter(servers.items()))
    if found.stage is not None and found.stage.calm:
        if old_key is not None and old_key not in {found.active, *found.inactive}:
            return Done()
        return Command(first, Stage.PREPARE)
    return Command(first, Stage.ROTATE if found.stage is Stage.PREPARE else Stage.REENCRYPT_ACTIVE)


def under_way(servers: Mapping[str, Encryption]) -> bool:
    """Say whether some server is between two calm stages."""
    return any(found.stage is not None and not found.stage.calm for found in servers.values())


def key_to_replace(servers: Mapping[str, Encryption]) -> str:
    """Return the key that the rotation under way replaces; before one, the key that writes."""
    for found in servers.values():  # from "rotate" on the new key is first, and the one that goes is last
        if _recorded(found) == Stage.ROTATE and found.inactive:
            return found.inactive[-1]
    for found in servers.values():
        if _recorded(found) == Stage.PREPARE:
            return found.active
    return next(iter(servers.values())).active


def _recorded(found: Encryption) -> str:
    return found.recorded.partition("-")[0]


def _must_stop(servers: Mapping[str, Encryption]) -> Stop | None:
    if silent := {name: found.error for name, found in servers.items() if found.stage is None}:
        told = "; ".join(f"{name}: {error or 'no stage'}" for name, error in silent.items())
        return Stop(f"not every server tells its stage: {told}", "koprogo-fleet k3s status")
    if off := [name for name, found in servers.items() if not found.enabled]:
        return Stop(
            f"Secrets are not encrypted on {', '.join(off)}",
            "k3s secrets-encrypt enable, on one server; then restart all",
        )
    if other := {found.active for found in servers.values() if not found.active.startswith(AES_CBC)}:
        return Stop(
            f"the key that writes is no AES-CBC key: {', '.join(sorted(other))}",
            "K3s rotates such keys by rotate-keys only, which is safe with one server: see docs.k3s.io, secrets-encrypt",
        )
    for name, found in servers.items():
        if found.recorded.partition("-")[2] != found.config_hash:
            return Stop(
                f"the encryption configuration of {name} is not the one of its stage ({found.recorded.partition('-')[0]}): "
                "it was changed by hand, or K3s was killed while it wrote it",
                _COMPARE,
            )
    return _unlike(servers)


def _unlike(servers: Mapping[str, Encryption]) -> Stop | None:
    """Return why the servers' configurations do not belong together, if so: K3s' stages are one apart at most."""
    by_stage: dict[str, dict[str, str]] = {}
    for name, found in servers.items():
        by_stage.setdefault(_recorded(found), {})[name] = found.config_hash
    for stage, hashes in by_stage.items():
        if len(set(hashes.values())) > 1:
            told = ", ".join(f"{name} {digest[:12]}" for name, digest in hashes.items())
            return Stop(f"the servers' hashes differ although all are at the stage {stage}: {told}", _COMPARE)
    order = _in_order(by_stage)
    if len(by_stage) > 1 and (order is None or not _keys_follow(servers, *order)):
        told = ", ".join(f"{name} {_recorded(found)}" for name, found in servers.items())
        return Stop(f"the servers' hashes differ, and their stages do not follow each other: {told}", _COMPARE)
    return None


def _keys_follow(servers: Mapping[str, Encryption], before: str, after: str) -> bool:
    """Say whether the newer stage's keys are made of the older one's, and not of those of another rotation."""
    old, new = (next(found for found in servers.values() if _recorded(found) == stage) for stage in (before, after))
    if after == Stage.ROTATE:
        return {old.active, *old.inactive} == {new.active, *new.inactive}
    return old.active == new.active


def _in_order(stages: Mapping[str, object]) -> tuple[str, str] | None:
    return next(
        ((before, after) for before, after in _FOLLOWS if {before, after} == set(stages) and len(stages) > 1), None
    )


def _behind(servers: Mapping[str, Encryption]) -> list[str]:
    """Return the servers that have yet to take the newer of two stages over from the datastore."""
    recorded = {name: _recorded(found) for name, found in servers.items()}
    order = _in_order(dict.fromkeys(recorded.values()))
    return [name for name, stage in recorded.items() if order and stage == order[0]]
