"""A consumer key with few rights: asked for, granted by a person, enforced, and enough for a whole provision."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ovh
import pytest
import python_ovh
import requests
from emulated_cloud import Cloud, until
from emulated_fleet import FLEET, KEY, OBJECTS, QUICK, RememberedHostKeys, objects

from koprogo_fleet.core.errors import InputError, OvhRefused, WaitTimeout
from koprogo_fleet.core.events import Waiting
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh import dns, object_storage, users
from koprogo_fleet.ovh.authorisation import (
    AccessRule,
    Services,
    get_granted_rules,
    get_identity,
    needed_rules,
    request_key,
    wait_until_validated,
)
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.conf_file import write_ovh_conf
from koprogo_fleet.ovh.credentials import OvhCredentials, from_environment
from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ovh.prices import get_prices
from koprogo_fleet.ovh.rate import FAIR
from koprogo_fleet.provision.apply import Limits, apply
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan
from koprogo_fleet.workflows.authorise import authorise, check

ZONE = "koprogo.io"
RULE = {"method": str, "path": str}


def application(cloud: Cloud) -> OvhCredentials:
    """Return an application without a consumer key."""
    return cloud.credentials(consumer_key=None)


def agree(link: str, decision: str = "validate", **more: str) -> None:
    """Do what a person does in the browser."""
    assert requests.post(link, data={"decision": decision, **more}, timeout=60).ok


def granted(cloud: Cloud, rules: Sequence[AccessRule], **more: str) -> OvhCredentials:
    """Return credentials with exactly these *rules*."""
    requested = request_key(OvhApi(application(cloud)), rules)
    agree(requested.validation_url, **more)
    return replace(application(cloud), consumer_key=requested.consumer_key, project_id=cloud.state.keys.project_id)


def rules_of(cloud: Cloud) -> tuple[AccessRule, ...]:
    """Return the rules that the product asks for."""
    return needed_rules(cloud.state.keys.project_id, Services(dns_zones=(ZONE,)))


def test_the_rules_suffice_for_a_whole_provision(cloud: Cloud) -> None:
    """From an empty project to the whole fleet, its records and its backups, with no other right than those asked for."""
    api = OvhApi(granted(cloud, rules_of(cloud)))

    apply(plan(FLEET, observe(api, FLEET), KEY), api, RememberedHostKeys(), limits=Limits(**QUICK))

    assert OBJECTS == objects(cloud)
    dns.create_record(api, ZONE, dns.A, "api", "203.0.113.7")
    dns.refresh_zone(api, ZONE)
    user = users.create_user(api, "backups").user
    users.create_s3_credential(api, user.id)
    object_storage.create_container(api, "GRA11", "koprogo-backups", user.id)
    assert "EUR" == get_prices(api).currency
    assert 403 not in {entry["status"] for entry in cloud.requests()}


@pytest.mark.parametrize("project", [True, False])
def test_the_rules_for_all_projects_suffice(cloud: Cloud, *, project: bool) -> None:
    """Without a project id the rules allow to find the project; with one, listing projects is not granted."""
    rules = rules_of(cloud) if project else needed_rules()
    api = OvhApi(replace(granted(cloud, rules), project_id=None))

    if project:
        with pytest.raises(OvhRefused, match="This call has not been granted"):
            list_instances(api)
    else:
        assert () == list_instances(api)


def test_what_is_not_granted_is_refused(cloud: Cloud) -> None:
    """Another method, another path, and another zone than the rules name are 403 in OVH's words, and change nothing."""
    project = cloud.state.keys.project_id
    api = OvhApi(granted(cloud, [AccessRule("GET", f"/cloud/project/{project}/*")]))

    assert () == list_instances(api)
    for refused in (
        lambda: users.create_user(api, "x"),
        lambda: api.get(f"/cloud/project/{project}"),
        lambda: dns.list_records(api, ZONE),
        lambda: api.get("/me"),
    ):
        with pytest.raises(OvhRefused, match="This call has not been granted") as caught:
            refused()
        assert 403 == caught.value.status
        assert "koprogo-fleet auth ovh" in (caught.value.next_step or "")
    with cloud.state.look() as data:
        assert {} == data["users"]


