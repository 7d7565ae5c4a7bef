"""Order among things that need each other: which comes first, and doing them in parallel. Knows nothing of OVH."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from koprogo_fleet.core.errors import KoprogoError

K = TypeVar("K", bound=Hashable)


def ordered(needs: Mapping[K, Collection[K]]) -> tuple[K, ...]:
    """
    Return the keys in their own order, but each after those that it needs; what is no key is not waited for.

    Raises:
        ValueError: some need each other.
    """
    done: dict[K, None] = {}

    def visit(key: K, path: tuple[K, ...]) -> None:
        if key in path:
            raise ValueError(f"these need each other: {', '.join(str(item) for item in (*path, key))}")
        if key in needs and key not in done:
            for needed in needs[key]:
                visit(needed, (*path, key))
            done[key] = None

    for key in needs:
        visit(key, ())
    return tuple(done)


@dataclass(frozen=True)
class After(Generic[K]):
    """When a job may begin: *needs* must have succeeded, *waits_for* must have ended, however."""

    needs: frozenset[K] = frozenset()
    waits_for: frozenset[K] = frozenset()


@dataclass(frozen=True)
class Failures(Generic[K]):
    """The jobs that failed, and those that were not begun because they need one of them, directly or not."""

    errors: Mapping[K, KoprogoError]
    held_back: tuple[K, ...]


def run(
    jobs: Mapping[K, After[K]], work: Callable[[K], None], *, at_once: int, stop: Callable[[], None]
) -> Failures[K]:
    """
    Do all *jobs*, each as soon as it may begin.

    A :class:`KoprogoError` of one holds back those that need it, and no others. Anything else, Ctrl-C above all, ends
    everything: *stop* is called, which has to make the work that goes on end soon, and no other job begins.

    Raises:
        ValueError: some jobs wait for each other.
    """
    progress = _Progress(dict(jobs))
    with ThreadPoolExecutor(at_once, thread_name_prefix="provision") as pool:
        try:
            while progress.begin(lambda key: pool.submit(work, key)):
                progress.wait_for_one()
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Failures(progress.errors, tuple(progress.held_back))


class _Progress(Generic[K]):
    def __init__(self, waiting: dict[K, After[K]]) -> None:
        self._waiting = waiting
        self._running: dict[Future[None], K] = {}
        self._ended: set[K] = set()
        self.errors: dict[K, KoprogoError] = {}
        self.held_back: list[K] = []

    def begin(self, submit: Callable[[K], Future[None]]) -> bool:
        """Begin whatever may, and return whether anything runs."""
        while free := [key for key, after in self._waiting.items() if after.needs | after.waits_for <= self._ended]:
            for key in free:
                if self._waiting.pop(key).needs.isdisjoint({*self.errors, *self.held_back}):
                    self._running[submit(key)] = key
                else:
                    self.held_back.append(key)
                    self._ended.add(key)
        if self._waiting and not self._running:
            raise ValueError(f"these wait for each other: {', '.join(map(str, self._waiting))}")
        return bool(self._running)

    def wait_for_one(self) -> None:
        """Return when at least one job has ended."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            key = self._running.pop(future)
            self._ended.add(key)
            try:
                future.result()
            except KoprogoError as error:
                self.errors[key] = error
