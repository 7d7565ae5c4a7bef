"""The nodes' base image: Debian 12 as a cloud's image would be, built once by mmdebstrap and shared by all nodes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.commands import run
from koprogo_fleet.lab.locks import exclusive

SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BUILD_SECONDS = 900

PACKAGES = (
    # what a cloud's Debian image has
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "cloud-init", "locales", "procps", "iputils-ping"),
    *("python3", "python3-yaml", "python3-cryptography", "ca-certificates", "curl", "kmod", "e2fsprogs", "less"),
    *("iproute2", "iptables", "nftables", "netbase", "cron", "logrotate", "libnss-myhostname"),
    # what K3s carries inside its one binary
    *("etcd-server", "etcd-client", "containerd", "runc", "containernetworking-plugins"),
    *("conntrack", "ethtool", "socat", "ipset"),
    # what the baseline wants of every node, but for what a first run is to install: six nodes would install it on two cores
    *("fail2ban", "python3-systemd", "auditd", "unattended-upgrades", "open-iscsi", "nfs-common"),
)
# What nodes never need is not unpacked; nothing is synced to the disk package by package: a broken image is built again.
OPTIONS = (
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "info", "locale")),
    '--aptopt=Acquire::Languages "none"',
)
# Downloaded, not installed: nodes that install one of these ask the mirror only whether there is a newer one.
CACHED_PACKAGES = ("ufw", "chrony")

# Runs inside the new system. The bundled parts are masked since the stand-in of K3s runs its own instances of them.
# systemd leaves the block devices in fstab to the host when it runs in a container: a unit mounts them, as a real boot
# would. Debian's cloud images let cloud-init manage /etc/hosts, and so does this one; looking for GRUB, which no
# container has, would cost each node five seconds. What the baseline is to start is not started before. apt's own timers can
# be started, and wait for another year: what they install in the middle of a test would be another system. apt's cache of
# its lists is made here, as a machine's first update makes it: without it, each node's apt-get parses them for 2 s.
SETUP_SCRIPT = """\
set -eu
export LC_ALL=C.UTF-8
apt-get -qq update
apt-get -qq -y --no-install-recommends --download-only install @CACHED@

cat > /etc/cloud/cloud.cfg.d/90_koprogo_lab.cfg <<'EOF'
datasource_list: [NoCloud, None]
locale: C.UTF-8
manage_etc_hosts: true
grub_dpkg: {enabled: false}
ssh: {emit_keys_to_console: false}
system_info:
  network:
    renderers: [networkd]
EOF
cat > /etc/systemd/system/koprogo-lab-fstab.service <<'EOF'
[Unit]
Description=Mount the disks that /etc/fstab names
DefaultDependencies=no
After=systemd-tmpfiles-setup-dev.service systemd-remount-fs.service
Before=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount --all
[Install]
WantedBy=local-fs.target
EOF
for timer in apt-daily apt-daily-upgrade; do
  systemctl -q disable $timer.timer
  mkdir /etc/systemd/system/$timer.timer.d
  printf '[Timer]\\nOnCalendar=\\nOnCalendar=yearly\\n' > /etc/systemd/system/$timer.timer.d/koprogo-lab.conf
done
systemctl -q enable systemd-networkd ssh koprogo-lab-fstab
systemctl -q disable fail2ban auditd unattended-upgrades open-iscsi iscsid iscsid.socket rpcbind rpcbind.socket \\
  nfs-client.target blkmapd 2>/dev/null || :
systemctl -q mask etcd containerd systemd-networkd-wait-online systemd-resolved networking \\
  e2scrub_reap e2scrub_all.timer 2>/dev/null

apt-cache gencaches
rm -rf /opt/*
mkdir -p /opt/koprogo-lab/bin /var/lib/rancher /var/lib/kubelet
rm -rf /var/lib/etcd /var/lib/containerd /var/log/*.log /var/log/apt/*
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id
: > /etc/machine-id
"""


def image_path() -> Path:
    """Return where the image of today's recipe is, or will be."""
    recipe = "\n".join((SUITE, *OPTIONS, *PACKAGES, *CACHED_PACKAGES, SETUP_SCRIPT))
    return cache_dir() / "base-image" / hashlib.sha256(recipe.encode()).hexdigest()[:12]


def ensure_image(listener: Listener = ignore) -> Path:
    """
    Return the base image's directory, and build it first if this recipe's image is not there.

    Raises:
        MissingRequirement: mmdebstrap or systemd-nspawn is not installed.
        KoprogoError: a step of the build failed; nothing half-built stays.
    """
    image = image_path()
    if image.is_dir():
        return image
    images = image.parent
    images.mkdir(parents=True, exist_ok=True)
    with exclusive(images / ".lock", "building the base image", listener):
        if image.is_dir():
            return image
        for leftover in images.glob(".building-*"):
            shutil.rmtree(leftover)
        started = time.monotonic()
        listener(Note(f"building the nodes' base image with mmdebstrap ({SUITE}); this is done once"))
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=images))
        try:
            _build(building)
            building.rename(image)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        listener(Note(f"base image built in {time.monotonic() - started:.0f} s: {image}"))
    return image


def _build(root: Path) -> None:
    root.chmod(0o755)
    next_step = "check that this machine reaches a Debian mirror (apt-get update), then run the command again"
    variant = ("--mode=root", "--variant=minbase", f"--keyring={KEYRING}", f"--include={','.join(PACKAGES)}", "--quiet")
    run(["mmdebstrap", *variant, *OPTIONS, SUITE, root, *_sources()], timeout=BUILD_SECONDS, next_step=next_step)
    group = Cgroup("image", root.name.lstrip("."))
    nspawn = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe")
    try:
        run(
            [*group.launcher(), *nspawn, "--resolv-conf=replace-host", "-D", root, "/bin/sh", "-s"],
            stdin=SETUP_SCRIPT.replace("@CACHED@", " ".join(CACHED_PACKAGES)),
            timeout=BUILD_SECONDS,
            next_step=next_step,
        )
    finally:
        group.kill()  # what nspawn started outlives an nspawn that was killed
        group.remove()


def _sources() -> list[str]:
    """Return apt's sources of Debian from where this host takes it; none on another system: mmdebstrap knows its own."""
    mirrors = _host_mirrors("Debian", SUITE)[:1]
    security = _host_mirrors("Debian-Security", f"{SUITE}-security")[:1]
    return [
        *(f"deb {mirror} {suite} main" for mirror in mirrors for suite in (SUITE, f"{SUITE}-updates")),
        *(f"deb {mirror} {SUITE}-security main" for mirror in security if mirrors),
    ]


def _host_mirrors(label: str, codename: str) -> list[str]:
    """Return the addresses of the mirrors from which this host itself takes Debian's *label*; none on another system."""
    return run(
        [
            *("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"),
            *("Origin: Debian", f"Label: {label}", f"Codename: {codename}"),
        ]
    ).split()
