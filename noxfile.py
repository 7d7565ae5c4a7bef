"""The developer's front door: ``./nox -l`` lists what can be run; without arguments, everything that CI runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"

TESTS = (
    "tests/lab/provisioned",
    "tests/lab/small",
    "tests/lab",
    "tests/contract",
    "tests/docs",
    "tests/unit",
)  # the longest first
SIDE_BY_SIDE = ("-n3", "--dist=loadfile", "--no-loadscope-reorder")  # most of them wait, for nodes and for deadlines
LABS_SIDE_BY_SIDE = ("-n2", *SIDE_BY_SIDE[1:])  # three labs at once are more than two cores can bear
MYPY_CACHE = Path("~/.cache/koprogo-fleet/mypy").expanduser()  # outlives the checkout: CI has a fresh one each time
PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project with its extras, and the named dependency groups of pyproject.toml."""
    session.install(
        "-e",
        ".[lab,schemas]",
        *(needed for group in groups for needed in nox.project.dependency_groups(PYPROJECT, group)),
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, and that imports go down (ruff, import-linter)."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", env={"PYTHONPATH": "tasks"})


@nox.session
def typing(session: nox.Session) -> None:
    """Check types (mypy, strict)."""
    install(session, "typing")
    session.run("mypy", f"--cache-dir={MYPY_CACHE}")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, the lab's and the documentation's included; ``-- -m 'not lab'`` for those that need no root."""
    install(session, "test")
    named = any(Path(argument.partition("::")[0]).exists() for argument in session.posargs)
    if named:
        session.run("pytest", *session.posargs)
        return
    if not session.posargs:
        session.run("koprogo-fleet", "lab", "build")  # takes both cores for minutes: before what has deadlines
    session.run(
        "pytest",
        "--durations=25",
        *SIDE_BY_SIDE,
        *TESTS,
        "--ignore=tests/lab/soak",
        "-m",
        "not exhaustive",
        *session.posargs,
    )


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Run all tests on the lab, with every fault of docs/reference/faults.md; and every case of which CI runs a sample."""
    install(session, "test")
    session.run(
        "pytest", "--durations=25", *LABS_SIDE_BY_SIDE, "tests/lab", "--ignore=tests/lab/soak", *session.posargs
    )
    session.run("pytest", "--durations=25", *SIDE_BY_SIDE, "tests/contract", "-m", "exhaustive", *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Kill a run at every moment of it: exhaustive, and takes more than an hour."""
    install(session, "test")
    session.run("pytest", "tests/lab/soak", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Run the documentation alone: its examples, its commands, its links."""
    install(session, "test")
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare with Ansible, pyinfra and bare SSH, or count OVH's calls: ``-- converge`` or ``-- cloud``; see ``-- --help``."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(default=False)
def provision(session: nox.Session) -> None:
    """Bring the fleet to its desired state; on the embedded lab when no OVH credentials are set."""
    install(session)
    session.run("koprogo-fleet", "provision", *(session.posargs or ["--yes"]))


@nox.session(default=False)
def rotate(session: nox.Session) -> None:
    """Rotate the secrets that are due; what a schedule does, see docs/howto/scheduled-runs.md."""
    install(session)
    session.run("koprogo-fleet", "secrets", "rotate", "--due", *(session.posargs or ["--yes"]))


@nox.session(default=False)
def deploy(session: nox.Session) -> None:
    """Bring the releases of releases.yaml to the cluster; ``-- --plan`` only shows what differs."""
    install(session)
    session.run("koprogo-fleet", "deploy", *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the wheel into dist/, and prove that it works outside the checkout."""
    session.install("build", *nox.project.dependency_groups(PYPROJECT, "test"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--wheel", "--outdir", "dist")
    (wheel,) = Path("dist").glob("*.whl")
    session.run("pytest", "tests/packaging", f"--wheel={wheel.absolute()}", *session.posargs)
