"""
The name server of a lab's nodes: OVH's object storage is the lab's own; every other question goes to the host's resolvers.

It looks at no more of a question than its name, and passes the rest on as it came.
"""

from __future__ import annotations

import logging
import socket
import socketserver
import struct
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address

ZONE = "io.cloud.ovh.net"
PORT = 53
TYPE_A, CLASS_IN, TTL = 1, 1, 60
HEADER = 12
UPSTREAM_SECONDS = 3.0
LARGEST = 65535
_log = logging.getLogger(__name__)


def reply(question: bytes, address: IPv4Address) -> bytes | None:
    """Return the answer to a question (RFC 1035) about a name of the zone; None for any other name."""
    name, end = _name(question)
    if name != ZONE and not name.endswith(f".{ZONE}"):
        return None
    kind, family = struct.unpack_from("!HH", question, end)
    known = kind == TYPE_A and family == CLASS_IN
    flags = 0x8580 | (struct.unpack_from("!H", question, 2)[0] & 0x0100)  # an authoritative answer without an error
    header = question[:2] + struct.pack("!HHHHH", flags, 1, int(known), 0, 0)
    record = struct.pack("!HHHIH", 0xC000 | HEADER, TYPE_A, CLASS_IN, TTL, 4) + address.packed
    return header + question[HEADER : end + 4] + (record if known else b"")


def _name(message: bytes) -> tuple[str, int]:
    """Return the first name of a message in lower case, and where what follows it begins; "" if it is none."""
    labels, at = [], HEADER
    while at < len(message) and 0 < (length := message[at]) < 64:  # noqa: PLR2004 - more is a pointer
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    whole = len(message) >= at + 5 and message[at] == 0
    return (".".join(labels), at + 1) if whole else ("", 0)


class Names:
    """
    Answers at port 53 of *address*, over UDP and TCP, until :meth:`close`.

    Args:
        address: where it listens, and what the zone's names lead to.
        resolvers: who is asked for the rest.

    Raises:
        OSError: somebody else has the port.
    """

    def __init__(self, address: IPv4Address, resolvers: Sequence[IPv4Address]) -> None:
        def answered(question: bytes) -> bytes:
            return reply(question, address) or _asked(question, resolvers)

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                question, server = self.request
                if found := answered(question):
                    server.sendto(found, self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            timeout = UPSTREAM_SECONDS

            def handle(self) -> None:
                length = self.rfile.read(2)
                if len(length) == 2 and (found := answered(self.rfile.read(int.from_bytes(length)))):  # noqa: PLR2004
                    self.wfile.write(len(found).to_bytes(2) + found)

        self._servers: list[socketserver.BaseServer] = []
        for kind, handler in ((_Udp, Datagram), (_Tcp, Stream)):
            server = kind((str(address), PORT), handler)
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, name="lab-names", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Quiet(socketserver.BaseServer):
    def handle_error(self, _request: object, _client: object) -> None:
        _log.debug("a question could not be answered", exc_info=True)


class _Udp(socketserver.ThreadingMixIn, _Quiet, socketserver.UDPServer):
    daemon_threads = True
    max_packet_size = LARGEST


class _Tcp(socketserver.ThreadingMixIn, _Quiet, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _asked(question: bytes, resolvers: Sequence[IPv4Address]) -> bytes:
    for resolver in resolvers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(UPSTREAM_SECONDS)
            try:
                asking.connect((str(resolver), PORT))
                asking.send(question)
                return asking.recv(LARGEST)
            except OSError:
                continue
    return b""
