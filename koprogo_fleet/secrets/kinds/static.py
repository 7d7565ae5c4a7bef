"""What a person gets from somebody else, and writes to Vault: never made here, but reminded of when it is due."""

from __future__ import annotations

from typing import Literal

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import SecretSpec, Values


class StaticSpec(SecretSpec):
    """Whatever a person wrote to Vault."""

    OVERLAPS = False

    kind: Literal["static"]


class Static(Quiet[StaticSpec]):
    """A new value is what a person wrote; nobody is told of it but the consumers."""

    name = "static"
    spec = StaticSpec
    origin = Origin.PERSON

    def make(self, spec: StaticSpec, _former: Values) -> Values:
        """
        Refuse.

        Raises:
            InputError: always; says how a person does it.
        """
        raise by_a_person(spec)


def by_a_person(spec: SecretSpec) -> InputError:
    """Return the error that tells how the value of *spec* comes to Vault."""
    return InputError(
        f"the secret {spec.name} is made by a person{f' ({spec.owner})' if spec.owner else ''}, never here",
        cause=f"its kind is {spec.kind}",
        next_step=f"vault kv patch -mount=… {spec.vault.path} {spec.vault_key(spec.FIELDS[0])}=-   (reads it from "
        "standard input); then koprogo-fleet secrets push",
    )
