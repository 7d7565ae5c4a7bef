"""The pages about resources: the example works, and the table is complete."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pages import page

from koprogo_fleet.hosts import resources
from koprogo_fleet.hosts.resource import Change, Decision, Refused, Resource, Unchanged
from koprogo_fleet.hosts.script import Step, apply_script, gather_script, parse_apply, parse_gather

NONCE = "7d793037a0760186"


def documented_link() -> Callable[[str, str], Resource]:
    """Run the only Python block of the how-to, and return its class."""
    (source,) = page("docs/howto/your-own-resource.md").blocks("python")
    names: dict[str, Any] = {}
    exec(compile(source, "your-own-resource.md", "exec"), names)  # noqa: S102 - our own documentation
    link: Callable[[str, str], Resource] = names["Link"]
    return link


def sh(script: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a script as converge does."""
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, check=False, timeout=60)


def decide(resource: Resource) -> Decision:
    """Look, for real, and decide."""
    return resource.decide(parse_gather(sh(gather_script([resource], NONCE)).stdout, NONCE, [resource]).facts[0])


def test_the_documented_resource_works(tmp_path: Path) -> None:
    """The how-to's resource mends what is not as desired, whatever the names hold, and then has nothing to do."""
    link = documented_link()(f"{tmp_path}/it's a link", "-no such $(target)")
    for _ in ("not there", "another target"):
        decision = decide(link)
        assert isinstance(decision, Change), decision

        done = sh(apply_script([Step(link.name, decision.script)], {}, NONCE))

        assert 0 == parse_apply(done.stdout, done.stderr, NONCE).exit_status
        assert "-no such $(target)" == str((tmp_path / "it's a link").readlink())
        assert Unchanged() == decide(link)
        (tmp_path / "it's a link").unlink()
        (tmp_path / "it's a link").symlink_to("/etc")


def test_the_documented_resource_refuses(tmp_path: Path) -> None:
    """The how-to's resource does not replace a file."""
    (tmp_path / "file").touch()

    assert isinstance(decide(documented_link()(f"{tmp_path}/file", "x")), Refused)


def test_every_resource_is_in_the_reference() -> None:
    """The table has one row for each resource that can be imported, with its fields, in the order of their names."""
    expected = []
    for name in resources.__all__:
        fields = inspect.signature(getattr(resources, name)).parameters.values()
        needed = [field.name for field in fields if field.default is field.empty]
        optional = [field.name for field in fields if field.default is not field.empty]
        expected.append([name, *(", ".join(f"`{field}`" for field in group) for group in (needed, optional))])

    rows = page("docs/reference/resources.md").rows()

    assert expected == [[name.strip("`"), needed.strip(), optional.strip()] for name, needed, optional, _ in rows]
    assert all(meaning for *_, meaning in rows)
