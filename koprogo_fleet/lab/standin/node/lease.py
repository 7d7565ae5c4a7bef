"""One server at a time does what only one may do: a Lease in the cluster says which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus

from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.wire import Api

PATH = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
NAME = "k3s-standin"
SECONDS = 15
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


class Lease:
    """The claim of *holder* (a node's name) to be the one."""

    def __init__(self, holder: str, api: Callable[[], Api]) -> None:
        self._holder = holder
        self._api = api()
        self._held = False

    def hold(self) -> bool:
        """
        Renew the lease or take it over when it has run out, and say whether it is ours now.

        Raises:
            KubernetesError: the API does not answer; the lease counts as lost then.
        """
        before, self._held = self._held, False
        now = dt.datetime.now(dt.UTC)
        present = self._api.get(f"{PATH}/{NAME}")
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": SECONDS,
            "renewTime": now.strftime(STAMP),
        }
        if present is None:
            answer = self._api.send("POST", PATH, {"metadata": {"name": NAME}, "spec": spec})
        elif self._free(present["spec"], now):
            # the resource version makes the API refuse all but the first of several claims
            present["spec"] = spec
            answer = self._api.send("PUT", f"{PATH}/{NAME}", present)
        else:
            return False
        if answer.status == HTTPStatus.CONFLICT:
            return False
        answer.success()
        self._held = True
        if not before:
            log.info("stand-in: this server unseals secrets and cleans up from now on")
        return True

    def _free(self, spec: dict[str, str], now: dt.datetime) -> bool:
        if spec.get("holderIdentity") == self._holder:
            return True
        renewed = dt.datetime.strptime(spec["renewTime"], STAMP).replace(tzinfo=dt.UTC)
        return now - renewed > dt.timedelta(seconds=SECONDS)
