"""The Sealed Secrets controller: what it answers through the API server's proxy, and its restart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube.client import Cluster

NAMESPACE = "kube-system"
SERVICE = "sealed-secrets-controller"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""What ``kubectl rollout restart`` writes."""

LATER = {
    HTTPStatus.TOO_MANY_REQUESTS,  # the controller allows two calls a second
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
SECONDS = 60.0


@dataclass(frozen=True)
class SealingController:
    """
    One controller, by its Service.

    Args:
        cluster: where it runs.
        namespace: of the Service, and of the Secrets that hold the controller's keys.
        service: its name: ``sealed-secrets`` where Helm's chart named it.
        listener: told of each pause.
        seconds: how long a call is repeated while the controller has no time for it.
    """

    cluster: Cluster
    namespace: str = NAMESPACE
    service: str = SERVICE
    listener: Listener = ignore
    seconds: float = SECONDS

    def certificate(self) -> str:
        """
        Return the certificate (PEM) that it seals with now.

        Raises:
            KubernetesError: it is not installed, or does not answer.
        """
        return self.cluster.sealing_certificate(self.namespace, self.service)

    def opens(self, sealed: Mapping[str, Any]) -> bool:
        """
        Say whether it can open a SealedSecret (``/v1/verify``).

        Raises:
            KubernetesError: it cannot read it at all.
            WaitTimeout: it has no time.
        """
        status, text = self._asked("/v1/verify", sealed)
        if status in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
            return status == HTTPStatus.OK
        raise self._unexpected("verify", status, text)

    def sealed_anew(self, sealed: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return a SealedSecret sealed again with the controller's newest key (``/v1/rotate``); nothing is applied.

        Raises:
            KubernetesError: it cannot open it.
            WaitTimeout: it has no time.
        """
        status, text = self._asked("/v1/rotate", sealed)
        if status != HTTPStatus.OK:
            raise self._unexpected("re-encrypt", status, text)
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise self._unexpected("re-encrypt", status, "its answer is no SealedSecret") from error

    def restart(self) -> bool:
        """
        Have its Deployment make new pods: keys that were added or taken away are read at their start only.

        Returns:
            whether there is a Deployment; a controller that is none has to see its keys by itself.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: now}}}}}
        found = self._deployments()
        for name in found:
            self.cluster.merge("apps/v1", "Deployment", name, self.namespace, patch)
        return bool(found)

    def rolled_out(self) -> tuple[bool, str]:
        """Say whether all its pods are those of the last restart, and what is lacking."""
        for name in self._deployments():
            complete, seen = self.cluster.rollout_complete(self.namespace, name)
            if not complete:
                return False, f"deployment {name}: {seen}"
        return True, "it runs"

    def _deployments(self) -> list[str]:
        service = self.cluster.get("v1", "Service", self.service, self.namespace) or {}
        selector = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            return []
        return [
            found["metadata"]["name"]
            for found in self.cluster.all_of("apps/v1", "Deployment", self.namespace)
            if selector.items() <= (found["spec"]["template"]["metadata"].get("labels") or {}).items()
        ]

    def _asked(self, path: str, sealed: Mapping[str, Any]) -> tuple[int, str]:
        def once() -> tuple[int, str]:
            status, text = self.cluster.posted(self.namespace, self.service, path, sealed)
            if status in LATER:
                raise NotYet(f"it answers {status}")
            return status, text

        return wait_for(
            f"the Sealed Secrets controller answers {path}",
            once,
            seconds=self.seconds,
            interval=0.5,
            listener=self.listener,
            cause="it allows two such calls a second, or its pod does not run",
            next_step=f"kubectl --namespace {self.namespace} get pods",
        )

    def _unexpected(self, what: str, status: int, text: str) -> KubernetesError:
        return KubernetesError(
            f"the Sealed Secrets controller cannot {what} it: {status}: {text.strip()[:300] or 'no reason is given'}",
            cause="it is no SealedSecret, or was sealed for another cluster, name, namespace or scope",
            next_step=f"kubectl --namespace {self.namespace} logs --selector app.kubernetes.io/name=sealed-secrets",
        )
