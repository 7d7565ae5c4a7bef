"""One look at a node: what it prints means what it says."""

from __future__ import annotations

import base64
import subprocess

from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.observed import look, parse


def test_a_node_is_understood() -> None:
    """Backends, files, kernel, names, registries and images."""
    text = base64.b64encode(b"a: b\n").decode()
    found = parse(
        "backend vxlan\nbackend host-gw\n"
        f"file {paths.CONFIG} {text}\nfile {paths.CONFIG_DROP_INS}/x.yaml \n"
        "installed\nkernel kernel.panic fixed 0\nkernel vm.panic_on_oom settable 1\nkernel vm.overcommit_memory fixed 1\n"
        "name k3s.example.org\nregistry https://registry.example\nimage registry.example/a/b:c\n"
    )

    assert {"vxlan", "host-gw"} == found.backends
    assert {paths.CONFIG: "a: b\n", f"{paths.CONFIG_DROP_INS}/x.yaml": ""} == found.files
    assert found.installed
    assert "kernel.panic is 0, not 10" == found.foreign_kernel
    assert ({"k3s.example.org"}, {"https://registry.example"}, {"registry.example/a/b:c"}) == (
        found.resolved,
        found.reached,
        found.images,
    )


def test_the_look_works_on_a_node_without_k3s() -> None:
    """The script runs to its end where there is nothing yet; names and URLs cannot break out of it."""
    script = look(["localhost", "no-such-name.invalid"], ["http://127.0.0.1:9/'; echo 'registry x"], ["a b"])
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=60)
    found = parse(done.stdout)

    assert 0 == done.returncode, done.stderr
    assert {"localhost"} == found.resolved
    assert not found.reached
    assert not found.images
    assert "host-gw" in found.backends
