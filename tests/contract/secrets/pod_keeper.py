"""
Stands for a kubelet and a program: a pod of the namespace "reads" the Secret ``api`` when it is made, and then is ready
where it accepts the value, as a program that logs in to its backend would be.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from sealing_controller import MERGE, Api


class PodKeeper:
    """Keeps the pods of one namespace; *started* has the value that each of them began with, by its name."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}"
        self.accepts: Callable[[str], bool] = lambda _value: True
        self.started: dict[str, str] = {}

    def round(self) -> None:
        """Start the pods that are new."""
        secret = self._api.get(f"{self._path}/secrets/api")
        for pod in (self._api.get(f"{self._path}/pods") or {}).get("items", ()):
            name = pod["metadata"]["name"]
            if secret is None or name in self.started:
                continue
            value = base64.b64decode(secret["data"]["PASSWORD"]).decode()
            self.started[name] = value
            self._api.patch(f"{self._path}/pods/{name}/status", {"status": self._status(value)}, MERGE)

    def _status(self, value: str) -> dict[str, object]:
        if self.accepts(value):
            return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
        container = {
            "name": "c",
            "image": "c",
            "imageID": "",
            "ready": False,
            "restartCount": 3,
            "state": {"waiting": waiting},
        }
        return {"phase": "Running", "containerStatuses": [container]}


@contextmanager
def keeping_pods(kubeconfig: Path, namespace: str) -> Iterator[PodKeeper]:
    """Keep the pods of *namespace* until the end."""
    keeper, stopped = PodKeeper(Api(kubeconfig), namespace), Event()

    def rounds() -> None:
        while not stopped.wait(0.1):
            keeper.round()

    thread = Thread(target=rounds)
    thread.start()
    try:
        yield keeper
    finally:
        stopped.set()
        thread.join()
