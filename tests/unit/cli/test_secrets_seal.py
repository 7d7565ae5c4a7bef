"""``koprogo-fleet secrets seal`` without a cluster: what it reads, where it writes, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from koprogo_fleet.secrets.sealing.block import label_of, open_block
from koprogo_fleet.secrets.sealing.keys import SealingKey, make_key
from koprogo_fleet.secrets.sealing.words import Scope

CANARY = "canary-19c4"
SECRET = f"{{kind: Secret, metadata: {{name: api, namespace: koprogo}}, stringData: {{a: {CANARY}}}}}"
PROGRAM = [sys.executable, "-c", "from koprogo_fleet.cli.app import main; main()", "secrets", "seal"]


@dataclass(frozen=True)
class Sealer:
    """The command with a certificate of a key of our own."""

    key: SealingKey
    folder: Path

    def run(self, *arguments: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        """Run it in the folder, with *given* as its input."""
        words = [*PROGRAM, "--cert", "cert.pem", *arguments]
        environment = {**os.environ, "COLUMNS": "200"}
        return subprocess.run(
            words, cwd=self.folder, input=given, env=environment, capture_output=True, timeout=60, check=False
        )

    def opens(self, block: str, scope: Scope = Scope.STRICT) -> bytes | None:
        """Open a value of koprogo/api."""
        return open_block(block, self.key.private, label_of("koprogo", "api", scope))


@pytest.fixture(scope="module")
def key() -> SealingKey:
    """Return a key to seal for."""
    return make_key("kube-system", None)


@pytest.fixture
def sealer(key: SealingKey, tmp_path: Path) -> Sealer:
    """Return the command, with an empty folder to work in."""
    (tmp_path / "cert.pem").write_text(key.certificate.pem)
    return Sealer(key, tmp_path)


def test_as_kubeseal(sealer: Sealer) -> None:
    """A manifest on the input becomes JSON on the output, or YAML if that is said."""
    as_json, as_yaml = sealer.run(given=SECRET.encode()), sealer.run("-o", "yaml", given=SECRET.encode())

    assert (0, 0) == (as_json.returncode, as_yaml.returncode), as_json.stderr
    for manifest in (json.loads(as_json.stdout), yaml.safe_load(as_yaml.stdout)):
        assert ("SealedSecret", "api") == (manifest["kind"], manifest["metadata"]["name"])
        assert CANARY.encode() == sealer.opens(manifest["spec"]["encryptedData"]["a"])


def test_raw(sealer: Sealer) -> None:
    """A value is sealed byte by byte, its last line break too, and printed without one."""
    value = bytes(range(256)) + b"\n"

    done = sealer.run("--raw", "-n", "koprogo", "--scope", "namespace-wide", given=value)

    assert value == sealer.opens(done.stdout.decode(), Scope.NAMESPACE_WIDE)
    assert b"needs --name\n" in sealer.run("--raw", "-n", "koprogo", given=value).stderr


def test_merge(sealer: Sealer) -> None:
    """A value is put into a file, and nothing else of it changes."""
    file = sealer.folder / "sealed.yaml"
    before = "kind: SealedSecret # ours\nmetadata: {name: api, namespace: koprogo}\nspec:\n  encryptedData:\n    b: AgB=  # theirs\n"
    file.write_text(before)
    file.chmod(0o640)

    done = sealer.run("--merge-into", "sealed.yaml", given=SECRET.encode())

    assert (0, b"") == (done.returncode, done.stdout)
    block = yaml.safe_load(file.read_text())["spec"]["encryptedData"]["a"]
    assert before.replace("    b:", f'    "a": "{block}"\n    b:') == file.read_text()
    assert CANARY.encode() == sealer.opens(block)
    assert 0o640 == file.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        ((), f"kind: Secret\nx: [{CANARY}".encode(), "neither YAML nor JSON"),
        ((), f"{CANARY}".encode() + b"\xff", "not UTF-8"),
        (("--raw", "--validate"), b"", "only one of these at a time: --raw, --validate"),
        (("--secret-file", "absent.yaml"), b"", "cannot read absent.yaml"),
        (("--merge-into", "cert.pem"), SECRET.encode(), "document 1 is not a SealedSecret, but str"),
    ],
)
def test_refused(sealer: Sealer, arguments: tuple[str, ...], given: bytes, message: str) -> None:
    """What cannot be used is explained with exit code 2, and no value is shown."""
    done = sealer.run(*arguments, given=given)

    assert 2 == done.returncode
    assert message in " ".join(done.stderr.decode().split())
    assert CANARY not in (done.stdout + done.stderr).decode()
