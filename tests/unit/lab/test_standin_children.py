"""The supervisor's components are kept running, and say why they ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node.children import Child


@contextmanager
def _running(script: str, directory: Path) -> Iterator[Child]:
    child = Child("component", lambda: ["sh", "-c", script], directory / "logs/component.log")
    child.start()
    try:
        yield child
    finally:
        child.stop()


def _until(condition: str, path: Path, wanted: str) -> None:
    def observe() -> None:
        text = path.read_text() if path.exists() else ""
        if text != wanted:
            raise NotYet(repr(text))

    wait_for(condition, observe, seconds=10, interval=0.05)


def test_a_component_is_started_again(tmp_path: Path) -> None:
    """A component that ends by itself comes back after a pause."""
    starts = tmp_path / "starts"

    with _running(f"echo start >> {starts}; [ $(wc -l < {starts}) -gt 1 ] && exec sleep 60; exit 3", tmp_path):
        _until("the second start", starts, "start\nstart\n")


def test_the_reason_is_in_the_error(tmp_path: Path) -> None:
    """Who waits for a component that has ended is told its fatal line, not the stack trace that follows it."""
    script = (
        "echo starting; echo 'F1122 20:06:24.365633     191 kubelet.go:1350] no cgroup'; echo 'trace +0x8e'; exit 1"
    )

    with _running(script, tmp_path) as child:

        def observe() -> None:
            if not child.failures:
                raise NotYet("runs")

        wait_for("its end", observe, seconds=10, interval=0.05)
        with pytest.raises(KubernetesError) as caught:
            child.require_running()

    assert str(caught.value) == "component exited: kubelet.go:1350] no cgroup"


def test_a_component_ends_with_us(tmp_path: Path) -> None:
    """After stop() the process is gone, and it is not started again."""
    number = tmp_path / "pid"
    with _running(f"echo $$ > {number}; exec sleep 60", tmp_path):

        def observe() -> int:
            if not number.exists() or not number.read_text().strip():
                raise NotYet("no process yet")
            return int(number.read_text())

        pid = wait_for("its start", observe, seconds=10, interval=0.05)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
