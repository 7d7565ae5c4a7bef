"""
A new image by slots, with our own chart, by the real Helm on a real Kubernetes API.

No pod runs: they are reported as ready, at the address of a small application of the test's own, which is asked through the
API server's proxy and tells by which Service.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from release_stack import Stack, kubelet, states

from koprogo_fleet.core.events import Event, Waiting
from koprogo_fleet.helm.blue_green import Images
from koprogo_fleet.helm.release import Release
from koprogo_fleet.workflows.release_files import with_images

UNCHANGED = "unchanged"


@dataclass
class Application:
    """What answers for all pods: by which Services it was asked, and those by which it does not answer well."""

    port: int
    asked: list[str] = field(default_factory=list)
    unwell_by: set[str] = field(default_factory=set)


@pytest.fixture
def application(stack: Stack) -> Iterator[Application]:
    """Serve it at this machine's own address: the API server's proxy refuses loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only the way there is chosen
        except OSError as error:
            pytest.skip(f"this machine has no network: {error}")
        stack.add_node()
        stack.pod_address = probe.getsockname()[0]
    served = Application(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            by = self.headers["X-Forwarded-Uri"].partition("/services/http:")[2].partition(":")[0]
            served.asked.append(by)
            self.send_response(500 if by in served.unwell_by else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((stack.pod_address, 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
    stack.engine.cluster.delete("v1", "Node", stack.node)


@dataclass
class Api:
    """The release of our own chart, and what is seen of it."""

    stack: Stack
    application: Application
    reasons: dict[str, str] = field(default_factory=dict)

    def releases(self, tag: str = "", **settings: Any) -> tuple[Release, ...]:
        """Return it as a person has written it, with the tag of a run."""
        values = {
            "image": {"tag": "file"},
            "port": self.application.port,
            "secret": {"keys": []},
            "replicaCount": 1,
            "autoscaling": {"enabled": False},
            "terminationGracePeriodSeconds": 0,  # nobody would end them
            **settings.pop("values", {}),
        }
        chart = Path(__file__).parents[3] / "charts" / "koprogo-api"
        written = {"name": "koprogo-api", "chart": str(chart), "values": values, "timeout": 20, **settings}
        return with_images(self.stack.releases(written), {"koprogo-api": tag} if tag else {})

    def deploy(self, tag: str = "", *, by_slots: bool = True, seconds: int = 20, **settings: Any) -> dict[str, str]:
        """Deploy a tag, or what is written, and return how each release ended."""
        releases = [item.model_copy(update={"timeout": seconds}) for item in self.releases(tag, **settings)]
        outcomes = self.stack.apply(releases, images(tag, by_slots=by_slots))
        self.reasons = {name: outcome.reason for name, outcome in outcomes.items()}
        return states(outcomes)

    def plan(self, tag: str = "", **settings: Any) -> dict[str, list[str]]:
        """Return what a deployment would do."""
        return self.stack.plan(self.releases(tag, **settings), images(tag))

    def active(self) -> str:
        """Return the slot that the Service sends to."""
        found = json.loads(self.stack.kubectl("get", "service", "koprogo-api", "-o", "json"))
        return str(found["spec"]["selector"].get("koprogo.io/slot", "its own"))

    def images(self) -> dict[str, str]:
        """Return the tags that the Deployments have pods of."""
        found = json.loads(self.stack.kubectl("get", "deployments", "-o", "json"))["items"]
        return {
            item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"][0]["image"].partition(":")[2]
            for item in found
            if item["spec"]["replicas"]
        }


def images(tag: str, *, by_slots: bool = True) -> Images:
    """Return what a run was given."""
    return Images({"koprogo-api": tag}, by_slots) if tag else Images()


@pytest.fixture
def api(stack: Stack, application: Application) -> Iterator[Api]:
    """Return the release, deployed with the tag v1 and pods of its own."""
    found = Api(stack, application)
    with kubelet(stack):
        assert {"koprogo-api": "deployed"} == found.deploy("v1", by_slots=False)
        yield found


def test_slots_take_turns(api: Api) -> None:
    """The new image is asked in its slot, then switched to; nothing undoes that, and what is old goes once it was kept."""
    planned = api.plan("v2")
    assert (
        "create release koprogo-api-green: chart koprogo-api in namespace slots-take-turns"
        in planned["koprogo-api-green"]
    )
    assert any("Service koprogo-api" in line and "slot: green" in line for line in planned["koprogo-api"])
    assert {"koprogo-api-green": "deployed", "koprogo-api": "deployed"} == api.deploy("v2")
    assert ["koprogo-api-green", "koprogo-api"] == api.application.asked
    assert ("green", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())

    assert not any(api.plan().values())
    assert {UNCHANGED} == set(api.deploy().values()) == set(api.deploy("v2").values())

    assert {"koprogo-api-blue": "deployed", "koprogo-api": "deployed"} == api.deploy("v3")
    assert ("blue", {"koprogo-api-blue": "v3", "koprogo-api-green": "v2"}) == (api.active(), api.images())
    assert {"koprogo-api-green": ["delete release koprogo-api-green"]} == {
        name: found for name, found in api.plan(blue_green={"keep": "0s"}).items() if found
    }
    assert "removed" == api.deploy(blue_green={"keep": "0s"})["koprogo-api-green"]
    assert ("blue", {"koprogo-api-blue": "v3"}) == (api.active(), api.images())
    assert UNCHANGED == api.deploy("v4", by_slots=False)["koprogo-api"]
    assert ("blue", {"koprogo-api-blue": "v4"}) == (api.active(), api.images())


def test_back_after_a_switch(api: Api) -> None:
    """What is well in its slot, but not where users come in, is switched away from; mended, the same run switches for good."""
    api.application.unwell_by = {"koprogo-api"}
    assert {"koprogo-api-green": "deployed", "koprogo-api": "failed"} == api.deploy("v2", seconds=6)
    assert "koprogo-api/health: status 500, not 200" in api.reasons["koprogo-api"]
    assert "went back to revision 1" in api.reasons["koprogo-api"]
    assert ("its own", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())

    api.application.unwell_by = set()
    assert {"koprogo-api-green": UNCHANGED, "koprogo-api": "deployed"} == api.deploy("v2")
    assert ("green", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())
    assert "deployed" == api.deploy(blue_green={"keep": "0s"})["koprogo-api"]
    assert ("green", {"koprogo-api-green": "v2"}) == (api.active(), api.images())
    assert not any(api.plan().values())


def test_no_switch_to_a_bad_slot(api: Api) -> None:
    """An image that does not answer well in its slot is never sent to; a later run takes the slot away."""
    api.application.unwell_by = {"koprogo-api-green"}
    assert {"koprogo-api-green": "failed", "koprogo-api": "held"} == api.deploy("v2", seconds=6)
    assert ("its own", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())

    found = api.deploy("v1", by_slots=False, blue_green={"keep": "0s"})
    assert {"koprogo-api": UNCHANGED, "koprogo-api-green": "removed"} == found


def test_stopped_after_the_switch(api: Api, events: list[Event]) -> None:
    """Who stops between the switch and its proof leaves the proof to the same run again: it goes on, or back."""
    api.application.unwell_by = {"koprogo-api"}

    def is_switched() -> bool:
        return any(isinstance(event, Waiting) and "status 500" in event.observation for event in events)

    going_on = api.stack.engine
    api.stack.engine = replace(going_on, stopping=is_switched)
    assert {"koprogo-api-green": "deployed", "koprogo-api": "stopped"} == api.deploy("v2")
    assert "green" == api.active()

    api.stack.engine = going_on
    revisions = api.stack.revisions()
    api.application.unwell_by = set()
    assert {UNCHANGED} == set(api.deploy("v2").values())
    assert ("green", revisions) == (api.active(), api.stack.revisions())

    api.application.unwell_by = {"koprogo-api"}
    assert {"koprogo-api-green": UNCHANGED, "koprogo-api": "failed"} == api.deploy("v2", seconds=6)
    assert "switched back" in api.reasons["koprogo-api"]
    assert ("its own", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "moment",
    [
        "release koprogo-api-green: deploying",
        "release koprogo-api-green to be proven",
        "release koprogo-api: deploying",
    ],
)
def test_stopped_before_the_switch(api: Api, events: list[Event], moment: str) -> None:
    """Wherever the first run is stopped, the same run again ends in the slot that the first one had begun, and in no other."""
    api.application.unwell_by = {"koprogo-api-green"} if "proven" in moment else set()
    going_on = api.stack.engine
    api.stack.engine = replace(going_on, stopping=lambda: any(moment in str(event) for event in events))
    assert "stopped" in api.deploy("v2").values()

    api.application.unwell_by = set()
    api.stack.engine = going_on
    assert {"koprogo-api-green", "koprogo-api"} == set(api.deploy("v2"))
    assert ("green", {"koprogo-api": "v1", "koprogo-api-green": "v2"}) == (api.active(), api.images())


@pytest.mark.exhaustive
def test_without_slots_again(api: Api) -> None:
    """As the guide says: a person who writes the slot into the file gets pods of the release's own back, and the slot goes."""
    api.deploy("v2")
    api.deploy(blue_green={"keep": "0s"})

    assert {"koprogo-api": "deployed"} == api.deploy(values={"activeSlot": "green"})
    assert ("green", {"koprogo-api": "file", "koprogo-api-green": "v2"}) == (api.active(), api.images())
    assert {"koprogo-api": "deployed"} == api.deploy(values={"activeSlot": ""})
    assert "its own" == api.active()
    assert {"koprogo-api": UNCHANGED, "koprogo-api-green": "removed"} == api.deploy(blue_green={"keep": "0s"})
    assert {"koprogo-api": "file"} == api.images()
