"""Smoke tests: which answers are good ones, as a table; and asked of a real server."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from koprogo_fleet.core.errors import InputError, WaitTimeout
from koprogo_fleet.helm.smoke import (
    READ_MAX,
    Answer,
    NoAnswer,
    SmokeTest,
    ask,
    run_smoke_tests,
    troubles,
    wait_until_well,
)

HEALTH = SmokeTest(path="/health", contains="ok", headers={"X-Version": "1."})
GOOD = Answer(200, {"x-version": "1.2"}, "all ok")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GOOD, ()),
        (Answer(503, GOOD.headers, GOOD.body), ("status 503, not 200",)),
        (Answer(200, GOOD.headers, "fine"), ('"ok" is not in the answer',)),
        (Answer(200, {}, "ok"), ("there is no header X-Version",)),
        (Answer(200, {"x-version": "2"}, "ok"), ('the header X-Version is "2", without "1."',)),
        (Answer(500, {}), ("status 500, not 200", '"ok" is not in the answer', "there is no header X-Version")),
        (NoAnswer("connection refused"), ("no answer: connection refused",)),
    ],
)
def test_everything_that_is_wrong_is_told(answer: Answer | NoAnswer, expected: tuple[str, ...]) -> None:
    """Status, text and headers are each looked at, and all that is wrong is told at once."""
    assert expected == troubles(HEALTH, answer)


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"url": "http://a/", "path": "/"},
        {"url": "ftp://a/"},
        {"url": "https://user:password@a/"},
        {"path": "health"},
        {"path": "/", "status": 99},
        {"path": "/", "host": "two words"},
        {"path": "/", "latency": 5},
    ],
)
def test_what_cannot_be_asked_is_refused(written: dict[str, Any]) -> None:
    """A test goes to one place, holds no password, and has no field that nobody knows."""
    with pytest.raises(ValidationError):
        SmokeTest.model_validate(written)


class Application(BaseHTTPRequestHandler):
    """Answers at /health by the name it is asked under, at /flaky well from the third time on, at /long for long."""

    asked = 0

    def do_GET(self) -> None:
        """Answer by the path."""
        if self.path == "/moved":
            self._answer(302, b"", Location="/health")
        elif self.path == "/long":
            self._answer(200, b"x" * (READ_MAX + 10) + b"end")
        elif self.path == "/flaky":
            type(self).asked += 1
            self._answer(200 if self.asked > 2 else 503, b"ok")
        else:
            known = self.headers["Host"] == "api.example.com"
            self._answer(200 if known else 404, b"all ok" if known else b"who?", **{"X-Version": "1.2"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing on standard error."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve the application on loopback; yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def entry() -> Iterator[str]:
    """Yield a way in."""
    with serving() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file of a key and its own certificate, for api.example.com."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.example.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_an_ingress_is_asked_by_name(entry: str) -> None:
    """The way in is an address, the host's name goes along: an ingress routes by it."""
    by_name = HEALTH.model_copy(update={"host": "api.example.com"})
    first, second = run_smoke_tests([by_name, HEALTH], entry)

    assert () == first.troubles
    assert ("status 404, not 200", '"ok" is not in the answer') == second.troubles


def test_a_redirect_is_an_answer(entry: str) -> None:
    """Nothing is followed: that http sends to https can be asked for."""
    test = SmokeTest(url=f"{entry}/moved", status=302, headers={"Location": "/health"})

    assert () == troubles(test, ask(test))


def test_an_endless_answer_is_cut(entry: str) -> None:
    """Only the beginning of an answer is read."""
    answer = ask(SmokeTest(path="/long"), entry)

    assert isinstance(answer, Answer)
    assert READ_MAX == len(answer.body)


def test_nobody_there_is_told() -> None:
    """No answer is a trouble of the test, not an error of the run."""
    (outcome,) = run_smoke_tests([SmokeTest(url="http://127.0.0.1:9/")])

    assert outcome.troubles[0].startswith("no answer: ")
    assert "127.0.0.1:9" in str(outcome)


def test_certificates_are_verified_for_the_name(certificate: Path) -> None:
    """Over TLS the certificate must be the asked host's, and of an authority that is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    right = SmokeTest(path="/health", host="api.example.com")
    with serving(context) as port:
        entry = f"https://127.0.0.1:{port}"

        assert () == troubles(right, ask(right, entry, authority=certificate))
        wrong_name = ask(right.model_copy(update={"host": "other.example.com"}), entry, authority=certificate)
        unknown = ask(right, entry)

    assert isinstance(wrong_name, NoAnswer)
    assert "other.example.com" in wrong_name.reason
    assert isinstance(unknown, NoAnswer)
    assert "certificate" in unknown.reason


def test_a_slow_start_is_waited_for(entry: str) -> None:
    """It is asked again until it answers well; what stays bad ends with the last troubles."""
    wait_until_well([SmokeTest(path="/flaky")], entry, seconds=30)

    with pytest.raises(WaitTimeout, match="status 404, not 200"):
        wait_until_well([SmokeTest(path="/health")], entry, seconds=0)


def test_a_path_needs_a_way_in(tmp_path: Path) -> None:
    """Without a way in, or with an authority that is no file, the error says what to do."""
    with pytest.raises(InputError, match="no way in"):
        ask(HEALTH)
    with pytest.raises(InputError, match="authority"):
        ask(HEALTH, "https://127.0.0.1:9", authority=tmp_path / "missing")
