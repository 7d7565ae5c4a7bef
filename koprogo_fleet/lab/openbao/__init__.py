"""
The lab's Vault: a real OpenBao server in production mode, on loopback, over TLS.

Everything is under ``<lab>/openbao``: ``data`` (raft storage), ``tls`` (its own authority and the server's certificate),
``keys.json`` (0600: the unseal key and two tokens), ``server.json`` (its configuration), ``ports.json``.
"""

from __future__ import annotations

from koprogo_fleet.lab.openbao.endpoint import VaultEndpoint, ensure_running, is_running, root_token, stop

__all__ = ["VaultEndpoint", "ensure_running", "is_running", "root_token", "stop"]
