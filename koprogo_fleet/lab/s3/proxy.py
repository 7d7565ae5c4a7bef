"""rclone's auth proxy: ``python -m koprogo_fleet.lab.s3.proxy STATE ROOT``, a JSON question on stdin, its answer on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from koprogo_fleet.lab.s3.buckets import answer


def main() -> None:
    """Answer one question from the emulator's state as it is now."""
    state, root = map(Path, sys.argv[1:3])
    asked = json.load(sys.stdin)
    json.dump(answer(root, json.loads(state.read_text(encoding="utf-8")), str(asked.get("user", ""))), sys.stdout)


if __name__ == "__main__":
    main()
