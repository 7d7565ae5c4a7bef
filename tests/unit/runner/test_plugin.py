"""The runner as a plugin, from a Nornir configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from nornir import InitNornir
from nornir.core.task import Result

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.runner.runner import FleetRunner


def test_runner_from_nornir_s_configuration(tmp_path: Path) -> None:
    """Nornir finds the runner by its name, with plain options, over an inventory that is not ours."""
    (tmp_path / "hosts.yaml").write_text("a: {}\nb: {}\n", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(
        "inventory:\n  plugin: SimpleInventory\n"
        f"  options: {{host_file: {tmp_path}/hosts.yaml, group_file: {tmp_path}/none, defaults_file: {tmp_path}/none}}\n"
        'runner:\n  plugin: fleet\n  options: {batches: [1, "50%"], task_seconds: 5, max_failures: "10%"}\n'
        "logging:\n  enabled: false\n",
        encoding="utf-8",
    )

    nornir = InitNornir(config_file=str(tmp_path / "config.yaml"))
    result = nornir.run(task=lambda task: Result(task.host, result=task.host.name), name="names")

    assert isinstance(nornir.runner, FleetRunner)
    assert {"a": "a", "b": "b"} == {host: multi.result for host, multi in result.items()}
    with pytest.raises(InputError, match="no host is selected"):
        nornir.filter(name="c").run(task=lambda task: Result(task.host), name="nothing")
