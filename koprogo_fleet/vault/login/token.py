"""A token that a person, or another program, gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hvac.exceptions as hvac_errors  # type: ignore[import-untyped]

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login.method import Login


@dataclass(frozen=True)
class GivenToken:
    """It is used as it is, renewed where it can be, and never revoked: whoever made it has it still."""

    token: Secret
    ours = False

    def log_in(self, client: Any) -> Login:
        """Return the token, with what Vault tells of it to itself."""
        client.token = self.token.reveal()
        try:
            answer = client.auth.token.lookup_self()
        except hvac_errors.Forbidden:
            # Wrong, or without leave to look at itself: the first call with it tells.
            return Login(self.token, 0, renewable=False, revocable=False)
        data = answer["data"]
        return Login(self.token, float(data.get("ttl") or 0), bool(data.get("renewable")), revocable=False)
