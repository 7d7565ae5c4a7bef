"""Walking a new user to a consumer key with the least rights, and checking an existing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from koprogo_fleet.core.events import Listener
from koprogo_fleet.ovh.authorisation import (
    AccessRule,
    Identity,
    get_granted_rules,
    get_identity,
    missing_rules,
    request_key,
    wait_until_validated,
)
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import OvhCredentials

LOOK_EVERY = 2.0
"""Seconds between two looks at first: a person is reading in a browser."""


@dataclass(frozen=True)
class Checked:
    """What credentials turned out to be; *missing* are needed rules that they do not grant."""

    identity: Identity
    missing: tuple[AccessRule, ...]


def authorise(  # noqa: PLR0913 - what it needs, by name
    application: OvhCredentials,
    rules: Sequence[AccessRule],
    show: Callable[[str], None],
    listener: Listener,
    *,
    seconds: float,
    look_every: float = LOOK_EVERY,
) -> OvhCredentials:
    """
    Ask for a consumer key, *show* the link on which a person grants it, and wait until that is done.

    Returns:
        the credentials with the new consumer key.

    Raises:
        OvhRefused: the application key is wrong, or the person refused.
        WaitTimeout: nobody agreed within *seconds*.
    """
    requested = request_key(OvhApi(replace(application, consumer_key=None), listener), rules)
    show(requested.validation_url)
    credentials = replace(application, consumer_key=requested.consumer_key)
    api = OvhApi(credentials, listener)
    wait_until_validated(api, requested.validation_url, seconds=seconds, interval=look_every, listener=listener)
    return credentials


def check(credentials: OvhCredentials, needed: Sequence[AccessRule], listener: Listener) -> Checked:
    """
    Look who the credentials are, and which *needed* rules they lack.

    Raises:
        OvhRefused: they are not valid, or may not even ask about themselves.
    """
    api = OvhApi(credentials, listener)
    identity = get_identity(api)
    granted = identity.rules
    if granted is None and not credentials.is_oauth2:
        granted = get_granted_rules(api)
    return Checked(identity, missing_rules(needed, granted))
