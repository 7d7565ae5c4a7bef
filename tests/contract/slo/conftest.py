"""A real Prometheus, with ten minutes of series that promtool wrote."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for

MINUTES = 10
STEP = 15
BUCKETS = {"0.001": 50, "0.005": 98, "0.01": 100, "+Inf": 100}
"""Of each 100 requests, how many took no more than so many seconds: the 99th is slower than 5 ms."""


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a Prometheus, on an address of this machine that the API server may ask, too."""
    program, tool = shutil.which("prometheus"), shutil.which("promtool")
    if program is None or tool is None:
        pytest.skip("no prometheus and promtool: install Debian's package prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "series.txt").write_text(series(time.time()))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    made = [tool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "series.txt"), str(folder / "data")]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    address = f"{own_address()}:{free_port()}"
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for("Prometheus", lambda: _ready(process, address), seconds=60, interval=0.2)
            yield f"http://{address}"
        finally:
            process.kill()


def series(now: float) -> str:
    """Return OpenMetrics: a hundred requests a second, one of a thousand an error, and the memory of two pods."""
    times = [int(now) - seconds for seconds in range(MINUTES * 60, -1, -STEP)]
    lines = ["# TYPE http_request_duration_seconds histogram"]
    for limit, share in BUCKETS.items():
        lines += [
            f'http_request_duration_seconds_bucket{{namespace="koprogo",le="{limit}"}} {index * STEP * share} {at}'
            for index, at in enumerate(times)
        ]
    lines.append("# TYPE http_requests counter")
    for code, share in (("200", 999), ("500", 1)):
        lines += [
            f'http_requests_total{{namespace="koprogo",code="{code}"}} {index * STEP * share / 10} {at}'
            for index, at in enumerate(times)
        ]
    lines.append("# TYPE container_memory_working_set_bytes gauge")
    for pod, size in (("koprogo-api-1", 90e6), ("koprogo-api-2", 120e6)):
        labels = f'namespace="koprogo",pod="{pod}",container="api"'
        lines += [f"container_memory_working_set_bytes{{{labels}}} {size} {at}" for at in times]
    return "\n".join([*lines, "# EOF\n"])


def own_address() -> str:
    """Return an address of this machine other than loopback, which an API server refuses to ask."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("", 0)) as listener:
        return int(listener.getsockname()[1])


def _ready(process: subprocess.Popen[bytes], address: str) -> None:
    assert process.poll() is None, "Prometheus ended"
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2):
            return
    except urllib.error.HTTPError as error:
        with error:
            raise NotYet(str(error)) from error
    except OSError as error:
        raise NotYet(str(error)) from error
