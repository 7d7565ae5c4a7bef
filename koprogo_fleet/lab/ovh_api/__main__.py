"""The daemon: ``python -m koprogo_fleet.lab.ovh_api --lab NAME``. Ends on SIGTERM; a restart forgets nothing."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.appliances import LabAppliances
from koprogo_fleet.lab.network import LabNetwork
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.ovh_api.app import create_app
from koprogo_fleet.lab.ovh_api.server import bind, url_of, write_endpoint
from koprogo_fleet.lab.ovh_api.state import State
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.s3.server import ObjectStorage
from koprogo_fleet.lab.uplink import resolvers

ENDPOINT_FILE = "ovh-endpoint.json"
STATE_FILE = "ovh.json"
REQUEST_LOG = "ovh-requests.jsonl"


def main() -> None:
    """Serve the OVH API of one lab until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="koprogo_fleet.lab.ovh_api", description=__doc__)
    parser.add_argument("--lab", default="default", help="the name of the lab")
    name = parser.parse_args().lab
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    paths = LabPaths(name)
    try:
        state, log = State(paths.root / STATE_FILE), paths.root / REQUEST_LOG
        app = create_app(state, NspawnMachines(paths), log=log, appliances=LabAppliances(paths))
        server = bind(app)
        storage = ObjectStorage(state, paths, LabNetwork(paths).gateway, resolvers())
    except KoprogoError as error:
        sys.exit(f"{error}\n{error.next_step or ''}".rstrip())
    write_endpoint(paths.root / ENDPOINT_FILE, app, url_of(server))

    def end(_signal: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()  # shutdown waits for serve_forever, which is this thread

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    server.serve_forever()
    server.server_close()
    app.close()
    storage.close()


if __name__ == "__main__":
    main()
