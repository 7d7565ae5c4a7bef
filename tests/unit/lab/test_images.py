"""The lab's container images are what container runtimes import."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from koprogo_fleet.lab.images import SANDBOX, WEB, archive
from koprogo_fleet.lab.standin.node.containerd import SANDBOX_IMAGE

BUSYBOX = b"\x7fELF busybox"


def _members(content: bytes) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: (entry, stream.read() if (stream := tar.extractfile(entry)) else b"") for entry in tar}


def test_the_parts_of_an_archive_name_each_other() -> None:
    """The manifest names the configuration and the layer, and the configuration the layer's digest."""
    members = _members(archive(WEB, BUSYBOX))
    manifest = json.loads(members["manifest.json"][1])[0]
    config = members[manifest["Config"]][1]
    layer = members[manifest["Layers"][0]][1]

    assert manifest["RepoTags"] == ["docker.io/library/koprogo-api:lab"]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_web_application_runs_without_rights() -> None:
    """It has a numeric user other than root, as runAsNonRoot demands, and files that it need not change."""
    members = _members(archive(WEB, BUSYBOX))
    manifest = json.loads(members["manifest.json"][1])[0]
    config = json.loads(members[manifest["Config"]][1])["config"]
    files = _members(members["layer.tar"][1])

    assert config["User"] == "10001:10001"
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert (files["bin/busybox"][1], files["bin/busybox"][0].mode) == (BUSYBOX, 0o755)
    assert json.loads(files["srv/api/v1/health"][1])["status"] == "healthy"


def test_the_same_image_is_always_the_same_file() -> None:
    """Nothing of the time or place of the build is in an archive, so that an unchanged one is not pushed again."""
    assert archive(SANDBOX, BUSYBOX) == archive(SANDBOX, BUSYBOX)


def test_the_sandbox_is_the_one_that_the_nodes_ask_for() -> None:
    """The pods' sandbox image has the name that containerd is configured with."""
    assert SANDBOX.reference == SANDBOX_IMAGE
