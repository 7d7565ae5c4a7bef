"""Who a node must be: its known key, or a certificate by a known authority."""

from __future__ import annotations

import time

from koprogo_fleet.core.errors import HostKeyMismatch
from koprogo_fleet.ssh.host_certificates import CERTIFICATE_SUFFIX, NotVouched, check_certificate
from koprogo_fleet.ssh.host_keys import Known, fingerprint, key_blob
from koprogo_fleet.ssh.login import Login

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_PLAIN = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA)
_CERTIFIED = tuple(f"{algorithm}{CERTIFICATE_SUFFIX}" for algorithm in _PLAIN)


class Identity:
    """The :class:`~koprogo_fleet.ssh.transport.Verifier` for one login."""

    def __init__(self, login: Login, known: Known) -> None:
        self._login = login
        self._known = known

    @property
    def algorithms(self) -> tuple[str, ...]:
        """
        Only what can prove the identity is negotiated: nobody can choose a key of another type, or a weaker one.

        Of a host of which nothing is known any key is looked at, so that the refusal can name it.
        """
        certified = _CERTIFIED if self._known.authorities else ()
        if self._known.key:
            return (*certified, *_signatures(self._known.key))
        return certified or _PLAIN

    def check(self, algorithm: str, shown: bytes, signer: bytes) -> None:
        """
        Raise unless this is the known key, or a good certificate.

        Raises:
            HostKeyMismatch: with what was shown, what was expected, and which check failed.
        """
        known, host = self._known, self._login.host
        if signer in known.revoked:
            raise self.mismatch(
                f"shows the host key {_named(signer)}, which is revoked in {self._login.known_hosts}",
                cause="its key has been stolen, or the node was given back",
            )
        if known.key is not None and signer == key_blob(known.key):
            return
        if algorithm.endswith(CERTIFICATE_SUFFIX):
            try:
                check_certificate(shown, host, known, signer, time.time())
            except NotVouched as error:
                raise self.mismatch(f"is not proven to be {host}: {error}") from error
            return
        if known.key is None:
            raise self.mismatch(
                f"shows the host key {_named(signer)}, and none is known for {host} in {self._login.known_hosts}",
                cause="the node was not made by koprogo-fleet, or known_hosts was lost",
            )
        raise self.mismatch(
            f"shows the host key {_named(signer)}, but {host} is known by {_named(key_blob(known.key))}"
        )

    def no_common_type(self) -> HostKeyMismatch:
        """Return the error for a server that has nothing by which it could be known."""
        if self._known.key is not None:
            return self.mismatch(f"has no host key of the type that we know: {_named(key_blob(self._known.key))}")
        names = ", ".join(sorted(fingerprint(authority) for authority in self._known.authorities))
        return self.mismatch(f"shows no certificate, and {self._login.host} is known only by those of {names}")

    def mismatch(
        self, seen: str, cause: str = "another machine answers at this address (or in between), or the node was rebuilt"
    ) -> HostKeyMismatch:
        """Return the error for what the server shows."""
        login = self._login
        return HostKeyMismatch(
            login.host,
            f"{login.address} {seen}",
            cause=cause,
            next_step=(
                f"if you know that {login.host} was rebuilt: `ssh-keygen -R {login.host} -f {login.known_hosts}`, then "
                "`koprogo-fleet provision`; if not, do not log in there, and find out what answers"
            ),
        )


def _signatures(public_line: str) -> tuple[str, ...]:
    key_type = public_line.split(maxsplit=1)[0]
    return _RSA if key_type == "ssh-rsa" else (key_type,)


def _named(blob: bytes) -> str:
    length = int.from_bytes(blob[:4], "big")
    return f"{blob[4 : 4 + length].decode(errors='replace')} {fingerprint(blob)}"
