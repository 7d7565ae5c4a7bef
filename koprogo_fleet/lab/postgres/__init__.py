"""
The lab's database: a real PostgreSQL server, Debian's, over TLS alone, at the lab's gateway.

Everything is under ``<lab>/postgres``: ``home`` (the server's own: data, certificate), ``admin`` (0600: the
administrator's password), ``port``, the log and the process file. The lab's directory is root's alone, and PostgreSQL
refuses to be root: the server sees ``home`` in a mount namespace of its own, as ``/var/lib/postgresql``.
"""

from __future__ import annotations

from koprogo_fleet.lab.postgres.endpoint import DatabaseEndpoint, ensure_running, is_running, stop, was_asked_for

__all__ = ["DatabaseEndpoint", "ensure_running", "is_running", "stop", "was_asked_for"]
