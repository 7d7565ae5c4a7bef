"""
auditd, and what it writes down: who became another, changed accounts, logins, time, network, modules, and K3s' own files.

The rules follow section 6.2.3 of the CIS benchmark of Debian 12. They stay changeable (no ``-e 2``): a change of theirs
would otherwise need a restart of every control plane. A container has no audit system of its own.
"""

from __future__ import annotations

from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, OwnKernel, Packages, Service

LOAD_RULES = "load audit rules"
LOAD_SCRIPT = "augenrules --load"
PATH = "/etc/audit/rules.d/50-koprogo.rules"
REASON = "the kernel's audit system belongs to the container's host"

_PEOPLE = "-F auid>=1000 -F auid!=unset"
_BOTH = ("b64", "b32")


def _calls(arches: tuple[str, ...], calls: str, key: str, *conditions: str) -> tuple[str, ...]:
    words = " ".join(f"-S {call}" for call in calls.split())
    return tuple(" ".join((f"-a always,exit -F arch={arch} {words}", *conditions, f"-k {key}")) for arch in arches)


def _files(key: str, *paths: str) -> tuple[str, ...]:
    return tuple(f"-w {path} -p wa -k {key}" for path in paths)


RULES = (
    *_files("scope", "/etc/sudoers", "/etc/sudoers.d"),
    *_calls(_BOTH, "execve", "user_emulation", "-C euid!=uid", "-F auid!=unset"),
    *_calls(_BOTH, "adjtimex settimeofday", "time-change"),
    *_files("time-change", "/etc/localtime"),
    *_calls(_BOTH, "sethostname setdomainname", "system-locale"),
    *_files("system-locale", "/etc/issue", "/etc/issue.net", "/etc/hosts", "/etc/network", "/etc/systemd/network"),
    *_calls(_BOTH, "creat open openat truncate ftruncate", "access", "-F exit=-EACCES", _PEOPLE),
    *_calls(_BOTH, "creat open openat truncate ftruncate", "access", "-F exit=-EPERM", _PEOPLE),
    *_files("identity", "/etc/group", "/etc/passwd", "/etc/gshadow", "/etc/shadow", "/etc/security/opasswd"),
    *_files("identity", "/etc/nsswitch.conf", "/etc/pam.conf", "/etc/pam.d"),
    *_calls(_BOTH, "chmod fchmod fchmodat", "perm_mod", _PEOPLE),
    *_calls(_BOTH, "chown fchown fchownat lchown", "perm_mod", _PEOPLE),
    *_calls(_BOTH, "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr", "perm_mod", _PEOPLE),
    *_calls(_BOTH, "mount", "mounts", _PEOPLE),
    *_files("session", "/var/run/utmp", "/var/log/wtmp", "/var/log/btmp"),
    *_files("logins", "/var/log/lastlog", "/var/run/faillock"),
    *_calls(_BOTH, "rename unlink unlinkat renameat", "delete", _PEOPLE),
    *_files("MAC-policy", "/etc/apparmor", "/etc/apparmor.d"),
    f"-a always,exit -F path=/usr/bin/chcon -F perm=x {_PEOPLE} -k perm_chng",
    f"-a always,exit -F path=/usr/bin/setfacl -F perm=x {_PEOPLE} -k perm_chng",
    f"-a always,exit -F path=/usr/bin/chacl -F perm=x {_PEOPLE} -k priv_cmd",
    f"-a always,exit -F path=/usr/sbin/usermod -F perm=x {_PEOPLE} -k usermod",
    *_calls(("b64",), "init_module finit_module delete_module", "kernel_modules", _PEOPLE),
    f"-a always,exit -F path=/usr/bin/kmod -F perm=x {_PEOPLE} -k kernel_modules",
    *_files("k3s", "/etc/rancher", "/usr/local/bin/k3s", "/etc/systemd/system"),
)


def audit() -> tuple[Resource, ...]:
    """Return auditd with its rules; each says that it is not applicable where there is a container."""
    wanted: tuple[Resource, ...] = (
        Packages(("auditd",)),
        File(PATH, HEADER + "".join(f"{rule}\n" for rule in RULES), "0640", notify=(LOAD_RULES,)),
        Service("auditd"),
    )
    return tuple(OwnKernel(resource, REASON) for resource in wanted)
