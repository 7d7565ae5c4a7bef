"""The wheel under test, and what was installed from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import Installed, install


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--wheel``."""
    parser.addoption("--wheel", type=Path, required=True, help="The wheel to test: ./nox -s build builds it.")


@pytest.fixture(scope="session")
def wheel(request: pytest.FixtureRequest) -> Path:
    """Return the wheel."""
    path: Path = request.config.getoption("--wheel")
    return path.absolute()


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheel, without the lab's extra."""
    return install(f"{wheel}", tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def installed_with_lab(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment with the wheel and the lab's extra."""
    return install(f"{wheel}[lab]", tmp_path_factory.mktemp("lab"))
