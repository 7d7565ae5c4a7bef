"""
A thousand hostile secrets on every way that a secret takes.

Each arrives byte for byte or is refused with a reason, and none is seen anywhere but at its destination: the fixture
``stage`` looks, and says where.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hostile import LARGE, MARK, OVERSIZED, SMALL, VALUES
from nornir.core import Nornir
from open_vault import open_vault
from real_sshd import Sshd
from stage import Stage
from watch import CommandLines, leaking_files, leaks

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import (
    CommandFailed,
    CommandTimeout,
    InputError,
    NotConverged,
    SessionLost,
    VaultConflict,
    VaultError,
    VaultRefused,
    VaultUnavailable,
)
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Resource
from koprogo_fleet.hosts.resources import File
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.standin.node import sealing
from koprogo_fleet.secrets.seal import LARGEST, seal, unseal
from koprogo_fleet.vault import Vault

BATCH = 250
CURIOUS = "set; cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline; ps -ef >&2; "
"""What a step can see around it."""


@dataclass(frozen=True)
class Shell:
    """A step that runs a script of the test's."""

    script: str
    name: str = "shell"

    def look(self) -> str:
        """Look at nothing."""
        return "exit 1"

    def decide(self, fact: Fact) -> Decision:  # noqa: ARG002 - a resource's signature
        """Always run it."""
        return Change((Difference(Operation.CHANGE, self.name),), self.script)


def files(destination: Path, values: Sequence[str] = VALUES) -> list[Resource]:
    """Return a private file for each of *values*."""
    return [File(f"{destination}/{number}", Secret(value), mode="0600") for number, value in enumerate(values)]


def test_files_hold_them_byte_for_byte(stage: Stage, nornir: Nornir, destination: Path) -> None:
    """Every value arrives on a node as it is; so does an empty one."""
    resources = files(destination, (*VALUES, ""))
    for begin in range(0, len(resources), BATCH):
        assert stage.converge(nornir, resources[begin : begin + BATCH]) is None

    wrong = [
        number for number, value in enumerate(VALUES) if (destination / str(number)).read_bytes() != value.encode()
    ]
    assert [] == wrong
    assert b"" == (destination / str(len(VALUES))).read_bytes()


def test_a_changed_secret_shows_neither_the_old_nor_the_new(stage: Stage, nornir: Nornir, destination: Path) -> None:
    """The difference between two secrets is that there is one."""
    assert stage.converge(nornir, files(destination, SMALL[:20])) is None
    assert stage.converge(nornir, files(destination, SMALL[100:120])) is None

    assert SMALL[100].encode() == (destination / "0").read_bytes()


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Shell(f"{CURIOUS} exit 3", "fails"), CommandFailed),
        (Shell(f"{CURIOUS} kill -9 $$", "is killed"), SessionLost),
        (Shell(f"{CURIOUS} sleep 60", "hangs"), CommandTimeout),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_step_that_goes_wrong(
    stage: Stage, nornir: Nornir, destination: Path, step: Shell, expected: type[Exception]
) -> None:
    """A step that fails, is killed or hangs says what it can see; the secrets of the steps around it are not in it."""
    resources = [*files(destination, SMALL[:3]), step, *files(destination / "rest")]

    seconds = 15 if expected is CommandTimeout else 120  # a look at a thousand files is slow on a busy machine

    assert isinstance(stage.converge(nornir, resources, timeout=seconds), expected)


def test_a_validator_that_quotes_the_file(stage: Stage, nornir: Nornir, destination: Path) -> None:
    """A program that refuses a secret file and prints it, as many do, is not quoted."""
    destination.mkdir(mode=0o700)
    for value in SMALL[:5]:
        resource = File(f"{destination}/quoted", Secret(value), mode="0600", validate="cat %s >&2; cat %s; false %s")

        assert isinstance(stage.converge(nornir, [resource]), CommandFailed)


def test_a_refusal(stage: Stage, nornir: Nornir, destination: Path) -> None:
    """Where one file cannot be written, the others' secrets are not told."""
    (destination / "1").mkdir(parents=True)

    assert isinstance(stage.converge(nornir, files(destination)), NotConverged)


def test_a_lost_session(stage: Stage, nornir: Nornir, canary_sshd: Sshd, destination: Path, tmp_path: Path) -> None:
    """A connection that is cut in the middle of the secrets leaves none behind."""
    begun = tmp_path / "begun"

    def cut() -> None:
        while not begun.exists():
            time.sleep(0.01)
        canary_sshd.signal_children(signal.SIGKILL)

    threading.Thread(target=cut, daemon=True).start()
    resources = [*files(destination, SMALL[:3]), Shell(f": >{begun}; sleep 5"), *files(destination / "rest")]

    assert isinstance(stage.converge(nornir, resources), SessionLost)


def test_text_without_a_form_in_bytes(stage: Stage, nornir: Nornir, destination: Path) -> None:
    """Half a surrogate pair cannot be written to a file: it is refused with a reason."""
    value = Secret(f"{MARK}\ud800")

    def write() -> None:
        if error := stage.converge(nornir, [File(f"{destination}/x", value, mode="0600")]):
            raise error

    assert isinstance(stage.attempt(write), InputError)


