"""Finding and fetching the real helm and kubectl."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.helm.binary import SHA256, find_tools

ONLY_THE_SYSTEM = "/nonexistent"


def script(path: Path, text: str) -> Path:
    """Write an executable."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache; nothing is found on PATH."""
    monkeypatch.setenv("KOPROGO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", ONLY_THE_SYSTEM)
    return tmp_path / "cache"


def test_fetches_both_programs_once(cache: Path) -> None:
    """From an empty cache both programs are fetched, checked and said so; the second time they are there."""
    events: list[Event] = []

    tools = find_tools(events.append)

    for name, program in (("helm", tools.helm), ("kubectl", tools.kubectl)):
        assert cache in program.parents
        assert hashlib.sha256(program.read_bytes()).hexdigest() == SHA256[name]
        assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert tools.helm_version == (4, 1, 4)
    assert [event.text.split()[0] for event in events if isinstance(event, Note)] == ["fetching", "helm"]

    events.clear()

    assert find_tools(events.append) == tools
    assert events == []


def test_prefers_the_machines_own(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs on PATH that are new enough are used, and nothing is fetched."""
    folder = tmp_path / "bin"
    folder.mkdir()
    helm = script(folder / "helm", "echo v3.14.2+g123")
    kubectl = script(folder / "kubectl", """echo '{"clientVersion": {"gitVersion": "v1.30.0-dispatcher"}}'""")
    monkeypatch.setenv("PATH", f"{folder}:/bin")

    tools = find_tools()

    assert (tools.helm, tools.kubectl, tools.helm_version) == (helm, kubectl, (3, 14, 2))
    assert list(cache.glob("tools/*")) == []


@pytest.mark.parametrize("answer", ["v3.13.9", "v2.17.0", "no version at all"])
def test_passes_over_a_helm_that_is_too_old(
    answer: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Helm before 3.14 on PATH is passed over, and it is said; here there is no other one, and no pip to fetch it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script(folder / "helm", f"echo {answer}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python-without-pip", "exit 1")))
    events: list[Event] = []

    with pytest.raises(MissingRequirement, match="no pip") as error:
        find_tools(events.append)

    assert "ensurepip" in str(error.value.next_step)
    assert "older than 3.14" in str(events[0])
    assert list(cache.glob("tools/*/helm")) == []


def test_says_what_to_install_when_no_index_answers(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a package index the error holds pip's own last words, and says what to install."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    with pytest.raises(MissingRequirement, match="pip could not download") as error:
        find_tools()

    assert "install helm" in str(error.value.next_step)
    assert list(cache.glob("tools/*")) == []
