"""
Taking K3s off a node: what ``k3s-killall.sh`` and ``k3s-uninstall.sh`` of K3s' install script do, and the node's password.

The install script leaves ``/etc/rancher/node``; with the password in it a node of this name would be known as the one
that it was. Mounted file systems are never removed: a volume that is mounted below the data directory keeps what it holds.
"""

from __future__ import annotations

from koprogo_fleet.hosts.k3s import paths

SOCKET = "/run/k3s/containerd/containerd.sock"
_UNITS = ("k3s", "k3s-agent")
_LINKS = ("kubectl", "crictl", "ctr")
_DIRECTORIES = (
    "/etc/rancher/k3s",
    "/etc/rancher/node",
    "/run/k3s",
    "/run/flannel",
    "/var/lib/kubelet",
    "/var/lib/cni",
    paths.DATA,
)

LOOK = f"""\
for path in {" ".join(_DIRECTORIES)} {paths.BINARY} {" ".join(f"/etc/systemd/system/{unit}.service" for unit in _UNITS)}; do
  mountpoint -q "$path" && [ -z "$(ls -A "$path")" ] && continue
  [ ! -e "$path" ] || echo "$path"
done
"""
"""Prints what is left of K3s, a path a line; an empty mount point is nothing of it."""

SCRIPT = f"""\
set -u
for unit in {" ".join(_UNITS)}; do
  systemctl disable --now "$unit" 2>/dev/null
  rm -f "/etc/systemd/system/$unit.service" "/etc/systemd/system/$unit.service.env"
done
systemctl daemon-reload
for unit in {" ".join(_UNITS)}; do systemctl reset-failed "$unit" 2>/dev/null; done

# the pods outlive K3s (KillMode=process): their shims are known by the socket of K3s' containerd
shims() {{ pgrep -f -- 'containerd-shim.* -address {SOCKET}'; }}
tree() {{ for pid in "$@"; do echo "$pid"; tree $(pgrep -P "$pid"); done; }}
for round in 1 2 3; do
  pids=$(tree $(shims)); [ -n "$pids" ] || break
  kill -KILL $pids 2>/dev/null; sleep 0.3
done

unmounted() {{ awk -v under="$1" 'index($2, under) == 1 {{ print $2 }}' /proc/self/mounts | sort -r | xargs -r umount -l; }}
for under in /run/k3s/ /var/lib/kubelet/ /run/netns/cni-; do unmounted "$under"; done
ip netns list 2>/dev/null | awk '/^cni-/ {{ print $1 }}' | xargs -r -n 1 ip netns delete
ip -o link show 2>/dev/null | awk -F': ' '/ master cni0 / {{ print $2 }}' | cut -d@ -f1 | xargs -r -n 1 ip link delete
for link in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do ip link delete "$link" 2>/dev/null; done
for tables in iptables ip6tables; do
  command -v "$tables-save" >/dev/null || continue
  "$tables-save" 2>/dev/null | grep -v -e KUBE- -e CNI- | grep -iv flannel | "$tables-restore" 2>/dev/null
done

# below a directory, but never into another file system; a mount point itself stays
cleared() {{
  [ -e "$1" ] || return 0
  find "$1" -xdev -depth -mindepth 1 ! -type d -delete 2>/dev/null
  find "$1" -xdev -depth -type d -empty -delete 2>/dev/null
  return 0
}}
rm -f {paths.BINARY}
for name in {" ".join(_LINKS)}; do
  link=/usr/local/bin/$name
  [ ! -L "$link" ] || case $(readlink "$link") in k3s | {paths.BINARY}) rm -f "$link" ;; esac
done
for path in {" ".join(_DIRECTORIES)}; do cleared "$path"; done
rm -rf /run/koprogo-fleet/handlers
exit 0
"""


def left(output: str) -> tuple[str, ...]:
    """Return the paths that :data:`LOOK` printed."""
    return tuple(line for line in output.splitlines() if line.startswith("/"))