@pytest.fixture
def vault(bao: VaultEndpoint) -> Iterator[Vault]:
    """Yield a client with the fleet's token."""
    with open_vault(bao.address, bao.token, bao.ca, patience=1) as vault:
        yield vault


def secrets(values: Sequence[str]) -> dict[str, Secret]:
    """Return values as a secret of Vault has them."""
    return {f"key{number}": Secret(value) for number, value in enumerate(values)}


def test_vault_gives_back_what_it_got(stage: Stage, vault: Vault) -> None:
    """A value that Vault takes comes back as it was; one that it does not take is refused, and the reason does not show it."""
    for begin in range(0, len(SMALL), 100):
        values = secrets(SMALL[begin : begin + 100])
        vault.write(f"canary/{begin}", values, expected_version=0)
        stored = vault.read(f"canary/{begin}")
        stage.shown.append(repr(stored))

        assert stored is not None
        assert values == stored.values
    for value in (LARGE, OVERSIZED):
        error = stage.attempt(lambda value=value: vault.write("canary/large", secrets([value]), expected_version=0))  # type: ignore[misc]

        assert isinstance(error, VaultError)
        assert "too large" in error.seen


def test_vault_refuses(stage: Stage, bao: VaultEndpoint, vault: Vault) -> None:
    """A conflict, a wrong token and a server that is not there show the path, and no value."""
    values = secrets(SMALL[:100])
    vault.write("canary/taken", values, expected_version=0)
    nobody = open_vault(bao.address, Secret(f"s.{MARK}"), bao.ca, patience=0.1)
    nowhere = open_vault("https://127.0.0.1:9", Secret(f"s.{MARK}"), bao.ca, patience=0.1)
    with nobody, nowhere:
        for client, expected in ((vault, VaultConflict), (nobody, VaultRefused), (nowhere, VaultUnavailable)):
            error = stage.attempt(lambda client=client: client.write("canary/taken", values, expected_version=0))  # type: ignore[misc]

            assert isinstance(error, expected)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """Return the key of a Sealed Secrets controller."""
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> tuple[str, bytes]:
    """Return a certificate of *key* and the key itself."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secrets")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    certificate = (
        builder.serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private


def test_what_is_sealed_is_unsealed(stage: Stage, key: rsa.RSAPrivateKey) -> None:
    """Every value comes out as it went in; one byte too many and half a surrogate pair are refused with a reason."""
    certificate, private = pem(key)
    label, opened = sealing.label_of({"namespace": "koprogo", "name": "api"}), sealing.load_key(private)
    for value in (*SMALL, LARGE, ""):
        sealed = seal(Secret(value), certificate, "koprogo", "api")
        stage.shown.append(sealed)

        assert value.encode() == sealing.decrypt(sealed, label, [opened])
    for value, reason in ((OVERSIZED, f"{LARGEST + 1} bytes"), (f"{MARK}\ud800", "not valid text")):
        error = stage.attempt(lambda value=value: seal(Secret(value), certificate, "koprogo", "api"))  # type: ignore[misc]

        assert isinstance(error, InputError)
        assert reason in error.seen
    stage.attempt(lambda: unseal(seal(Secret(SMALL[0]), certificate, "koprogo", "api"), private, "koprogo", "other"))


@pytest.mark.parametrize("value", [SMALL[1], SMALL[4], SMALL[21], LARGE])
def test_the_control_finds_what_leaks(value: str, tmp_path: Path) -> None:
    """What looks for secrets finds one that is leaked on purpose: as it is, quoted, encoded, in a file, in a file's name."""
    data = value.encode()
    forms = [
        value,
        repr(value),
        json.dumps(value),
        data.hex(),
        *(base64.b64encode(b"#" * shift + data).decode() for shift in range(3)),
    ]
    destination = tmp_path / "destination"
    destination.mkdir()
    (tmp_path / "leaked").write_bytes(data)
    (tmp_path / f"{MARK}-in-its-name").touch()
    (destination / "private").write_bytes(data)
    (destination / "private").chmod(0o600)
    (destination / "public").write_bytes(data)
    (destination / "public").chmod(0o644)

    assert [] == [form for form in forms if not leaks(form)]
    assert not leaks("no secret is in here: " + base64.b64encode(b"nor here").decode())
    assert {"leaked", f"{MARK}-in-its-name", "public"} == {
        path.name for path in leaking_files(tmp_path, destination=destination)
    }


def test_the_control_finds_a_leaking_process() -> None:
    """A secret in an argument, and one in the environment, is found while the process runs."""
    for arguments, environment in (([MARK], {}), ([], {"TOKEN": MARK})):
        command = [sys.executable, "-c", "import time; time.sleep(1)", *arguments]
        with CommandLines() as processes, subprocess.Popen(command, env=environment) as running:
            running.wait(10)

        assert processes.leaking
