"""The resources that koprogo_fleet's own tasks are made of."""

from koprogo_fleet.hosts.resources.directory import Absent, Directory
from koprogo_fleet.hosts.resources.disk import Disk
from koprogo_fleet.hosts.resources.file import File
from koprogo_fleet.hosts.resources.hostname import Hostname
from koprogo_fleet.hosts.resources.kernel_module import KernelModules
from koprogo_fleet.hosts.resources.package import Packages
from koprogo_fleet.hosts.resources.service import Service
from koprogo_fleet.hosts.resources.swap import SwapOff
from koprogo_fleet.hosts.resources.sysctl import Sysctl
from koprogo_fleet.hosts.resources.ufw import Ufw, UfwRule

__all__ = [
    "Absent",
    "Directory",
    "Disk",
    "File",
    "Hostname",
    "KernelModules",
    "Packages",
    "Service",
    "SwapOff",
    "Sysctl",
    "Ufw",
    "UfwRule",
]
