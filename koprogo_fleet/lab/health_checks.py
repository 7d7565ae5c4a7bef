"""How a load balancer watches a member: connecting to it, or an HTTP request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from koprogo_fleet.lab.standin.node.splice import connect

Address = tuple[str, int]

_STATUS_LINE = 2  # words that it has at least: HTTP/1.1 200


@dataclass(frozen=True)
class HttpRequest:
    """What an HTTP check asks, and the answers that are good: "200", "200,202" or "200-204"."""

    path: str = "/"
    method: str = "GET"
    host: str | None = None
    good: str = "200"


@dataclass(frozen=True)
class Check:
    """
    One kind of check.

    Attributes:
        delay: seconds between two.
        timeout: seconds that one may take.
        rise: how many must succeed in a row before a member is back.
        fall: how many must fail in a row before it is out.
        http: None where connecting is enough.
    """

    delay: float
    timeout: float
    rise: int
    fall: int
    http: HttpRequest | None = None


async def answers(member: Address, check: Check) -> bool:
    """Check a member once."""
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        if check.http is not None:
            return await asyncio.wait_for(_answers_http(member, check.http), check.timeout)
        (await connect(member, check.timeout)).close()
        return True
    return False


async def watch(member: Address, check: Check, tell: Callable[[bool], None]) -> None:
    """
    Check a member for ever, and *tell* whether it is up: the first time that it is known, and when it changes.

    A member is given traffic until it has failed often enough, as HAProxy does it (``doc/configuration.txt``, "rise").
    """
    known: bool | None = None
    good = bad = 0
    while True:
        good, bad = (good + 1, 0) if await answers(member, check) else (0, bad + 1)
        if known is not True and good >= (1 if known is None else check.rise):
            known = True
            tell(known)
        elif known is not False and bad >= check.fall:
            known = False
            tell(known)
        await asyncio.sleep(check.delay)


async def _answers_http(member: Address, request: HttpRequest) -> bool:
    reader, writer = await asyncio.open_connection(*member)
    try:
        host = request.host or member[0]
        writer.write(f"{request.method} {request.path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        words = (await reader.readline()).split()
    finally:
        writer.close()
    return len(words) >= _STATUS_LINE and _is_good(int(words[1]), request.good)


def _is_good(status: int, good: str) -> bool:
    ends = (part.strip().partition("-") for part in good.split(","))
    return any(int(first) <= status <= int(last or first) for first, _, last in ends)
