"""The Kubernetes programs come from the cache, from a folder of the user, or from a build that can be waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.lab import kubernetes

NO_IMAGE = Path("/nonexistent")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds every program, and is named in the environment; the cache is empty."""
    monkeypatch.setenv("KOPROGO_CACHE_DIR", str(tmp_path / "cache"))
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in kubernetes.PROGRAMS:
        (programs / name).write_text(name)
    monkeypatch.setenv(kubernetes.BINARIES_VARIABLE, str(programs))
    return programs


def test_a_named_folder_takes_the_place_of_the_build(folder: Path) -> None:
    """The programs are copied, executable, once; the base image is not needed."""
    events: list[Event] = []
    target = kubernetes.ensure_binaries(NO_IMAGE, events.append)
    kubernetes.ensure_binaries(NO_IMAGE, events.append)

    assert {file.name for file in target.iterdir() if not file.name.startswith(".")} == set(kubernetes.PROGRAMS)
    assert (target / "kubelet").read_text() == "kubelet"
    assert (target / "kubelet").stat().st_mode & 0o777 == 0o755
    assert events == [Note(f"Kubernetes programs taken from {folder} (KOPROGO_KUBE_BINARIES)")]


def test_other_programs_are_not_taken_for_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came from a folder does not count once the folder is not named any more."""
    kubernetes.ensure_binaries(NO_IMAGE)
    assert kubernetes.is_complete()

    monkeypatch.delenv(kubernetes.BINARIES_VARIABLE)
    assert folder.exists()
    assert not kubernetes.is_complete()


def test_a_folder_that_lacks_a_program_is_refused(folder: Path) -> None:
    """The error names what is missing, and nothing is published."""
    (folder / "kubelet").unlink()

    with pytest.raises(InputError, match="lacks kubelet"):
        kubernetes.ensure_binaries(NO_IMAGE)

    assert not kubernetes.is_complete()


def test_nodes_get_the_kubectl_that_they_are_given(folder: Path, tmp_path: Path) -> None:
    """It appears beside the other programs, as it is; the same one again changes nothing, another one takes its place."""
    kubernetes.ensure_binaries(NO_IMAGE)
    given = tmp_path / "kubectl"
    given.write_text("one")
    given.chmod(0o755)
    kubernetes.put_kubectl(given)
    put = folder.parent / "cache" / "kubernetes" / "bin" / "kubectl"
    before = put.stat()
    kubernetes.put_kubectl(given)

    assert (put.read_text(), put.stat().st_mode & 0o777, put.stat().st_ino) == ("one", 0o755, before.st_ino)
    given.write_text("another")
    kubernetes.put_kubectl(given)
    assert put.read_text() == "another"
    assert kubernetes.is_complete()


@pytest.mark.usefixtures("folder")
def test_waiting_for_a_build_that_does_not_run_ends_at_once() -> None:
    """Nobody waits an hour for what nobody makes: the error says how to start it."""
    with pytest.raises(KoprogoError, match="does not run") as caught:
        kubernetes.wait_until_built()

    assert caught.value.next_step is not None
    assert caught.value.next_step.endswith("-m koprogo_fleet.lab.kubernetes")
