"""What a kind is given in these tests: a change, and tools whose services are real or kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from koprogo_fleet.core.events import Event
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.spec import Values
from koprogo_fleet.vault.client import Stored

NOTHING: Values = {}


def change(former: Values = NOTHING, new: Values = NOTHING, notes: Mapping[str, str] | None = None) -> Change:
    """Return the change that all stages of one test are about."""
    return Change("r7f3", former, new, notes or {})


def read(model: type[Any], text: str) -> Any:
    """Return the specification that *text* (YAML) is."""
    return model.model_validate(yaml.safe_load(text))


@dataclass
class Stage:
    """
    Tools, and what was told through them.

    Attributes:
        kept: what Vault has, by path and key.
    """

    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    services: dict[str, Callable[..., Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def tools(self) -> Tools:
        """The tools."""
        return Tools(dict, dict, self.events.append, {"vault-values": self._read, **self.services})

    @property
    def told(self) -> str:
        """All that was told."""
        return "\n".join(map(repr, self.events))

    def _read(self, path: str) -> Stored | None:
        values = self.kept.get(path)
        return Stored({key: Secret(value) for key, value in values.items()}, 1) if values is not None else None
