"""Order among things that need each other: which comes first, and doing them in parallel. Knows nothing of OVH."""

from __future__ import annotations

from collections import defaultdict
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
    progress = _Progress(jobs)
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
    def __init__(self, jobs: Mapping[K, After[K]]) -> None:
        self._needs = {key: after.needs for key, after in jobs.items()}
        self._before = {key: set(after.needs | after.waits_for) for key, after in jobs.items()}
        self._after: defaultdict[K, list[K]] = defaultdict(list)
        for key, before in self._before.items():
            for other in before:
                self._after[other].append(key)
        self._free = [key for key, before in self._before.items() if not before]
        self._running: dict[Future[None], K] = {}
        self.errors: dict[K, KoprogoError] = {}
        self.held_back: dict[K, None] = {}

    def begin(self, submit: Callable[[K], Future[None]]) -> bool:
        """Begin whatever may, and return whether anything runs."""
        while self._free:
            key = self._free.pop(0)
            del self._before[key]
            if any(needed in self.errors or needed in self.held_back for needed in self._needs[key]):
                self.held_back[key] = None
                self._end(key)
            else:
                self._running[submit(key)] = key
        if self._before and not self._running:
            raise ValueError(f"these wait for each other: {', '.join(map(str, self._before))}")
        return bool(self._running)

    def wait_for_one(self) -> None:
        """Return when at least one job has ended."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            key = self._running.pop(future)
            try:
                future.result()
            except KoprogoError as error:
                self.errors[key] = error
            self._end(key)

    def _end(self, key: K) -> None:
        for later in self._after[key]:
            self._before[later].discard(key)
            if not self._before[later]:
                self._free.append(later)
