"""
K3s' own tokens: rotated by the workflow that restarts its nodes, which keeps the new one in Vault before any node has it.

K3s has one token of each sort: there is no overlap, and no way back. A rotation that was interrupted is gone on with; whether
it is done is seen by Vault's value, which is another one then.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.lent import k3s_token
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import VALUE, SecretSpec, Values


class K3sTokenSpec(SecretSpec):
    """Which of the two; its place in Vault is where K3s' tokens are: ``k3s`` below ``vault.folder`` of fleet.yaml."""

    OVERLAPS = False

    kind: Literal["k3s-token"]
    token: Literal["server", "agent"] = Field(description="server or agent", examples=["server"])


class K3sToken(Quiet[K3sTokenSpec]):
    """Rotated as a whole, or not at all."""

    name = "k3s-token"
    spec = K3sTokenSpec
    origin = Origin.ELSEWHERE

    def create(self, spec: K3sTokenSpec, change: Change, tools: Tools) -> Values:
        """Rotate it, unless Vault has another one than before, and return what Vault has."""
        if VALUE not in change.former:
            raise InputError(
                f"{spec.name}: K3s' {spec.token} token is not where secrets.yaml says",
                cause="there is no cluster yet, or `vault` does not name the place of K3s' tokens",
                next_step=f"vault: {{path: <vault.folder of fleet.yaml>/k3s, key: {spec.token}}}",
            )
        token = k3s_token(tools, spec.token)
        if change.former[VALUE] == token.current():
            token.rotate()
        return {VALUE: token.current()}

    def prove(self, spec: K3sTokenSpec, values: Values, tools: Tools) -> None:
        """Ask every server whether it accepts it."""
        k3s_token(tools, spec.token).prove(values[VALUE])

    def discard(self, spec: K3sTokenSpec, change: Change, tools: Tools) -> None:
        """Nothing can be discarded: either K3s has the former one still, or there is no way back."""
        if change.former.get(VALUE) != k3s_token(tools, spec.token).current():
            raise NotConverged(
                f"{spec.name}: K3s has the new {spec.token} token, and accepts the former one no more",
                cause="K3s has one token of each sort: a rotation of it cannot be taken back",
                next_step="run the rotation again: it goes on with what the cluster has",
            )
