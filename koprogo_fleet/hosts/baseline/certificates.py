"""sshd by certificates: it lets in whom an authority signed, and shows what another one signed for it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.ssh_certificate import read_certificate
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.baseline.sshd import RELOAD_SSHD
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Resource, Unchanged
from koprogo_fleet.hosts.resources import Absent, File

# Not named ssh_host_*: cloud-init deletes such files at the first boot (ssh_deletekeys).
USER_CA = "/etc/ssh/koprogo_user_ca.pub"
HOST_CERTIFICATE = "/etc/ssh/koprogo_host_certificate.pub"
DROP_IN = "/etc/ssh/sshd_config.d/20-koprogo-certificates.conf"
SETTINGS = f"{HEADER}TrustedUserCAKeys {USER_CA}\nHostCertificate {HOST_CERTIFICATE}\n"


@dataclass(frozen=True)
class Certificates:
    """
    What a node has to know and to show; nothing of it is secret.

    Attributes:
        user_ca: the public line of the authority for users; whom it signs for a user's name is let in as that user.
        host_certificate: for the node's ed25519 host key, by the authority for hosts.
    """

    user_ca: str
    host_certificate: str


def contents(certificates: Certificates) -> Mapping[str, str]:
    """Return the files by their paths; the one that names the others comes last."""
    return {
        USER_CA: f"{certificates.user_ca}\n",
        HOST_CERTIFICATE: f"{certificates.host_certificate}\n",
        DROP_IN: SETTINGS,
    }


def write_files(certificates: Certificates) -> list[dict[str, str]]:
    """Return the files as cloud-init's ``write_files`` wants them: they are there before sshd first starts."""
    return [
        {"path": path, "content": content, "permissions": "0644"} for path, content in contents(certificates).items()
    ]


@dataclass(frozen=True)
class HostCertificate:
    """
    The certificate that sshd shows; the one on the node stays for as long as it is good.

    Attributes:
        host_key: the public line of the node's host key.
        authority: the public line of the authority for hosts.
        principals: the names and addresses that the certificate must be for.
        now: seconds since 1970; with less than a third of its life left, a certificate is signed anew.
        sign: signs the host key; called only when a new certificate is needed. None in a plan, which signs nothing.
    """

    host_key: str
    authority: str
    principals: frozenset[str]
    now: float
    sign: Callable[[], str] | None = field(repr=False)

    @property
    def name(self) -> str:
        """What it is."""
        return "host certificate"

    def look(self) -> str:
        """Print the certificate that is there."""
        return f"cat {HOST_CERTIFICATE} 2>/dev/null"

    def decide(self, fact: Fact) -> Decision:
        """Read what the certificate on the node says."""
        flaw = self._flaw(fact.text)
        if flaw is None:
            return Unchanged()
        operation = Operation.CHANGE if fact.text.strip() else Operation.CREATE
        difference = Difference(operation, self.name, flaw, f"signed for {', '.join(sorted(self.principals))}")
        return Change((difference,), self._write(self.sign()) if self.sign else "", (RELOAD_SSHD,))

    def _flaw(self, text: str) -> str | None:
        """Say what is wrong with the certificate in *text*; None if nothing is."""
        try:
            found = read_certificate(text)
        except InputError as error:
            return error.seen if text.strip() else "nothing"
        if found.key != _key(self.host_key):
            return "for another host key"
        if found.authority != _key(self.authority):
            return "signed by another authority"
        if found.principals != self.principals:
            return f"signed for {', '.join(sorted(found.principals)) or 'no host in particular'}"
        return None if found.lasts(self.now) else f"valid until {datetime.fromtimestamp(found.ends, UTC):%Y-%m-%d}"

    def _write(self, certificate: str) -> str:
        return f"""\
umask 022
printf '%s\\n' {shlex.quote(certificate)} >{HOST_CERTIFICATE}.new
sync {HOST_CERTIFICATE}.new
mv {HOST_CERTIFICATE}.new {HOST_CERTIFICATE}
"""


def certified(user_ca: str, host_certificate: HostCertificate) -> tuple[Resource, ...]:
    """Return the same as resources: for a node that was made without, or whose certificate has to be renewed."""
    return (
        File(USER_CA, f"{user_ca}\n", notify=(RELOAD_SSHD,)),
        host_certificate,
        File(DROP_IN, SETTINGS, validate="sshd -t -f %s", notify=(RELOAD_SSHD,)),
    )


def uncertified() -> tuple[Resource, ...]:
    """Return the end of it: sshd trusts no authority any more."""
    return (Absent(DROP_IN, notify=(RELOAD_SSHD,)),)


def _key(public_line: str) -> str:
    return " ".join(public_line.split()[:2])
