"""The files that systemd gets for a fleet's schedule. Pure: a place and jobs in, texts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.workflows.schedule.jobs import Job
from koprogo_fleet.workflows.units import SYSTEM_UNITS, path_word, unit_word

USER = "koprogo-fleet"
STATE = Path("/var/lib/koprogo-fleet")
SYSUSERS = Path("/etc/sysusers.d/koprogo-fleet.conf")

MARK = "# Written by koprogo-fleet schedule install"

SERVICE = """\
{mark}
[Unit]
Description=Fleet {fleet}: {title}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart={command}
# one signal, to the run itself: it records how far it came, and ends
KillMode=mixed
TimeoutStartSec={minutes}min
TimeoutStopSec=5min
User={user}
Group={user}
UMask=0077
WorkingDirectory=%S/koprogo-fleet
StateDirectory=koprogo-fleet
StateDirectoryMode=0700
CacheDirectory=koprogo-fleet
CacheDirectoryMode=0700
Environment=HOME=%S/koprogo-fleet KOPROGO_STATE_DIR=%S/koprogo-fleet KOPROGO_CACHE_DIR=%C/koprogo-fleet
{credentials}{writable}NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""

TIMER = """\
{mark}
[Unit]
Description=Fleet {fleet}: {title}, on a schedule

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
# a time that was missed is made up for once, however many were
Persistent=true

[Install]
WantedBy=timers.target
"""

ACCOUNT = """\
{mark}
u {user} - "Scheduled runs of koprogo-fleet" {state}
"""


@dataclass(frozen=True)
class Place:
    """
    Where and about what the jobs run.

    Attributes:
        fleet: its name.
        program: ``koprogo-fleet``, as it is found there.
        inventory: the folder with one folder per environment.
        credentials: files named as the variables that they stand for; root's, they are handed over by systemd.
        textfile: the folder of node_exporter's textfile collector, or None.
    """

    fleet: str
    program: Path
    inventory: Path
    environment: str
    credentials: tuple[Path, ...] = ()
    textfile: Path | None = None


def unit_name(fleet: str, job: str, kind: str) -> str:
    """Return the name of a job's unit; *kind* is "service" or "timer"."""
    return f"koprogo-fleet-{fleet}-{job}.{kind}"


def mark_of(fleet: str) -> str:
    """Return the first line of what belongs to a fleet alone: by it, and not by names, one knows what may be removed."""
    return f"{MARK} for the fleet {fleet}"


def run_words(job: Job, place: Place) -> tuple[str, ...]:
    """Return the command line of a job after ``koprogo-fleet``."""
    words = ("schedule", "run", job.name, "--inventory", str(place.inventory), "--env", place.environment)
    return (*words, "--textfile", str(place.textfile)) if place.textfile else words


def files(jobs: Sequence[Job], place: Place) -> Mapping[Path, str]:
    """Return the text of every file, by its path in the system: the account, then a service and a timer for each job."""
    made = {SYSUSERS: ACCOUNT.format(mark=MARK, user=USER, state=STATE)}
    for job in jobs:
        made[SYSTEM_UNITS / unit_name(place.fleet, job.name, "service")] = _service(job, place)
        made[SYSTEM_UNITS / unit_name(place.fleet, job.name, "timer")] = TIMER.format(
            mark=mark_of(place.fleet), fleet=place.fleet, title=job.title, calendar=job.calendar, delay=job.delay
        )
    return made


def _service(job: Job, place: Place) -> str:
    writable = [place.inventory / place.environment] if job.writes_inventory else []
    writable += [place.textfile] if place.textfile else []
    return SERVICE.format(
        mark=mark_of(place.fleet),
        fleet=place.fleet,
        title=job.title,
        command=" ".join(map(unit_word, (str(place.program), *run_words(job, place)))),
        minutes=job.minutes,
        user=USER,
        credentials="".join(
            f"LoadCredential={path.name}:{str(path).replace('%', '%%')}\n" for path in place.credentials
        ),
        writable=f"ReadWritePaths={' '.join(map(path_word, writable))}\n" if writable else "",
    )
