"""K3s' tokens as the kinds of secrets know them: the rotation of this package, lent to ``secrets.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.rotation.tokens import TokenRotation
from koprogo_fleet.workflows.rotation.workflow import Rotated, rotate_within

_ROTATED = {"server": Rotated.TOKEN, "agent": Rotated.AGENT_TOKEN}


@dataclass(frozen=True)
class K3sTokenService:
    """
    One of K3s' two tokens.

    Attributes:
        name: "server" or "agent".
        run: the run that wants it; to rotate, it has to be one that may change the fleet.
    """

    name: str
    run: Context

    def current(self) -> Secret:
        """
        Return the token that Vault has for the cluster.

        Raises:
            NotConverged: it has none.
        """
        return TokenRotation(self.run, self.name).kept()

    def rotate(self) -> None:
        """Rotate it, or go on with a rotation that was interrupted; raises as the workflow does."""
        rotate_within(self.run, _ROTATED[self.name])

    def prove(self, token: Secret) -> None:
        """
        Ask every server whether it accepts *token*.

        Raises:
            ProofFailed: one does not.
        """
        if refusing := TokenRotation(self.run, self.name).refusing(token):
            raise ProofFailed(
                f"the {self.name} token of Vault is not accepted by {', '.join(refusing)}",
                cause="K3s there was not restarted, or another file gives it another token",
                next_step=f"on {refusing[0]}: journalctl -u k3s -n 50",
            )
