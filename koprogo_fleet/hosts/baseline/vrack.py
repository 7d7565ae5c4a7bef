"""
The private network interface: found by its MAC address, never by its name.

Names such as ``ens4`` depend on the flavor and the kernel; the API gives the MAC address (``GET instance/{id}/interface``).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged

NETWORK_FILE = "/etc/systemd/network/05-koprogo-vrack.network"


@dataclass(frozen=True)
class VrackAddress:
    """The vRack address on the interface with the given MAC address, now and after a reboot (systemd-networkd)."""

    mac: str
    address: IPv4Interface
    mtu: int

    @property
    def name(self) -> str:
        """Name the resource as people do."""
        return f"vRack address {self.address}"

    @property
    def content(self) -> str:
        """Return the networkd file. No gateway: the default route stays on the public interface."""
        return (
            f"# Written by koprogo-fleet.\n[Match]\nMACAddress={self.mac}\n\n[Link]\nMTUBytes={self.mtu}\n\n"
            f"[Network]\nAddress={self.address}\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        )

    def look(self) -> str:
        """Print the interface's name, its MTU and addresses, then the file."""
        return f"""\
interface=$(grep -lix '{self.mac}' /sys/class/net/*/address 2>/dev/null | head -n 1 | cut -d/ -f5)
echo "$interface"
[ -n "$interface" ] && cat "/sys/class/net/$interface/mtu" || echo
[ -n "$interface" ] && ip -4 -o address show dev "$interface" | awk '{{printf "%s ", $4}}'
echo
cat {NETWORK_FILE} 2>/dev/null
"""

    def decide(self, fact: Fact) -> Decision:
        """Compare the live interface and the file; without the interface there is nothing to put right."""
        interface, mtu, addresses, content = ([*fact.text.split("\n", 3), "", "", ""])[:4]
        if not interface:
            return Refused(
                f"no network interface has the MAC address {self.mac}; the instance is not attached to the vRack, "
                "or the inventory is older than the instance",
                next_step="koprogo-fleet inventory sync, then koprogo-fleet plan",
            )
        differences = []
        if str(self.address) not in addresses.split():
            differences.append(Difference(Operation.CHANGE, self.name, addresses.strip(), f"{self.address}"))
        if mtu != str(self.mtu):
            differences.append(Difference(Operation.CHANGE, f"MTU of {interface}", mtu, str(self.mtu)))
        if content != self.content:
            operation = Operation.CHANGE if content else Operation.CREATE
            differences.append(Difference(operation, f"file {NETWORK_FILE}"))
        if not differences:
            return Unchanged()
        return Change(tuple(differences), self._script(interface))

    def _script(self, interface: str) -> str:
        return f"""\
umask 022
cat >{NETWORK_FILE}.new <<'KOPROGO_END'
{self.content}KOPROGO_END
sync {NETWORK_FILE}.new
mv {NETWORK_FILE}.new {NETWORK_FILE}
networkctl reload
networkctl reconfigure {interface}
for _ in $(seq 50); do
  ip -4 -o address show dev {interface} | grep -q ' {self.address} ' && exit 0
  sleep 0.2
done
echo "systemd-networkd did not set {self.address} on {interface} within 10 s" >&2
networkctl status --no-pager {interface} >&2
exit 1
"""
