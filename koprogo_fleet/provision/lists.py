"""The API's lists: each is read by one call (one for each region, where OVH wants it), however many objects it has."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from koprogo_fleet.core.errors import Interrupted
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper

T = TypeVar("T")

_CALLS_AT_ONCE = 8


class Lists(Protocol):
    """Where lists can be had."""

    def of(self, listing: Listing[T]) -> T:
        """Return what *listing* shows."""
        ...


@dataclass(frozen=True, eq=False)
class Listing(Generic[T]):
    """A list of the API; *read* may look at other lists."""

    what: str
    read: Callable[[OvhApi, Fleet, Live], T]


@dataclass(frozen=True)
class Observed:
    """All the lists, as they were *at* one moment of the monotonic clock; by default, too long ago to trust."""

    values: Mapping[Listing[Any], Any]
    at: float = field(default=-math.inf, compare=False)

    def of(self, listing: Listing[T]) -> T:
        """Return what *listing* showed."""
        value: T = self.values[listing]
        return value


class _Shared(Generic[T]):
    """A list that many threads look at and one call reads: the answer is shared for *max_age* seconds."""

    def __init__(self, read: Callable[[], T], max_age: float) -> None:
        self._read = read
        self._max_age = max_age
        self._lock = threading.Lock()
        self._value: T
        self._until = -math.inf

    def look(self) -> T:
        """Return the list, at most *max_age* seconds old."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._value = self._read()
                self._until = time.monotonic() + self._max_age
            return self._value


class Live:
    """
    The lists as they are now, for many threads: one call reads for all who look within *max_age* seconds.

    Attributes:
        keeper: keeps the secrets that OVH gave us; some lists look there, too.

    Raises (from :meth:`of`):
        Interrupted: :meth:`stop` was called; this ends every wait.
    """

    def __init__(self, api: OvhApi, fleet: Fleet, max_age: float = math.inf, keeper: Keeper = NO_KEEPER) -> None:
        self.keeper = keeper
        self._api = api
        self._fleet = fleet
        self._max_age = max_age
        self._shared: dict[Listing[Any], _Shared[Any]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def of(self, listing: Listing[T]) -> T:
        """Return what *listing* shows, at most *max_age* seconds old."""
        if self._stopped.is_set():
            raise Interrupted("stopped")
        with self._lock:
            if listing not in self._shared:
                self._shared[listing] = _Shared(lambda: listing.read(self._api, self._fleet, self), self._max_age)
            shared: _Shared[T] = self._shared[listing]
        return shared.look()

    def forget(self) -> None:
        """Make the next look at each list a call: after a lost answer, what was seen before it tells nothing."""
        with self._lock:
            self._shared.clear()

    def stop(self) -> None:
        """Make every later look raise."""
        self._stopped.set()


def read_all(api: OvhApi, fleet: Fleet, listings: Iterable[Listing[Any]], keeper: Keeper = NO_KEEPER) -> Observed:
    """Read the lists side by side, each once."""
    api.in_project("")  # may be a call: made once, before those that need it
    wanted = tuple(dict.fromkeys(listings))
    live, at = Live(api, fleet, keeper=keeper), time.monotonic()
    with ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="observe") as pool:
        return Observed(dict(zip(wanted, pool.map(live.of, wanted), strict=True)), at)
