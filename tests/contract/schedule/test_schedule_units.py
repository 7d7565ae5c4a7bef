"""Units as the real systemd judges them, in an image where it does not run; and manifests, as a real API server does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from kubernetes_api import find_kubernetes

from koprogo_fleet.core.errors import InputError, KoprogoError, MissingRequirement
from koprogo_fleet.workflows.schedule import systemd
from koprogo_fleet.workflows.schedule.cronjob import cronjobs
from koprogo_fleet.workflows.schedule.install import (
    carry_out,
    check_units,
    check_visible,
    find_credentials,
    inside,
    plan_install,
    plan_remove,
)
from koprogo_fleet.workflows.schedule.jobs import JOBS, chosen_jobs
from koprogo_fleet.workflows.schedule.unit_texts import SYSUSERS, Place, files
from koprogo_fleet.workflows.units import SYSTEM_UNITS

CHECKOUT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("koprogo-fleet")
PROGRAM = Path("/opt/kf/bin/koprogo-fleet")
NASTY = Path("/srv/50% of $HOME's/inventory")
PLACE = Place(
    "koprogo",
    PROGRAM,
    NASTY,
    "production",
    (Path("/etc/koprogo-fleet/koprogo.credentials/VAULT_TOKEN"),),
    Path("/var/lib/node-exporter"),
)
EXPOSURE_MAX = "15"
"""Of systemd-analyze security, in tenths: what needs the network cannot come to less than 1.1."""

needs_systemd = pytest.mark.skipif(
    not (shutil.which("systemd-analyze") and shutil.which("systemctl")), reason="no systemd-analyze or systemctl here"
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return the root of an image that has the program and an inventory, and no more."""
    root = tmp_path / "image"
    (root / "srv/inventory/production").mkdir(parents=True)
    shutil.copy(CHECKOUT / "inventory/lab/fleet.yaml", root / "srv/inventory/production")
    inside(root, SYSTEM_UNITS).mkdir(parents=True)
    inside(root, PROGRAM.parent).mkdir(parents=True)
    shutil.copy("/bin/true", inside(root, PROGRAM))
    return root


def tree(root: Path) -> Mapping[str, str]:
    """Return every file and link below *root*, with what it holds or leads to."""
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_bytes().hex()
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def schedule(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``koprogo-fleet schedule`` where nothing but it is set."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [COMMAND, "schedule", *arguments], env=kept, input=answer, capture_output=True, text=True, check=False
    )


@needs_systemd
def test_systemd_takes_the_units(image: Path) -> None:
    """Every unit is verified without a complaint, also with a path that is full of what is special."""
    check_units(JOBS, PLACE, image)


@needs_systemd
def test_a_unit_that_systemd_would_ignore_a_part_of_is_refused(image: Path) -> None:
    """A setting that it does not know, and a program that is not there, are told with the unit's name."""
    units = {path.name: text for path, text in files(JOBS, PLACE).items() if path != SYSUSERS}
    name = "koprogo-fleet-koprogo-drift.service"
    with pytest.raises(KoprogoError, match=f"{name}.*Unknown"):
        systemd.verify({name: units[name].replace(str(PROGRAM), "/bin/true").replace("KillMode=", "KilMode=")})
    with pytest.raises(KoprogoError, match="is not executable"):
        systemd.verify({name: units[name]})
    inside(image, PROGRAM).unlink()
    with pytest.raises(MissingRequirement, match="no program"):
        check_units(JOBS, PLACE, image)


@needs_systemd
@pytest.mark.parametrize("calendar", ["nonsense", "25:00", "-h", "Mon..Fri 8"])
def test_what_is_no_time_is_refused(calendar: str, image: Path) -> None:
    """It is systemd that judges times, before anything is written."""
    with pytest.raises(InputError, match="is no time"):
        check_units(chosen_jobs(times=[f"drift={calendar}"]), PLACE, image)


@needs_systemd
def test_the_units_are_locked_down(tmp_path: Path) -> None:
    """By systemd's own measure, no service is exposed more than what needs the network has to be."""
    for path, text in files(JOBS, PLACE).items():
        if path.suffix == ".service":
            (tmp_path / path.name).write_text(text)
            judged = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", tmp_path / path.name],
                capture_output=True,
                text=True,
                check=False,
            )
            assert 0 == judged.returncode, judged.stdout + judged.stderr


@needs_systemd
def test_install_again_and_remove(image: Path) -> None:
    """The second installation changes nothing; removing leaves the image as it was."""
    before = tree(image)
    options = ("--root", str(image), "--inventory", "/srv/inventory", "--yes")
    more = ("--program", str(PROGRAM), "--credential", "VAULT_TOKEN", "--textfile", "/var/lib/metrics")
    first = schedule("install", *options, *more)
    installed = tree(image)
    second = schedule("install", *options, *more)

    assert (0, True) == (first.returncode, first.stdout.endswith("\n10 changes.\n")), first.stdout + first.stderr
    assert (0, True) == (second.returncode, second.stdout.endswith("\n0 changes.\n")), second.stdout + second.stderr
    assert installed == tree(image)
    for job in JOBS:
        timer = f"koprogo-fleet-koprogo-{job.name}.timer"
        assert f"/etc/systemd/system/{timer}" == installed[f"etc/systemd/system/timers.target.wants/{timer}"]
    gone = schedule("remove", *options)
    assert (0, "") == (gone.returncode, gone.stderr)
    assert before == tree(image)


