"""The certificate that the fleet trusts to seal with: a file beside the inventory, compared with what the cluster shows."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from koprogo_fleet.core.errors import FileProblems, InputError, KubernetesError, Problem
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate

FILE = "sealing.pem"
"""In the directory of the inventory, beside known_hosts; public, to be reviewed in Git."""

ACCEPT = "koprogo-fleet secrets keys accept"


class Verdict(Enum):
    """How the certificate that is shown compares with the one that is trusted."""

    FIRST = auto()
    SAME = auto()
    NEWER = auto()


def judge(pinned: SealingCertificate | None, shown: SealingCertificate) -> Verdict:
    """
    Compare; a newer one is what the controller makes every 30 days, and is not trusted by that alone.

    Raises:
        KubernetesError: it is neither the one that is trusted, nor one that may have come after it.
    """
    if pinned is None:
        return Verdict.FIRST
    if pinned.fingerprint == shown.fingerprint:
        return Verdict.SAME
    if shown.issuer != pinned.issuer:
        raise unexpected(pinned, shown, f"its issuer is {shown.issuer or 'nobody'}, not {pinned.issuer or 'nobody'}")
    if shown.begins <= pinned.begins:
        raise unexpected(pinned, shown, f"it is older: of {shown.begins:%Y-%m-%d %H:%M:%S} UTC")
    return Verdict.NEWER


def unexpected(pinned: SealingCertificate, shown: SealingCertificate, why: str) -> KubernetesError:
    """Return the error for a certificate that is not to be sealed with."""
    return KubernetesError(
        f"the cluster shows the sealing key {shown.fingerprint}, {FILE} has {pinned.fingerprint}: {why}",
        cause="the controller was wiped or replaced, or somebody else answers in its place",
        next_step=f"koprogo-fleet secrets keys restore brings a wiped controller's keys back; if the new one is "
        f"right, accept it: {ACCEPT}",
    )


def read_pin(path: Path) -> SealingCertificate | None:
    """
    Return the certificate that is trusted; None where there is none yet.

    Raises:
        FileProblems: the file holds no certificate.
    """
    try:
        return SealingCertificate.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (InputError, UnicodeDecodeError, OSError) as error:
        raise FileProblems([Problem(path, None, f"is not a certificate to seal with: {error}")]) from error


def write_pin(path: Path, certificate: SealingCertificate) -> None:
    """Trust *certificate* from now on."""
    write_atomically(path, certificate.pem.strip() + "\n")
