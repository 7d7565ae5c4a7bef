"""Consumer keys that were asked for: whether they are valid yet, and what they may do."""

from __future__ import annotations

import re

from koprogo_fleet.lab.ovh_api.errors import ApiError
from koprogo_fleet.lab.ovh_api.state import Record

PENDING = "pendingValidation"
VALIDATED = "validated"
REFUSED = "refused"
EXPIRED = "expired"


def status_of(record: Record, now: float) -> str:
    """Return a consumer key's status; the validation may have been for a limited time."""
    is_over = record["expires"] is not None and record["expires"] <= now
    return EXPIRED if record["status"] == VALIDATED and is_over else str(record["status"])


def check(record: Record | None, method: str, path: str) -> None:
    """
    Let a call pass that one of the consumer key's rules grants; without a record everything is granted.

    Raises:
        ApiError: 403, with OVH's message.
    """
    if record is None:
        return
    if not any(rule["method"] == method and grants(rule["path"], path) for rule in record["rules"]):
        raise ApiError(403, "This call has not been granted")


def grants(pattern: str, path: str) -> bool:
    """Whether a rule's path, in which ``*`` stands for any text, covers *path*; ``/a/*`` does not cover ``/a``."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), path) is not None
