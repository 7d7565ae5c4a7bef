"""The doctor: parts by the dated table, private files, and the command's exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from koprogo_fleet.upkeep.machine import private_files
from koprogo_fleet.upkeep.upstream import named_parts, table

PROGRAM = Path(sys.executable).with_name("koprogo-fleet")


def written(folder: Path, text: str) -> Path:
    """Write a releases.yaml."""
    file = folder / "releases.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("releases:\n  - name: ingress-nginx\n", ["ingress-nginx:2"]),
        ("releases:\n  - name: edge\n    chart: {name: ingress-nginx}\n", ["ingress-nginx:3"]),
        ("releases:\n  - name: s3\n    values:\n      image: {repository: quay.io/minio/minio}\n", ["MinIO:4"]),
        ("releases:\n  - name: loki\n    values: {promtail: {x: 1}}\n", ["Promtail:3"]),
        ("releases:\n  - name: a\n    chart: oci://ghcr.io/x/Kepler:0.9\n", ["Kepler:3"]),
        ("a: bitnami-labs.github.io/sealed-secrets\n", ["sealed-secrets' chart repository:1"]),
        ("releases:\n  - name: promtail\n  - name: minio\n", ["Promtail:2", "MinIO:3"]),
        ("releases:\n  - {name: promtail, chart: promtail}\n", ["Promtail:2"]),
        ("releases:\n  - {name: promtail, enabled: false}\n", []),
        ("releases:\n  - name: loki\n    values: {promtail: {enabled: false}}\n", []),
        ("releases:\n  - name: traefik\n  - name: sealed-secrets\n  - name: minion\n", []),
    ],
)
def test_a_part_is_found_where_it_is_named(text: str, expected: list[str], tmp_path: Path) -> None:
    """By release, chart, image or value, once and with its line; not by a part of a word, and not switched off."""
    found = named_parts([written(tmp_path, text)])

    assert expected == [f"{named.part.name}:{named.line}" for named in found]


def test_the_table_is_dated_and_whole() -> None:
    """Each part has a day, a place to read it, and something to use instead; no name belongs to two."""
    names = [name for part in table().parts for name in part.names]

    assert table().as_of.year >= 2026
    assert len(names) == len(set(names))
    assert all(part.evidence.startswith("https://") for part in table().parts)


def test_private_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A file that others may read is named, with what closes it; links and kubectl's cache do not count."""
    (tmp_path / "kubeconfig").write_text("")
    (tmp_path / "kubeconfig").chmod(0o640)
    (tmp_path / "key").write_text("")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "kubeconfig.cache").mkdir()
    (tmp_path / "kubeconfig.cache" / "apis.json").write_text("")
    (tmp_path / "link").symlink_to("kubeconfig")
    (bad,) = private_files([tmp_path, tmp_path / "missing"])
    (tmp_path / "kubeconfig").chmod(0o600)
    (good,) = private_files([tmp_path])

    assert (False, f"chmod 600 {tmp_path / 'kubeconfig'}") == (bad.met, bad.mend)
    assert "0640" in bad.seen
    assert (True, "2 files, for their owner alone") == (good.met, good.seen)


@pytest.mark.parametrize(
    ("release", "options", "code", "parts"),
    [
        ("traefik", ("--upstream",), 0, []),
        ("promtail", (), 0, []),
        ("promtail", ("--upstream",), 1, ["Promtail"]),
        ("kepler", ("--upstream",), 0, ["Kepler"]),
    ],
)
def test_the_exit_code_tells(
    release: str, options: tuple[str, ...], code: int, parts: list[str], tmp_path: Path
) -> None:
    """A retired part is 1, a limited one is only told, and without --upstream no part is looked for."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OVH_", "VAULT_", "KOPROGO_"))}
    environment = clean | {"HOME": str(tmp_path)}
    lab = tmp_path / "inventory" / "lab"
    lab.mkdir(parents=True)
    source = Path(__file__).parents[3] / "inventory" / "lab" / "fleet.yaml"
    (lab / "fleet.yaml").write_text(source.read_text())
    written(lab, f"releases:\n  - {{name: {release}, namespace: x, chart: x}}\n")
    ended = subprocess.run(
        [PROGRAM, "doctor", "--json", *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = json.loads(ended.stdout)

    assert (code, parts) == (ended.returncode, [part["name"] for part in told["parts"]]), ended.stderr
    assert ["helm", "kubectl", "private files"] == [check["what"] for check in told["checks"]]
