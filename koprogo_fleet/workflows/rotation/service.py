"""K3s' tokens as the kinds of secrets know them: the rotation of this package, lent to ``secrets.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.workflows.rotation.tokens import TokenRotation
from koprogo_fleet.workflows.rotation.workflow import Rotated, looking, rotate
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import Target

_ROTATED = {"server": Rotated.TOKEN, "agent": Rotated.AGENT_TOKEN}


@dataclass(frozen=True)
class K3sTokenService:
    """
    One of K3s' two tokens.

    Attributes:
        name: "server" or "agent".
        fleet, directory, target, listener: as of :func:`~koprogo_fleet.workflows.rotation.workflow.rotate`.
    """

    name: str
    fleet: Fleet
    directory: Path
    target: Target
    listener: Listener

    def current(self) -> Secret:
        """
        Return the token that Vault has for the cluster.

        Raises:
            NotConverged: it has none.
        """
        with looking(self.fleet, self.directory, self.target, self.listener) as run:
            return TokenRotation(run, self.name).kept()

    def rotate(self) -> None:
        """Rotate it, or go on with a rotation that was interrupted; raises as the workflow does."""
        rotate(_ROTATED[self.name], self.fleet, self.directory, self.target, self.listener, Report())

    def prove(self, token: Secret) -> None:
        """
        Ask every server whether it accepts *token*.

        Raises:
            ProofFailed: one does not.
        """
        with looking(self.fleet, self.directory, self.target, self.listener) as run:
            refusing = TokenRotation(run, self.name).refusing(token)
        if refusing:
            raise ProofFailed(
                f"the {self.name} token of Vault is not accepted by {', '.join(refusing)}",
                cause="K3s there was not restarted, or another file gives it another token",
                next_step=f"on {refusing[0]}: journalctl -u k3s -n 50",
            )
