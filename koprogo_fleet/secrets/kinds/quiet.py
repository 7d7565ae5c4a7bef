"""What most kinds do at most stages: nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic

from koprogo_fleet.secrets.kinds.kind import Change, S, Tools
from koprogo_fleet.secrets.spec import Values

NO_NOTES: Mapping[str, str] = MappingProxyType({})
NO_VALUES: Values = MappingProxyType({})


class Quiet(Generic[S]):
    """A kind whose values no server has to know; each kind overrides the stages at which it has something to do."""

    def begin(self, _spec: S, _change: Change, _tools: Tools) -> Mapping[str, str]:
        """Nothing has to be looked at."""
        return NO_NOTES

    def make(self, _spec: S, _former: Values) -> Values:
        """Nothing is made here."""
        return NO_VALUES

    def create(self, _spec: S, change: Change, _tools: Tools) -> Values:
        """No server has to learn of it."""
        return change.new

    def prove(self, _spec: S, _values: Values, _tools: Tools) -> None:
        """No server could be asked."""

    def last(self, _spec: S, change: Change) -> Values:
        """The new values: the former ones are not among them."""
        return change.new

    def revoke(self, _spec: S, _change: Change, _tools: Tools) -> None:
        """No server knows it."""

    def discard(self, _spec: S, _change: Change, _tools: Tools) -> None:
        """No server knows it."""
