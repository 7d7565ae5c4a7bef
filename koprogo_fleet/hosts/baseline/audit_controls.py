"""Section 6.2.3 of the CIS benchmark: number, title, and the keys of the audit rules that it asks for."""

from __future__ import annotations

AUDITED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("6.2.3.1", "Changes to system administration scope are collected", ("-k scope",)),
    ("6.2.3.2", "Actions as another user are always logged", ("-k user_emulation",)),
    ("6.2.3.4", "Events that modify date and time are collected", ("-k time-change",)),
    ("6.2.3.5", "Events that modify the network environment are collected", ("-k system-locale",)),
    ("6.2.3.7", "Unsuccessful file access attempts are collected", ("-k access",)),
    ("6.2.3.8", "Events that modify user/group information are collected", ("-k identity",)),
    ("6.2.3.9", "Permission modification events are collected", ("-k perm_mod",)),
    ("6.2.3.10", "Successful file system mounts are collected", ("-k mounts",)),
    ("6.2.3.11", "Session initiation information is collected", ("-k session",)),
    ("6.2.3.12", "Login and logout events are collected", ("-k logins",)),
    ("6.2.3.13", "File deletion events by users are collected", ("-k delete",)),
    ("6.2.3.14", "Events that modify Mandatory Access Controls are collected", ("-k MAC-policy",)),
    ("6.2.3.15", "Attempts to use chcon are collected", ("/usr/bin/chcon",)),
    ("6.2.3.16", "Attempts to use setfacl are collected", ("/usr/bin/setfacl",)),
    ("6.2.3.17", "Attempts to use chacl are collected", ("/usr/bin/chacl",)),
    ("6.2.3.18", "Attempts to use usermod are collected", ("/usr/sbin/usermod",)),
    ("6.2.3.19", "Kernel module loading, unloading and modification is collected", ("-k kernel_modules",)),
)
