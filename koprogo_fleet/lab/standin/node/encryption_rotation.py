"""
The rotation of the encryption keys, stage by stage, as K3s does it (its source: pkg/server/handlers/secrets-encrypt.go).

A new stage is accepted only while all servers show the same annotation, and that fits the configuration on this server's
disk. One difference: an API server older than 1.26 does not reload its configuration by itself, so where K3s relies on
that (``rotate-keys``, ``enable``, ``disable``), this server's API server is restarted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from koprogo_fleet.core.errors import KoprogoError, KubernetesError
from koprogo_fleet.lab.standin.node import encryption
from koprogo_fleet.lab.standin.node.encryption import ANNOTATION, Config
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.wire import Api

NODES = "/api/v1/nodes"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
PAGE = 20
CALM = (encryption.START, encryption.REENCRYPT_FINISHED)
"""The stages after which a rotation may begin."""


class EncryptionRotation:
    """
    What one server does about its encryption keys.

    Args:
        node_name: this server's, whose Node carries the annotation.
        api: makes a client of this server's API server.
        save: stores the shared files in the datastore.
        reload: has the API server read its configuration, and returns when it has.
    """

    def __init__(
        self,
        layout: Layout,
        node_name: str,
        api: Callable[[], Api],
        save: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        self._layout, self._node, self._api = layout, node_name, api
        self._save, self._reload = save, reload

    def status(self) -> dict[str, Any]:
        """Return what ``k3s secrets-encrypt status`` is made of; nothing but empty fields without a configuration."""
        config = encryption.read(self._layout)
        if config is None:
            return {"stage": "", "activekey": ""}
        state: dict[str, Any] = {"enable": config.enabled}
        try:
            self._check(())
            state["hashmatch"] = True
        except KubernetesError as error:
            state["hasherror"] = str(error)
        state["stage"] = self._annotation()[0]
        names = [f"{encryption.KEY_TYPE} {name}" for name in config.names]
        state["activekey"] = names[0] if config.enabled else ""
        if inactive := names[1:] if config.enabled else names:
            state["inactivekeys"] = inactive
        return state

    def request(self, stage: str, *, force: bool, skip: bool) -> None:
        """
        Go to another stage.

        Raises:
            KubernetesError: the servers differ, or the stage before is another one; in K3s' words.
        """
        match stage:
            case encryption.PREPARE:
                self._verify(CALM, force=force)
                config = self._config()
                self._become(replace(config, keys=(*config.keys, encryption.new_key())), stage)
            case encryption.ROTATE:
                self._verify((encryption.PREPARE,), force=force)
                self._become(Config(encryption.rotated(self._config().keys)), stage)
            case encryption.REENCRYPT_ACTIVE:
                self._verify((encryption.ROTATE,), force=force)
                self._annotate(encryption.mark(self._layout, stage))
                threading.Thread(target=self._reencrypt_and_tell, args=(skip,), name="reencrypt", daemon=True).start()
            case encryption.ROTATE_KEYS:
                self._verify(CALM, force=False)
                self._annotate(encryption.mark(self._layout, encryption.REENCRYPT_ACTIVE))
                keys = (*self._config().keys, encryption.new_key())
                encryption.write(self._layout, Config(encryption.rotated(keys)))
                self._reload()
                self._reencrypt(skip=False)
            case _:
                raise KubernetesError(f"unknown stage {stage} requested")

    def enable(self, *, wanted: bool) -> None:
        """Switch the encryption of what is written on or off, and write every Secret again."""
        config = self._config()
        if config.enabled == wanted:
            log.info("Secrets encryption already %s", "enabled" if wanted else "disabled")
            return
        encryption.write(self._layout, replace(config, enabled=wanted))
        self._save()
        self._reload()
        self._reencrypt(skip=True)

    def announce(self) -> None:
        """Show on the Node what the state file says, as a server does at each start."""
        if annotation := encryption.recorded(self._layout.encryption_state):
            self._annotate(annotation)

    def _become(self, config: Config, stage: str) -> None:
        encryption.write(self._layout, config)
        self._annotate(encryption.mark(self._layout, stage))
        encryption.record(self._layout, stage)
        self._save()

    def _reencrypt_and_tell(self, skip: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            self._reencrypt(skip=skip)
        except KoprogoError as error:  # as in K3s: the command has ended long ago, the log has it
            log.error("secrets-reencrypt: %s", error)

    def _reencrypt(self, *, skip: bool) -> None:
        """Write every Secret again, then take the last key away; *skip* leaves it and the stage as they were."""
        log.info("SecretsUpdateComplete: reencrypted %d secrets", self._update_secrets())
        if skip:
            self.announce()
            return
        encryption.write(self._layout, Config(self._config().keys[:-1]))
        self._annotate(encryption.mark(self._layout, encryption.REENCRYPT_FINISHED))
        encryption.record(self._layout, encryption.REENCRYPT_FINISHED)
        self._save()

    def _update_secrets(self) -> int:
        count, token = 0, ""
        with closing(self._api()) as api:
            while True:
                page = api.get(f"/api/v1/secrets?limit={PAGE}&continue={quote(token)}") or {}
                for secret in page.get("items", ()):
                    metadata = secret["metadata"]
                    path = f"/api/v1/namespaces/{metadata['namespace']}/secrets/{metadata['name']}"
                    answer = api.send("PUT", path, secret)
                    if answer.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                        answer.success()
                    count += 1
                token = page.get("metadata", {}).get("continue", "")
                if not token:
                    return count

    def _config(self) -> Config:
        config = encryption.read(self._layout)
        if config is None:
            raise KubernetesError(f"open {self._layout.encryption_config}: no such file or directory")
        return config

    def _verify(self, before: tuple[str, ...], *, force: bool) -> None:
        try:
            self._check(before)
        except KubernetesError:
            if not force:
                raise

    def _check(self, before: tuple[str, ...]) -> None:
        """Compare all servers' annotations; and, where stages are given, this server's with them and with its disk."""
        with closing(self._api()) as api:
            nodes = api.items(f"{NODES}?labelSelector={CONTROL_PLANE.replace('/', '%2F')}%3Dtrue")
        marks = [
            (node["metadata"]["name"], mark)
            for node in nodes
            if (mark := node["metadata"].get("annotations", {}).get(ANNOTATION))
        ]
        for name, mark in marks[1:]:
            if mark != marks[0][1]:
                raise KubernetesError(f"hash does not match between {marks[0][0]} and {name}")
        if not before:
            return
        stage, digest = self._annotation()
        if stage not in before:
            raise KubernetesError(f"incorrect stage: {stage} found on node {self._node}")
        if digest != encryption.config_hash(self._layout):
            raise KubernetesError(f"invalid hash: {digest} found on node {self._node}")

    def _annotation(self) -> tuple[str, str]:
        with closing(self._api()) as api:
            node = api.get(f"{NODES}/{self._node}") or {}
        mark = node.get("metadata", {}).get("annotations", {}).get(ANNOTATION)
        if mark is None:
            raise KubernetesError(f"missing annotation on node {self._node}")
        stage, separator, digest = mark.partition("-")
        if not separator:
            raise KubernetesError(f"invalid annotation {mark} found on node {self._node}")
        return stage, digest

    def _annotate(self, mark: str) -> None:
        with closing(self._api()) as api:
            api.merge(f"{NODES}/{self._node}", {"metadata": {"annotations": {ANNOTATION: mark}}}).success()