def test_python_ovh_asks_for_a_key(cloud: Cloud) -> None:
    """OVH's own client asks for a key, is refused before the validation, and uses it afterwards; the shapes are the schema's."""
    client = python_ovh.client(cloud)
    client._consumer_key = None  # noqa: SLF001 - it has none yet
    request = client.new_consumer_key_request()
    request.add_rules(ovh.API_READ_ONLY, "/me")
    request.add_rules(ovh.API_READ_ONLY, "/auth/*")

    answer = request.request()

    python_ovh.check(answer, {"consumerKey": str, "state": str, "validationUrl": str})
    assert "pendingValidation" == answer["state"]
    with pytest.raises(ovh.exceptions.APIError, match="This credential is not valid"):
        client.get("/me")
    assert "GET /me" in requests.get(answer["validationUrl"], timeout=60).text
    agree(answer["validationUrl"])
    assert "lab" == client.get("/me")["nichandle"]
    with pytest.raises(ovh.exceptions.APIError, match="This call has not been granted"):
        client.get("/cloud/project")
    nothing = (str, python_ovh.NOTHING)
    credential = {
        "credentialId": int,
        "applicationId": int,
        "status": str,
        "rules": [RULE],
        "creation": str,
        "expiration": nothing,
        "lastUse": nothing,
        "allowedIPs": (list, python_ovh.NOTHING),
        "ovhSupport": bool,
    }
    python_ovh.check(client.get("/auth/currentCredential"), credential)
    details = dict.fromkeys(("description", "roles", "user"), (str, list, dict, python_ovh.NOTHING))
    shape = {**details, "account": str, "method": str, "identities": [str], "allowedRoutes": [RULE]}
    python_ovh.check(client.get("/auth/details"), shape)
    assert requests.get(answer["validationUrl"], timeout=60).status_code == 404


def test_authorise_waits_for_the_person(cloud: Cloud) -> None:
    """The link is shown, the wait is named while nobody answers, and then the key works and lacks nothing."""
    rules, shown = rules_of(cloud), []

    def show(link: str) -> None:
        shown.append(link)
        threading.Timer(0.3, agree, [link]).start()

    credentials = authorise(application(cloud), rules, show, cloud.events.append, seconds=10, look_every=0.05)

    assert 1 == len(shown)
    assert rules == get_granted_rules(OvhApi(credentials))
    assert () == check(credentials, rules, cloud.events.append).missing
    assert {"the consumer key: validated in the browser"} == {
        event.condition for event in cloud.events if isinstance(event, Waiting)
    }


@pytest.mark.parametrize("decision", ["refuse", None])
def test_nobody_agrees(cloud: Cloud, decision: str | None) -> None:
    """A refused request, or one that nobody answers, ends with its deadline, the link, and what to do."""
    requested = request_key(OvhApi(application(cloud)), rules_of(cloud))
    if decision:
        agree(requested.validation_url, decision)
    api = OvhApi(replace(application(cloud), consumer_key=requested.consumer_key))

    with pytest.raises(WaitTimeout, match="validated in the browser; last seen: not validated yet") as caught:
        wait_until_validated(api, requested.validation_url, seconds=0.2, interval=0.05)

    assert requested.validation_url in (caught.value.cause or "")
    assert requested.consumer_key.reveal() not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"


def test_an_expired_key(cloud: Cloud) -> None:
    """A validation for a limited time ends: the key is not valid any more."""
    credentials = granted(cloud, rules_of(cloud), duration="30")
    api = OvhApi(credentials)
    assert get_identity(api).rules == rules_of(cloud)

    cloud.clock_ahead = 60

    with pytest.raises(OvhRefused, match="This credential is not valid"):
        get_identity(OvhApi(credentials))


def test_what_is_missing_is_named(cloud: Cloud) -> None:
    """A key that was made before the product needed more tells exactly what it lacks."""
    rules = rules_of(cloud)
    credentials = granted(cloud, [rule for rule in rules if not rule.path.startswith("/domain")])

    assert {"/domain/zone", f"/domain/zone/{ZONE}/*"} == {
        rule.path for rule in check(credentials, rules, cloud.events.append).missing
    }
    assert () == check(cloud.credentials(), rules, cloud.events.append).missing
    assert () == check(cloud.service_account(), rules, cloud.events.append).missing


def test_consumer_keys_outlive_a_restart(cloud: Cloud) -> None:
    """A key that was validated works after the emulator was started again."""
    credentials = granted(cloud, rules_of(cloud))
    cloud.stop()
    cloud.start()

    assert () == list_instances(OvhApi(credentials))


