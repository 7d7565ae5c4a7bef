"""Production's whole catalogue, deployed on the lab's cluster: its order, its proofs, its failures. The charts are stand-ins."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from lab_fleet import Fleet
from standin_catalogue import PRODUCTION, Catalogue, catalogue

from koprogo_fleet.core.paths import cache_dir

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of a folder provisions

CERTIFICATE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "koprogo-api-tls", "namespace": "koprogo"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.fixture(scope="module")
def wanted(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Yield the catalogue, whose charts were fetched and pinned; in the end the fleet is as it was."""
    cached, files = cache_dir() / "charts", [fleet.inventory / name for name in ("releases.yaml", "secrets.yaml")]
    archives, before = set(cached.glob("*.tgz")), [file.read_text() for file in files]
    with catalogue(tmp_path_factory.mktemp("charts")) as found:
        shutil.copytree(PRODUCTION / "values", fleet.inventory / "values")
        shutil.copy(PRODUCTION / "secrets.yaml", fleet.inventory)
        files[0].write_text(found.text)
        try:
            for command in (("releases", "fetch", "--pin"), ("secrets", "push")):
                done = fleet.run(*command)
                assert done.returncode == 0, done.stdout + done.stderr
            yield found
        finally:
            for file, text in zip(files, before, strict=True):
                file.write_text(text)
            shutil.rmtree(fleet.inventory / "values")
            for archive in set(cached.glob("*.tgz")) - archives:
                archive.unlink()
            _remove(fleet, found)


def _remove(fleet: Fleet, found: Catalogue) -> None:
    """Take away all that the lab's own files do not have, and deploy what they have."""
    namespaces = {release["namespace"] for release in found.releases} - {"koprogo"}
    crds = fleet.kubectl("get", "customresourcedefinitions", "-o", "name").split()
    hooks = [hook for release in found.releases for hook in release.get("ready", {}).get("webhooks", ())]
    gone = "--ignore-not-found"
    fleet.kubectl("delete", gone, "namespace", *namespaces)
    for crd in crds:
        if not crd.endswith(".bitnami.com"):
            fleet.kubectl("delete", crd)
    fleet.kubectl("delete", gone, "validatingwebhookconfiguration", *hooks)
    fleet.kubectl("delete", gone, "storageclass", "longhorn-encrypted")
    fleet.kubectl("delete", gone, "secret", "-n", "koprogo", "-l", "owner=helm,name in (database,dragonfly)")
    fleet.kubectl("delete", gone, "sealedsecret,secret", "-n", "koprogo", "database-backup", "dragonfly")
    fleet.events("deploy")


def _revisions(fleet: Fleet) -> set[str]:
    """Return Helm's records of the API: one for each revision of each release."""
    return set(fleet.kubectl("get", "secrets", "--all-namespaces", "-l", "owner=helm", "-o", "name").split())


def _changed(fleet: Fleet, name: str, **fields: Any) -> str:
    """Write other fields for a release, and return the file as it was."""
    file = fleet.inventory / "releases.yaml"
    text = file.read_text()
    content = yaml.safe_load(text)
    next(release for release in content["releases"] if release["name"] == name).update(fields)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return text


def _deployed(fleet: Fleet, when_it_waits: Callable[[str], None]) -> tuple[int, list[dict[str, Any]]]:
    """Run ``deploy``, tell what it waits for as it does, and return its exit code and its lines."""
    events = []
    with fleet.start("deploy", "--json") as running:
        assert running.stdout is not None
        for line in running.stdout:
            events.append(json.loads(line))
            when_it_waits(line)
        return running.wait(timeout=60), events


def _certificate_maker(fleet: Fleet) -> Callable[[str], None]:
    """Return what makes the API's certificate as cert-manager does: once its Ingress is there, and somebody waits."""
    made: list[str] = []

    def make(line: str) -> None:
        if "Certificate koprogo-api-tls" in line and not made:
            assert fleet.kubectl("get", "ingress", "koprogo-api", "-n", "koprogo", "-o", "name")
            made.append(line)
            _apply(fleet, CERTIFICATE)

    return make


def _apply(fleet: Fleet, manifest: dict[str, Any]) -> None:
    subprocess.run(
        [fleet.command, "kubectl", "--", "apply", "-f", "-"],
        env=fleet.environment,
        input=json.dumps(manifest),
        text=True,
        check=True,
        timeout=120,
        capture_output=True,
    )


def test_everything_comes_in_order_and_is_proven(fleet: Fleet, wanted: Catalogue) -> None:
    """Each release ends after those that it needs; the API's waits for its certificate; a second run makes no revision."""
    started = time.monotonic()
    code, events = _deployed(fleet, _certificate_maker(fleet))
    cold = time.monotonic() - started
    assert 0 == code, events[-3:]
    revisions, started = _revisions(fleet), time.monotonic()
    again = fleet.events("deploy")[-1]
    print(f"catalogue of {len(wanted.names)}: cold {cold:.0f} s, again {time.monotonic() - started:.1f} s")  # noqa: T201 - figures

    ended = [name for event in events for name in wanted.names if f"release {name}: deployed" in event.get("text", "")]
    assert set(wanted.names) == set(ended)
    needs = {release["name"]: release.get("needs", ()) for release in wanted.releases}
    assert all(ended.index(need) < ended.index(name) for name in ended for need in needs[name])
    assert "nightly-backup" in fleet.kubectl("get", "recurringjobs.longhorn.io", "-n", "longhorn-system", "-o", "name")
    assert 0 == again["changed"]
    assert revisions == _revisions(fleet)


@pytest.mark.usefixtures("wanted")
def test_a_failure_holds_what_stands_on_it(fleet: Fleet) -> None:
    """An operator that does not start goes back; what needs it is held, the rest is left alone; put right, nothing differs."""
    before = _changed(fleet, "cloudnative-pg", values={"standin": "unheard-of"}, timeout=10)

    failed = fleet.run("deploy")
    (fleet.inventory / "releases.yaml").write_text(before)
    mended = fleet.events("deploy")[-1]

    said = failed.stdout + failed.stderr
    assert 1 == failed.returncode, said
    assert "went back to revision" in said
    assert all(f"release {name}: held" in said for name in ("database", "koprogo-api"))
    assert not any(f"release {name}:" in said for name in ("traefik", "longhorn", "monitoring"))
    assert 0 == mended["failed"]
    assert 0 == fleet.events("deploy", "--plan")[-1]["changed"]
