"""From nothing, or from whatever a crash left, to an OpenBao that the fleet can use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.openbao.api import MOUNT, BaoApi
from koprogo_fleet.lab.openbao.keys import KeyFile, Keys
from koprogo_fleet.lab.openbao.server import Server
from koprogo_fleet.lab.openbao.ssh import SSH_ROLES
from koprogo_fleet.lab.paths import LabPaths

ACTIVE_TIMEOUT = 60.0


@dataclass(frozen=True)
class VaultEndpoint:
    """How the fleet reaches the lab's OpenBao: *ca* is the file of the authority to verify it with."""

    address: str
    token: Secret
    ca: Path


def ensure_running(paths: LabPaths, listener: Listener = ignore) -> VaultEndpoint:
    """
    Make the lab's OpenBao run, unsealed, with its engines mounted and a valid token for the fleet.

    Does only what is missing; may be called as often as one likes, and after a crash.

    Raises:
        MissingRequirement: the binary is not installed, or the disk is full.
        KoprogoError: the server does not start; carries the end of its log.
        VaultError: its files contradict each other.
        WaitTimeout: it does not become active.
    """
    directory = _directory(paths)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(directory / "lock", "OpenBao of the lab", listener):
        server = Server(directory)
        key_file = KeyFile(directory / "keys.json")
        keys = _opened(server, key_file, listener)
        api = server.api()
        _wait_until_active(api, listener)
        _mount(api, keys.root_token)
        token = keys.fleet_token
        if token is None or not api.renew(token):
            token = _make_token(api, keys.root_token, listener)
            key_file.write(replace(keys, fleet_token=token))
        return VaultEndpoint(server.address, token, server.ca)


def root_token(paths: LabPaths) -> Secret:
    """
    Return the token that may do everything; :func:`ensure_running` has made it.

    Raises:
        InputError: the lab has no OpenBao yet.
    """
    keys = KeyFile(_directory(paths) / "keys.json").read()
    if keys is None:
        raise InputError(f"the lab has no OpenBao in {_directory(paths)}", next_step="koprogo-fleet lab up")
    return keys.root_token


def is_running(paths: LabPaths) -> bool:
    """Say whether the process of the lab's OpenBao lives."""
    return Server(_directory(paths)).is_running()


def stop(paths: LabPaths) -> None:
    """Stop the lab's OpenBao; its secrets stay on disk. What is not running is fine."""
    Server(_directory(paths)).stop()


def _directory(paths: LabPaths) -> Path:
    return paths.root / "openbao"


def _opened(server: Server, key_file: KeyFile, listener: Listener) -> Keys:
    """Start, initialise and unseal the server as far as each is needed."""
    health = server.ensure_started(listener)
    keys = key_file.read()
    if keys is None and health != HTTPStatus.NOT_IMPLEMENTED:
        listener(Note("OpenBao was interrupted while it was initialised, before its keys were saved: it starts anew"))
        server.stop()
        server.forget_data()
        health = server.ensure_started(listener)
    if keys is None or health == HTTPStatus.NOT_IMPLEMENTED:
        keys = Keys(*server.api().initialise())
        key_file.write(keys)
        health = HTTPStatus.SERVICE_UNAVAILABLE
    if health == HTTPStatus.SERVICE_UNAVAILABLE:
        server.api().unseal(keys.unseal_key)
    return keys


def _wait_until_active(api: BaoApi, listener: Listener) -> None:
    def active() -> None:
        if (status := api.health()) != HTTPStatus.OK:
            raise NotYet(f"health is {status}")

    wait_for("OpenBao is active", active, seconds=ACTIVE_TIMEOUT, interval=0.1, listener=listener)


def _mount(api: BaoApi, root: Secret) -> None:
    """Mount what is missing; a policy that a lab of an older version wrote is brought up to date with it."""
    mounts = api.mounts(root)
    if MOUNT not in mounts:
        api.mount_kv(root)
    for mount, role in SSH_ROLES.items():
        if mount not in mounts or not api.ssh_is_ready(root, mount):
            api.mount_ssh(root, mount, role)
            api.ensure_policy(root)


def _make_token(api: BaoApi, root: Secret, listener: Listener) -> Secret:
    api.ensure_policy(root)
    token = api.make_token(root)

    def mount_answers() -> None:
        if not api.kv_is_ready(token):
            raise NotYet("the key-value engine is upgrading itself to version 2")

    wait_for("OpenBao's key-value engine answers", mount_answers, seconds=30, interval=0.1, listener=listener)
    return token