def test_the_file_is_private(cloud: Cloud, tmp_path: Path) -> None:
    """ovh.conf is 0600 from its first moment, also over a world-readable one, keeps other endpoints, and can be read back."""
    path = tmp_path / "ovh.conf"
    path.write_text("[default]\nendpoint=ovh-ca\n[ovh-ca]\napplication_key=other\n")
    path.chmod(0o644)
    credentials = cloud.credentials(pace=FAIR)

    write_ovh_conf(path, credentials)

    assert 0o600 == path.stat().st_mode & 0o777
    found = from_environment({}, [path])
    assert found is not None
    assert credentials == found[0]
    assert "application_key = other" in path.read_text()
    path.write_text("not an ini file")
    with pytest.raises(InputError, match="not an INI file"):
        write_ovh_conf(path, replace(credentials, consumer_key=Secret("canary")))
    assert "canary" not in path.read_text()


def run(cloud: Cloud, folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``koprogo-fleet auth ovh`` with the application's key alone."""
    keys = cloud.state.keys
    return subprocess.Popen(
        [sys.executable, "-c", "from koprogo_fleet.cli.app import main; main()", "auth", "ovh", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": ":".join(sys.path),
            "OVH_ENDPOINT": cloud.url,
            "OVH_APPLICATION_KEY": keys.application_key,
            "OVH_APPLICATION_SECRET": keys.application_secret.reveal(),
            **environment,
        },
    )


def asked_for(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the consumer keys that somebody has asked for."""
    with cloud.state.look() as data:
        return [dict(record) for record in data["consumer_keys"].values()]


def agree_as_soon_as_asked(cloud: Cloud) -> dict[str, Any]:
    """Wait for the command to ask, grant it as a person does, and return the key's record."""
    until(lambda: bool(asked_for(cloud)), seconds=30)
    (record,) = asked_for(cloud)
    agree(f"{cloud.url.removesuffix('/1.0')}/auth/?credentialToken={record['token']}")
    return record


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def test_command_writes_where_it_is_told(cloud: Cloud, home: Path) -> None:
    """The command prints rules and link, waits, writes a 0600 file, never shows the key; the next call finds all granted."""
    project = cloud.state.keys.project_id
    with run(cloud, home, "--project", project, "--zone", ZONE, "--write", "~/.ovh.conf") as process:
        record = agree_as_soon_as_asked(cloud)
        stdout, stderr = process.communicate(timeout=60)

    assert (0, "") == (process.returncode, stdout), stderr
    assert f"GET    /cloud/project/{project}/instance\n" in stderr
    assert f"/auth/?credentialToken={record['token']}" in stderr
    assert "Everything that is needed is granted" in stderr
    assert record["consumer_key"] not in stderr
    assert 0o600 == (home / ".ovh.conf").stat().st_mode & 0o777
    with run(cloud, home, "--project", project, "--zone", ZONE) as again:
        again.communicate(timeout=60)
    assert (0, 1) == (again.returncode, len(asked_for(cloud)))
    with run(cloud, home, "--project", project, "--zone", "other.example") as more:
        _, stderr = more.communicate(timeout=60)
    assert 1 == more.returncode
    assert "not granted: GET    /domain/zone/other.example/*" in stderr


def test_command_stores_nothing_unasked(cloud: Cloud, home: Path) -> None:
    """Without --write the key is on standard output alone, as a line for the shell, and no file appears."""
    with run(cloud, home, "--project", cloud.state.keys.project_id) as process:
        record = agree_as_soon_as_asked(cloud)
        stdout, stderr = process.communicate(timeout=60)

    assert f"export OVH_CONSUMER_KEY={record['consumer_key']}\n" == stdout
    assert record["consumer_key"] not in stderr
    assert [] == list(home.iterdir())


def test_command_without_an_application(cloud: Cloud, home: Path) -> None:
    """Who has no application yet is told where to make one."""
    with run(cloud, home, OVH_APPLICATION_SECRET="") as process:
        _, stderr = process.communicate(timeout=60)

    assert 2 == process.returncode
    assert "OVH_APPLICATION_SECRET is not set" in stderr
    assert "https://eu.api.ovh.com/createApp/" in stderr