@needs_systemd
def test_nothing_happens_without_a_yes(image: Path) -> None:
    """Where nobody answers, the plan is shown and the image is as before."""
    before = tree(image)
    asked = schedule("install", "--root", str(image), "--inventory", "/srv/inventory", "--program", str(PROGRAM))

    assert (2, True) == (asked.returncode, "create timer koprogo-fleet-koprogo-drift.timer" in asked.stdout)
    assert before == tree(image)


@needs_systemd
def test_a_job_that_is_not_wanted_any_more_goes(image: Path) -> None:
    """With fewer jobs, and another time, only what differs is done."""
    carry_out(plan_install(JOBS, PLACE, image))
    plan = plan_install(chosen_jobs(["drift", "snapshots"], ["drift=hourly"]), PLACE, image)
    carry_out(plan)

    assert [
        "delete file /etc/systemd/system/koprogo-fleet-koprogo-rotation.service",
        "delete file /etc/systemd/system/koprogo-fleet-koprogo-rotation.timer",
        "change file /etc/systemd/system/koprogo-fleet-koprogo-drift.timer",
    ] == [str(difference) for difference in plan.differences]
    assert not [name for name in tree(image) if "rotation" in name]
    assert () == plan_install(chosen_jobs(["drift", "snapshots"], ["drift=hourly"]), PLACE, image).differences


@needs_systemd
def test_fleets_do_not_touch_each_other(image: Path) -> None:
    """A fleet whose name begins with another's keeps its units, and the account's file, when the other goes."""
    carry_out(plan_install(JOBS, Place("koprogo-drift", PROGRAM, NASTY, "production"), image))
    alone = tree(image)
    carry_out(plan_install(JOBS, PLACE, image))
    carry_out(plan_remove("koprogo", image))

    assert alone == tree(image)


@needs_systemd
@pytest.mark.skipif(systemd.BOOTED.is_dir(), reason="systemd runs here: it would be installed")
@pytest.mark.parametrize("command", [("install", "--yes"), ("remove", "--yes"), ("status",)])
def test_without_a_running_systemd_nothing_is_written(command: tuple[str, ...]) -> None:
    """Where systemd does not run, each command says so before it does anything."""
    ended = schedule(*command, "--inventory", str(CHECKOUT / "inventory"), "--env", "lab")

    assert (2, True) == (ended.returncode, "systemd does not run on this machine" in ended.stderr), ended.stderr
    assert not Path(SYSUSERS).exists()


def test_somebody_elses_unit_is_left_alone(image: Path) -> None:
    """A file of the same name that we have not written stops installing and removing."""
    inside(image, SYSTEM_UNITS / "koprogo-fleet-koprogo-drift.timer").write_text("[Timer]\nOnCalendar=daily\n")
    with pytest.raises(InputError, match="was not written by"):
        plan_install(JOBS, PLACE, image)
    with pytest.raises(InputError, match="was not written by"):
        plan_remove("koprogo", image)


def test_credentials_are_named_and_private(tmp_path: Path) -> None:
    """Files become credentials by their names; a wrong name, or one that others may read, is refused."""
    (tmp_path / "VAULT_TOKEN").touch(mode=0o600)

    assert (tmp_path / "OVH_ENDPOINT", tmp_path / "VAULT_TOKEN") == find_credentials(tmp_path, ["OVH_ENDPOINT"])
    assert () == find_credentials(tmp_path / "none")
    (tmp_path / "VAULT_TOKEN").chmod(0o640)
    with pytest.raises(InputError, match="others may read VAULT_TOKEN"):
        find_credentials(tmp_path)
    with pytest.raises(InputError, match='"token" is no credential'):
        find_credentials(tmp_path, ["token"])


@pytest.mark.parametrize(
    "path", ["/home/me/venv/bin/koprogo-fleet", "/root/inventory", "/run/user/0/x", "inventory", "/srv/a\nb"]
)
def test_what_units_cannot_see_is_refused(path: str) -> None:
    """A program or inventory in somebody's home would fail at night: it is told when installing."""
    with pytest.raises(InputError):
        check_visible([Path(path)])


def test_kubernetes_takes_the_cron_jobs(kubernetes: Path) -> None:
    """A real API server knows every field of the manifests, and accepts their times."""
    folder = find_kubernetes()
    assert folder is not None
    environment = {"KUBECONFIG": str(kubernetes), "PATH": os.environ["PATH"], "HOME": str(kubernetes.parent)}

    def kubectl(*words: str, said: str = "") -> str:
        command = [folder / "kubectl", *words]
        ended = subprocess.run(command, env=environment, input=said, capture_output=True, text=True, check=False)
        assert (0, "") == (ended.returncode, ended.stderr)
        return ended.stdout

    jobs = chosen_jobs(times=["drift=Sat..Sun 9..17:30", "snapshots=*-*-01 04:05"])
    manifests = cronjobs(jobs, PLACE, "example.org/koprogo-fleet:1")
    if "cronjobs" not in kubectl("get", "--raw", "/apis/batch/v1"):  # before Kubernetes 1.21, with the same fields
        manifests = manifests.replace("apiVersion: batch/v1\n", "apiVersion: batch/v1beta1\n")
    applied = kubectl("apply", "--dry-run=server", "--validate=true", "-f", "-", said=manifests)

    assert len(JOBS) == applied.count("created")
