"""Log lines in K3s' shape, so that the same eyes and the same searches read both."""

from __future__ import annotations

import json
import logging
import sys
import time

LEVELS = {logging.CRITICAL: "fatal", logging.ERROR: "error", logging.WARNING: "warning", logging.INFO: "info"}

log = logging.getLogger("k3s")


class K3sFormatter(logging.Formatter):
    """``time="…" level=info msg="…"``, one line each."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        level = LEVELS.get(record.levelno, "debug")
        message = json.dumps(super().format(record), ensure_ascii=False)
        return f'time="{stamp}" level={level} msg={message}'


def to_stderr() -> None:
    """Send the log to the journal (standard error); ``debug`` is not shown."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(K3sFormatter())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
