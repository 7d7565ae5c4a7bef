"""Telling systemd how the service is (sd_notify)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send *state* (such as ``READY=1``) to systemd; without systemd nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.send(state.encode())
