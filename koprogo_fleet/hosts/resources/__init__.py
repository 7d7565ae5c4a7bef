"""The resources that a node's desired state is made of: for our own tasks, and for everybody's scripts."""

from typing import TYPE_CHECKING

from koprogo_fleet.core.lazy import names_from

if TYPE_CHECKING:
    from koprogo_fleet.hosts.resources.apt_source import AptSource
    from koprogo_fleet.hosts.resources.archive import Archive
    from koprogo_fleet.hosts.resources.authorized_keys import AuthorizedKeys
    from koprogo_fleet.hosts.resources.binary import Binary
    from koprogo_fleet.hosts.resources.block import Block
    from koprogo_fleet.hosts.resources.directory import Absent, Directory
    from koprogo_fleet.hosts.resources.disk import Disk
    from koprogo_fleet.hosts.resources.file import File
    from koprogo_fleet.hosts.resources.group import Group
    from koprogo_fleet.hosts.resources.hostname import Hostname
    from koprogo_fleet.hosts.resources.kernel_module import KernelModules
    from koprogo_fleet.hosts.resources.line import Line
    from koprogo_fleet.hosts.resources.masked import Masked
    from koprogo_fleet.hosts.resources.mount import Mount
    from koprogo_fleet.hosts.resources.nft_table import NftTable
    from koprogo_fleet.hosts.resources.own_kernel import OwnKernel
    from koprogo_fleet.hosts.resources.package import Packages
    from koprogo_fleet.hosts.resources.service import Service
    from koprogo_fleet.hosts.resources.swap import SwapOff
    from koprogo_fleet.hosts.resources.sysctl import Sysctl
    from koprogo_fleet.hosts.resources.template import Template
    from koprogo_fleet.hosts.resources.timer import Timer
    from koprogo_fleet.hosts.resources.ufw import Ufw, UfwRule
    from koprogo_fleet.hosts.resources.unit import Unit
    from koprogo_fleet.hosts.resources.user import User

__all__ = [
    "Absent",
    "AptSource",
    "Archive",
    "AuthorizedKeys",
    "Binary",
    "Block",
    "Directory",
    "Disk",
    "File",
    "Group",
    "Hostname",
    "KernelModules",
    "Line",
    "Masked",
    "Mount",
    "NftTable",
    "OwnKernel",
    "Packages",
    "Service",
    "SwapOff",
    "Sysctl",
    "Template",
    "Timer",
    "Ufw",
    "UfwRule",
    "Unit",
    "User",
]

__getattr__ = names_from(
    __name__,
    {
        "apt_source": ["AptSource"],
        "archive": ["Archive"],
        "authorized_keys": ["AuthorizedKeys"],
        "binary": ["Binary"],
        "block": ["Block"],
        "directory": ["Absent", "Directory"],
        "disk": ["Disk"],
        "file": ["File"],
        "group": ["Group"],
        "hostname": ["Hostname"],
        "kernel_module": ["KernelModules"],
        "line": ["Line"],
        "masked": ["Masked"],
        "mount": ["Mount"],
        "nft_table": ["NftTable"],
        "own_kernel": ["OwnKernel"],
        "package": ["Packages"],
        "service": ["Service"],
        "swap": ["SwapOff"],
        "sysctl": ["Sysctl"],
        "template": ["Template"],
        "timer": ["Timer"],
        "ufw": ["Ufw", "UfwRule"],
        "unit": ["Unit"],
        "user": ["User"],
    },
)
