"""What a person gets from somebody else, and writes to Vault: never made here, but reminded of when it is due."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.spec import SecretSpec, Values

_NOTHING: Mapping[str, str] = MappingProxyType({})


class StaticSpec(SecretSpec):
    """Whatever a person wrote to Vault."""

    OVERLAPS = False

    kind: Literal["static"]


class Static:
    """A new value is what a person wrote; nobody is told of it but the consumers."""

    name = "static"
    spec = StaticSpec
    origin = Origin.PERSON

    def begin(self, _spec: StaticSpec, _change: Change, _tools: Tools) -> Mapping[str, str]:
        """Nothing has to be looked at."""
        return _NOTHING

    def make(self, spec: StaticSpec, _former: Values) -> Values:
        """
        Refuse.

        Raises:
            InputError: always; says how a person does it.
        """
        raise by_a_person(spec)

    def create(self, _spec: StaticSpec, change: Change, _tools: Tools) -> Values:
        """Whoever gave it to the person knows it."""
        return change.new

    def prove(self, _spec: StaticSpec, _values: Values, _tools: Tools) -> None:
        """Nobody is known who could be asked."""

    def last(self, _spec: StaticSpec, change: Change) -> Values:
        """The new one."""
        return change.new

    def revoke(self, _spec: StaticSpec, _change: Change, _tools: Tools) -> None:
        """The person does, where it came from."""

    def discard(self, _spec: StaticSpec, _change: Change, _tools: Tools) -> None:
        """The person does, where it came from."""


def by_a_person(spec: SecretSpec) -> InputError:
    """Return the error that tells how the value of *spec* comes to Vault."""
    return InputError(
        f"the secret {spec.name} is made by a person{f' ({spec.owner})' if spec.owner else ''}, never here",
        cause=f"its kind is {spec.kind}",
        next_step=f"vault kv patch -mount=… {spec.vault.path} {spec.vault_key(spec.FIELDS[0])}=-   (reads it from "
        "standard input); then koprogo-fleet secrets push",
    )
