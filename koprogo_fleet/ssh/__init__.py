"""
SSH to the nodes: one transport a host, host keys known beforehand, a deadline on everything.

The only package that imports paramiko. Tasks get a :class:`~koprogo_fleet.ssh.session.Session` by
:func:`~koprogo_fleet.ssh.connection.session_for`.
"""

from koprogo_fleet.ssh._paramiko import import_paramiko

import_paramiko()
