"""How a rotation reaches the cluster: sealed as a push does, then the consumers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets import push
from koprogo_fleet.secrets.bundle import Bundle, InVault, bundles
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.rotation import consumers
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.vault import Vault


@dataclass(frozen=True)
class ToCluster:
    """
    Brings what Vault has to one cluster.

    Attributes:
        specs: all of secrets.yaml: a Secret is sealed as a whole, with what other secrets have in it.
        vault, cluster: from where to where.
        listener: told of each step.
        seconds: for each Secret to be right.
        files: in git, between the two; None where secrets.yaml wants none.
    """

    specs: Sequence[SecretSpec]
    vault: Vault
    cluster: Cluster
    listener: Listener = ignore
    seconds: float = push.SECONDS
    files: SealedFiles | None = None

    def file(self, spec: SecretSpec) -> None:
        """Seal as :meth:`push`, into the files alone, and commit them; nothing where there are none."""
        if self.files is not None:
            wanted, in_vault = self._wanted(spec)
            push.file(wanted, in_vault, self.cluster, self.files, listener=self.listener, seconds=self.seconds)

    def push(self, spec: SecretSpec) -> None:
        """
        Seal every Secret of which a value is at the path of *spec*, where it differs; prove that each holds it.

        Also those of other secrets at that path: a SealedSecret says which version it was made from.
        """
        wanted, in_vault = self._wanted(spec)
        push.deliver(wanted, in_vault, self.cluster, files=self.files, listener=self.listener, seconds=self.seconds)

    def roll(self, spec: SecretSpec, version: int) -> None:
        """Roll the consumers of *spec*, and prove each."""
        consumers.roll(self.cluster, spec, version, self.listener)

    def _wanted(self, spec: SecretSpec) -> tuple[list[Bundle], InVault]:
        wanted = [bundle for bundle in bundles(self.specs) if spec.vault.path in bundle.paths]
        own = [one for bundle in wanted for one in (entry.spec for entry in bundle.entries)]
        return wanted, push.read(own, self.vault)
