"""
Which flannel backend the cluster gets: the encrypted one where every node's kernel can.

It is one of the keys that must be equal on every server, and agents take it from there: so all nodes must be able to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.k3s_section import AUTO

ENCRYPTED = "wireguard-native"
PREFERRED = (ENCRYPTED, "vxlan", "host-gw")
"""The best first."""

# A device in a network of its own, which ends with the command: the one proof that the kernel has, or can load, its kind.
# The routes of host-gw need nothing of the kernel.
PROBE = """\
probe() { unshare --net ip link add kf-probe "$@" >/dev/null 2>&1; }
if probe type wireguard; then echo 'backend wireguard-native'; fi
if probe type vxlan id 1 local 127.0.0.1 dstport 8472; then echo 'backend vxlan'; fi
echo 'backend host-gw'
"""


@dataclass(frozen=True)
class Chosen:
    """A backend, and what people must know about it; "" if it is what they expect."""

    backend: str
    warning: str = ""


def choose(wanted: str, present: str | None, possible: Mapping[str, frozenset[str]]) -> Chosen:
    """
    Return the backend of the cluster.

    Args:
        wanted: of fleet.yaml: a backend, or :data:`~koprogo_fleet.core.k3s_section.AUTO`.
        present: what the cluster has; None while there is none.
        possible: by node, what its kernel can.

    Raises:
        MissingRequirement: a node cannot have the one that fleet.yaml names, or that the cluster has.
    """
    if wanted != AUTO or present is not None:
        fixed = wanted if wanted != AUTO else present
        assert fixed is not None  # noqa: S101 - one of both is given
        _refuse_where_impossible(fixed, wanted, possible)
        return Chosen(fixed, "" if fixed == ENCRYPTED or wanted != AUTO else _unencrypted(fixed, "the cluster has it"))
    best = next(backend for backend in PREFERRED if not _without(backend, possible))
    if best == ENCRYPTED:
        return Chosen(best)
    lacking = ", ".join(_without(ENCRYPTED, possible))
    return Chosen(
        best, _unencrypted(best, f"{ENCRYPTED} cannot be had, for lack of the kernel's wireguard on {lacking}")
    )


def _refuse_where_impossible(fixed: str, wanted: str, possible: Mapping[str, frozenset[str]]) -> None:
    if not (lacking := _without(fixed, possible)):
        return
    common = [backend for backend in PREFERRED if not _without(backend, possible)]
    named = ", ".join(lacking)
    if wanted != AUTO:
        raise MissingRequirement(
            f"flannel backend {fixed}: not possible on {named}",
            cause="their kernels cannot make its network device (no such module), and all nodes need the same backend",
            next_step=f"install a kernel that can, or write k3s.flannel_backend: {common[0]} (all nodes have it)",
        )
    raise MissingRequirement(
        f"flannel backend {fixed}, which the cluster has: not possible on {named}",
        cause="their kernels cannot make its network device (no such module)",
        next_step="install a kernel that can, or leave these nodes out of fleet.yaml",
    )


def _without(backend: str, possible: Mapping[str, frozenset[str]]) -> list[str]:
    return sorted(node for node, backends in possible.items() if backend not in backends)


def _unencrypted(backend: str, why: str) -> str:
    return (
        f"traffic between pods of different nodes is NOT encrypted: flannel backend {backend}, as {why}. "
        f"Write k3s.flannel_backend: {backend} to say that this is meant"
    )
