"""The adapter's calls against the emulator: signatures, errors, retries, and what is never sent twice."""

from __future__ import annotations

import time

import pytest
import requests
from emulated_cloud import Cloud

from koprogo_fleet.core.errors import (
    InputError,
    OvhError,
    OvhNotFound,
    OvhRateLimited,
    OvhRefused,
    OvhUnavailable,
)
from koprogo_fleet.core.events import Waiting
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.ovh_api.signature import sign
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import OvhCredentials
from koprogo_fleet.ovh.rate import TokenBucket
from koprogo_fleet.ovh.ssh_keys import create_ssh_key, list_ssh_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V someone"


def test_signed_by_python_ovh(cloud: Cloud) -> None:
    """The real client's signature is accepted, with a query string and with a body."""
    api = cloud.api()

    created = create_ssh_key(api, "koprogo", KEY)

    assert (created,) == list_ssh_keys(api)
    assert [] == api.get(api.in_project("/instance"), region="GRA11")


def test_service_account(cloud: Cloud) -> None:
    """An OAuth2 service account gets a token and uses it."""
    api = OvhApi(cloud.service_account())

    assert cloud.state.keys.project_id == api.project
    assert 1 == sum(entry["path"] == "/auth/oauth2/token" for entry in cloud.requests())


def test_wrong_client_secret(cloud: Cloud) -> None:
    """A service account with the wrong secret is refused in the API's words."""
    api = OvhApi(cloud.service_account(Secret("wrong")))

    with pytest.raises(OvhRefused, match="Invalid client credentials"):
        api.get("/me")


@pytest.mark.parametrize(
    ("changes", "message", "variable"),
    [
        ({"application_key": "0123456789abcdef"}, "This application key is invalid", "OVH_APPLICATION_KEY"),
        ({"consumer_key": Secret("wrong")}, "This credential is not valid", "OVH_CONSUMER_KEY"),
    ],
)
def test_wrong_key(cloud: Cloud, changes: dict[str, object], message: str, variable: str) -> None:
    """A wrong key is refused with the API's own message, the query id, and the variable to check."""
    api = OvhApi(cloud.credentials(**changes))

    with pytest.raises(OvhRefused, match=message) as caught:
        api.get("/me")

    assert 403 == caught.value.status
    assert caught.value.query_id is not None
    assert caught.value.query_id in str(caught.value)
    assert variable in (caught.value.next_step or "")
    assert ("GET", "/me") == (caught.value.method, caught.value.path)


def test_wrong_secret(cloud: Cloud) -> None:
    """A wrong application secret is an invalid signature; the clock is read again once, and the secret is blamed."""
    api = OvhApi(cloud.credentials(application_secret=Secret("wrong")))

    with pytest.raises(OvhError, match="Invalid signature") as caught:
        api.get("/me")

    assert "OVH_APPLICATION_SECRET" in (caught.value.next_step or "")
    assert ["/auth/time", "/me", "/auth/time", "/me"] == [entry["path"] for entry in cloud.requests()]


def test_no_secret_in_errors(cloud: Cloud) -> None:
    """Neither the credentials nor an error of theirs show a secret."""
    credentials = cloud.credentials(application_secret=Secret("canary-3f9a"), consumer_key=Secret("canary-3f9b"))

    with pytest.raises(OvhError) as caught:
        OvhApi(credentials).get("/me")

    assert "canary" not in f"{credentials!r} {caught.value!r} {caught.value.cause} {caught.value.next_step}"


def test_clock_step(cloud: Cloud) -> None:
    """After the clocks have drifted apart, even a POST goes through, once: the offset is read again."""
    api = cloud.api()
    _ = api.project
    cloud.clock_ahead = 3600

    create_ssh_key(api, "koprogo", KEY)

    assert [400, 200] == [entry["status"] for entry in cloud.requests("POST")]


def test_rate_limited(cloud: Cloud) -> None:
    """A POST answered by 429 is sent again after Retry-After, and the wait is told with its end."""
    cloud.fault("429", "POST", "*/sshkey", seconds=1)
    start = time.monotonic()

    create_ssh_key(cloud.api(), "koprogo", KEY)

    assert time.monotonic() - start >= 1
    waits = [event for event in cloud.events if isinstance(event, Waiting)]
    assert ["rate-limited until"] == [wait.observation[:18] for wait in waits]


def test_rate_limited_for_too_long(cloud: Cloud) -> None:
    """Nobody waits for a Retry-After that is beyond the patience: the error comes at once."""
    cloud.fault("429", seconds=3600)
    start = time.monotonic()

    with pytest.raises(OvhRateLimited) as caught:
        cloud.api(patience=5).get("/me")

    assert 3600 == caught.value.retry_after
    assert time.monotonic() - start < 60


def test_html_is_retried_for_get(cloud: Cloud) -> None:
    """A GET that a proxy answers with HTML is tried again."""
    cloud.fault("500-html", "GET", "*/sshkey", times=2)

    assert () == list_ssh_keys(cloud.api())
    assert [502, 502, 200] == [entry["status"] for entry in cloud.requests() if entry["path"].endswith("/sshkey")]


