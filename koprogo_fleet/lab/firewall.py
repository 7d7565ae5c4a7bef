"""
A lab's rules in the host's packet filter: address translation for its nodes, in a table of the lab's own.

In nftables every table sees a packet, and one drop suffices: our table cannot overrule another firewall. Where the
FORWARD chain of iptables drops by default, as Docker and ufw set it up, marked rules are put before its others. A
firewall with nftables tables of its own (firewalld) must be told about the interfaces by its owner.
"""

from __future__ import annotations

import shlex
import shutil
from ipaddress import IPv4Network

from koprogo_fleet.lab.commands import run, succeeds


def open_way_out(lab: str, subnet: IPv4Network, interfaces: str) -> None:
    """Let the nodes of *subnet* out under the host's address; *interfaces* is the prefix of the lab's interfaces' names."""
    table = _table(lab)
    run(
        ["nft", "-f", "-"],
        stdin=f"""\
table inet {table}
delete table inet {table}
table inet {table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} oifname != "{interfaces}*" masquerade
  }}
}}
""",
    )
    if shutil.which("iptables") and "-P FORWARD DROP" in _forward_rules() and not _our_rules(lab):
        mark = ("-m", "comment", "--comment", _mark(lab), "-j", "ACCEPT")
        for direction in ("-i", "-o"):
            run(["iptables", "-w", "-I", "FORWARD", direction, f"{interfaces}+", *mark])


def close_way_out(lab: str) -> None:
    """Remove all that :func:`open_way_out` made."""
    if succeeds(["nft", "list", "table", "inet", _table(lab)]):
        run(["nft", "delete", "table", "inet", _table(lab)])
    if shutil.which("iptables"):
        for rule in _our_rules(lab):
            run(["iptables", "-w", "-D", *shlex.split(rule)[1:]])


def _table(lab: str) -> str:
    return f"koprogo_lab_{lab.replace('-', '_')}"


def _mark(lab: str) -> str:
    return f"koprogo-lab-{lab}"


def _forward_rules() -> list[str]:
    return run(["iptables", "-w", "-S", "FORWARD"]).splitlines()


def _our_rules(lab: str) -> list[str]:
    return [rule for rule in _forward_rules() if _mark(lab) in shlex.split(rule)]
