"""Asking the etcd member on a server itself, in a script there: the JSON gateway of etcd's API reference."""

from __future__ import annotations

from koprogo_fleet.hosts.k3s import paths

_TLS = f"--cacert {paths.ETCD_TLS}/server-ca.crt --cert {paths.ETCD_TLS}/server-client.crt --key {paths.ETCD_TLS}/server-client.key"

ASK_ETCD = f"""\
ask_etcd() {{
  curl --silent --max-time 6 {_TLS} ${{2:+--data "$2"}} "https://127.0.0.1:2379$1" 2>/dev/null | tr -d '\\n'
  echo
}}
"""
"""sh: the function ``ask_etcd PATH [BODY]``, which prints the answer as one line; an empty one without an answer."""