def test_html_keeps_status_and_query_id(cloud: Cloud) -> None:
    """An answer that is not JSON still gives its status, query id and text."""
    cloud.fault("500-html", "POST", "*/sshkey")

    with pytest.raises(OvhUnavailable, match="502 Bad Gateway") as caught:
        create_ssh_key(cloud.api(), "koprogo", KEY)

    assert 502 == caught.value.status
    assert "EU.lab-" in (caught.value.query_id or "")


@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
def test_post_is_never_sent_twice(cloud: Cloud, kind: str) -> None:
    """A POST without a usable answer is an error at once, whether it was done or not."""
    cloud.fault(kind, "POST", "*/sshkey")
    api = cloud.api()

    with pytest.raises(OvhUnavailable):
        create_ssh_key(api, "koprogo", KEY)

    assert 1 == len(cloud.requests("POST"))
    assert (0 if kind == "500-html" else 1) == len(list_ssh_keys(api))


def test_slow_answer(cloud: Cloud) -> None:
    """An answer slower than the timeout is no answer."""
    cloud.fault("timeout-after-success", "POST", "*/sshkey", seconds=1)

    with pytest.raises(OvhUnavailable, match="timeout"):
        create_ssh_key(cloud.api(timeout=(1, 0.2)), "koprogo", KEY)


def test_clock_cannot_be_read(cloud: Cloud) -> None:
    """A POST waits for the clock to be readable: its own failure and the clock's are not confused."""
    credentials = cloud.credentials()
    cloud.stop()
    try:
        with pytest.raises(OvhUnavailable, match="no answer") as caught:
            OvhApi(credentials, patience=0.1).post("/cloud/project/x/sshkey", {})
        assert "/auth" == caught.value.path
    finally:
        cloud.start()


def test_not_found(cloud: Cloud) -> None:
    """What does not exist is OvhNotFound, also as a LookupError."""
    api = cloud.api()

    with pytest.raises(LookupError):
        api.get(api.in_project("/instance/none"))
    with pytest.raises(OvhNotFound, match="invalid"):
        api.get("/no/such/route")
    with pytest.raises(OvhNotFound, match="This service does not exist"):
        api.get("/cloud/project/other/instance")


def test_unknown_parameter(cloud: Cloud) -> None:
    """The API refuses a field that it does not know (v1 has no tags, no metadata)."""
    api = cloud.api()

    with pytest.raises(OvhError, match="Unknown parameter tags") as caught:
        api.post(api.in_project("/instance"), {"name": "a", "flavorId": "b", "region": "GRA11", "tags": {}})

    assert 400 == caught.value.status


def test_two_projects_must_be_told_apart() -> None:
    """Given a project id, no project is looked up."""
    api = OvhApi(OvhCredentials("http://127.0.0.1:9/1.0", "k", Secret("s"), Secret("c"), project_id="abc"))

    assert "/cloud/project/abc/instance" == api.in_project("/instance")


def test_fair_pace(cloud: Cloud) -> None:
    """Calls beyond the burst are held back, and that is told."""
    api = cloud.api(bucket=TokenBucket(burst=1, per_second=0.5))

    for _ in range(2):
        api.get("/auth/details")

    assert any(isinstance(event, Waiting) and "fair pace" in event.observation for event in cloud.events)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "You must login first"),
        ({"X-Ovh-Application": "unknown"}, 403, "This application key is invalid"),
        ({"Authorization": "Bearer wrong"}, 401, "Invalid access token"),
    ],
)
def test_emulator_refuses(cloud: Cloud, headers: dict[str, str], status: int, message: str) -> None:
    """The emulator refuses who does not sign, with OVH's body and query id."""
    response = requests.get(f"{cloud.url}/me", headers=headers, timeout=60)

    assert status == response.status_code
    assert message == response.json()["message"]
    assert response.json()["class"].startswith("Client::")
    assert response.headers["X-OVH-QUERYID"]


@pytest.mark.parametrize("age", [-120, 120])
def test_emulator_refuses_an_old_signature(cloud: Cloud, age: int) -> None:
    """A right signature with a time stamp two minutes off is refused."""
    keys, url = cloud.state.keys, f"{cloud.url}/me"
    timestamp = str(int(time.time()) + age)
    headers = {
        "X-Ovh-Application": keys.application_key,
        "X-Ovh-Consumer": keys.consumer_key.reveal(),
        "X-Ovh-Timestamp": timestamp,
        "X-Ovh-Signature": sign(keys, "GET", url, "", timestamp),
    }

    response = requests.get(url, headers=headers, timeout=60)

    assert (400, "Invalid signature") == (response.status_code, response.json()["message"])


def test_no_project(cloud: Cloud) -> None:
    """Service accounts without the right are told what is missing."""
    cloud.fault("403", "GET", "/cloud/project")

    with pytest.raises(OvhRefused, match="This call has not been granted") as caught:
        _ = cloud.api().project

    assert "koprogo-fleet auth ovh" in (caught.value.next_step or "")
    assert not isinstance(caught.value, InputError)
