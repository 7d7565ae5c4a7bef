"""paramiko's transport, with what it lacks: who answers is checked at every key exchange, and silence is noticed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.packet import Packetizer

from koprogo_fleet.ssh.line import Line

_LOG = "koprogo_fleet.ssh.paramiko"
logging.getLogger(_LOG).addHandler(logging.NullHandler())  # or Python prints paramiko's tracebacks to stderr

_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")


class Verifier(Protocol):
    """Who the other end must be."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The host key algorithms to negotiate: none that could not prove who the other end is."""

    def check(self, algorithm: str, shown: bytes, signer: bytes) -> None:
        """
        Raise unless the other end is who it must be.

        Args:
            algorithm: the host key algorithm that was negotiated.
            shown: the public key or certificate that it shows.
            signer: the public key whose owner signed this key exchange.
        """


class FleetTransport(paramiko.Transport):
    """
    One SSH connection over a *line*.

    Args:
        line: the bytes.
        verifier: asked at the first key exchange, before anything is said, and at each later one.
        seconds: for the server's banner, for the keys and for the login, each.
        release: called once, when the connection is closed: what it was made over is not needed any more.
    """

    def __init__(self, line: Line, verifier: Verifier, seconds: float, release: Callable[[], None]) -> None:
        super().__init__(line, packetizer_class=_Packetizer)  # type: ignore[arg-type]  # a line is all it needs
        self._line = line
        self._verifier = verifier
        self._release: Callable[[], None] | None = release
        self._probes: list[threading.Event] = []
        self._probing = threading.Lock()
        self.set_log_channel(_LOG)
        self.banner_timeout = self.handshake_timeout = self.auth_timeout = seconds
        options = self.get_security_options()
        options.ciphers, options.digests = _CIPHERS, _MACS

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to negotiate; paramiko would add those of certificates, which it does not check."""
        return self._verifier.algorithms

    def watch(self) -> None:
        """Ask for a sign of life from now on whenever the other end is silent."""
        self._line.watch(self._ask_unless_busy)

    def answers(self, seconds: float) -> bool:
        """Ask the other end for a sign of life, and tell whether one came in time."""
        answered = threading.Event()
        with self._probing:
            self._probes.append(answered)
        if not self.is_active():  # asked after the line above: an end that comes later rings for this probe too
            return False
        try:
            self._ask()
        except (paramiko.SSHException, EOFError, OSError):
            return False
        return answered.wait(seconds) and self.is_active()

    def start_command(self, channel: paramiko.Channel, command: str) -> None:
        """
        Have *command* run on a new *channel*, without waiting for the word that it does.

        paramiko's own waits for that word without a limit, and a round trip long. A refusal closes the channel.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)  # noqa: FBT003 - an answer is wanted
        message.add_string(command)
        self._send_user_message(message)  # type: ignore[attr-defined]  # as are paramiko's own requests

    def close(self) -> None:
        """End the connection, and everything that runs on it."""
        super().close()
        with self._probing:
            release, self._release = self._release, None
        if release is not None:
            release()

    def run(self) -> None:
        """Serve the connection until it ends; whoever waits for an answer then waits no more."""
        try:
            super().run()
        finally:
            self._answered()

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        super()._verify_key(host_key, sig)  # type: ignore[misc]  # checks the signature of this key exchange
        if self.host_key_type is None or self.host_key is None:
            raise paramiko.SSHException("a key exchange without a host key")
        self._verifier.check(self.host_key_type, host_key, self.host_key.asbytes())

    def _ask_unless_busy(self) -> None:
        if self.clear_to_send.is_set():  # in the middle of a key exchange, the other end owes us bytes anyway
            self._ask()

    def _ask(self) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)  # noqa: FBT003 - an answer is wanted
        self._send_user_message(message)  # type: ignore[attr-defined]  # as are paramiko's own requests

    def _answered(self) -> None:
        with self._probing:
            probes, self._probes = self._probes, []
        for probe in probes:
            probe.set()

    def _parse_request_success(self, m: paramiko.Message) -> None:
        super()._parse_request_success(m)  # type: ignore[misc]
        self._answered()

    def _parse_request_failure(self, m: paramiko.Message) -> None:
        super()._parse_request_failure(m)  # type: ignore[misc]
        self._answered()


class _Packetizer(Packetizer):
    """paramiko's, without a thread for each connection that does nothing but wait for the handshake's deadline."""

    _deadline: float | None = None

    def start_handshake(self, timeout: float) -> None:
        self._deadline = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def complete_handshake(self) -> None:
        self._deadline = None
