"""Answers that do not end, or are too long, from a real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_http import served
from werkzeug.wrappers import Request, Response

from koprogo_fleet.core.errors import BackendError, BackendUnavailable, InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.http import LARGEST, fetch


def test_an_answer_is_bounded() -> None:
    """One that never ends is broken off at the deadline, one that is too long at its limit."""
    over = threading.Event()

    def answer(request: Request) -> Response:
        if request.path == "/long":
            return Response(b"x" * (LARGEST + 1))

        def drops() -> Iterator[bytes]:
            while not over.wait(0.05):
                yield b"x"

        return Response(drops())

    with served(answer) as address:
        with pytest.raises(BackendUnavailable, match="has not ended after 1 s"):
            fetch("GET", f"{address}/endless?secret=s3cret", seconds=1)
        over.set()
        with pytest.raises(BackendError, match="more than 1048576 bytes"):
            fetch("GET", f"{address}/long")


def test_bytes_that_are_no_text() -> None:
    """They are read as well as they can be, and an answer's text is a Secret."""
    with served(lambda _request: Response(b"caf\xe9 t0ken")) as address:
        found = fetch("GET", address)

    assert "caf\ufffd t0ken" == found.body.reveal()
    assert "t0ken" not in repr(found)


def test_what_is_not_sent(tmp_path: Path) -> None:
    """Without TLS, or with an authority that is no file, nothing is sent."""
    with pytest.raises(InputError, match=r"http://example\.org/ is no address"):
        fetch("GET", "http://example.org/?token=t", {"Authorization": Secret("t")})
    with pytest.raises(InputError, match="cannot be used as the file of an authority"):
        fetch("GET", "https://localhost/", ca=f"{tmp_path}/none.pem")
