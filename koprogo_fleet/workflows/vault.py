"""One session with Vault for all parts of a run, opened by the first that needs it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cache

from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.vault.settings import VaultSettings


@contextmanager
def vault_on_demand(settings: Callable[[], VaultSettings]) -> Generator[Callable[[], VaultSession]]:
    """
    Yield a function that returns the session: always the same, made at its first call, closed with the block.

    The function raises what *settings* raises: MissingCredentials where there is no way to log in.
    """
    with ExitStack() as closing:

        @cache
        def session() -> VaultSession:
            return closing.enter_context(settings().session())

        yield session
