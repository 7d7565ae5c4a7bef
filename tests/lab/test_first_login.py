"""A server as a provider delivers it: from its one-time password to keys only; then users' netmiko tasks, and a reboot."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.core.task import MultiResult, Result, Task
from nornir_netmiko.connections import Netmiko
from nornir_netmiko.tasks import netmiko_send_command
from open_vault import open_authority

from koprogo_fleet.core.errors import CommandFailed, HostKeyMismatch, LoginRefused, SshError, Unreachable, WaitTimeout
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.baseline.certificates import (
    USER_CA,
    Certificates,
    HostCertificate,
    certified,
    write_files,
)
from koprogo_fleet.hosts.baseline.node import HANDLERS
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine, Port
from koprogo_fleet.lab.network import LabNetwork
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.api import SSH_HOST_MOUNT, SSH_ROLE, SSH_USER_MOUNT
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.requirements import ensure_programs
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh, Login, connect
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.vault.ssh import SshAuthority
from koprogo_tasks import Passwords, first_login, reboot
from koprogo_tasks._converge import converge
from koprogo_tasks._password_dialogue import change_password

pytestmark = pytest.mark.lab

LAB = "t-login"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
NODE = "delivered-1"
NETMIKO = "netmiko"
DELIVERED, NEW = Secret("One-Time$(id)4711"), Secret("kept0in0Vault0aXz8Qp3LmN5")
PASSWORDS = {NODE: Passwords(DELIVERED, NEW)}
WRONG = {NODE: Passwords(Secret("not-this-one"), Secret("nor-that-one"))}


@dataclass(frozen=True)
class Server:
    """The delivered server, and a person on it who can do anything to it by hand."""

    address: str
    directory: Path
    person: Login
    vault: VaultEndpoint

    def by_hand(self, script: str) -> str:
        """Run a script as root; return what it printed."""
        session = self._person()
        try:
            done = session.run_as_root("sh -s", stdin=script.encode(), timeout=120)
        finally:
            session.close()
        assert done.exit_status == 0, (done.stdout + done.stderr).decode()

        return done.stdout.decode()

    def log(self) -> str:
        """Return what sshd said since the last delivery."""
        return self.by_hand('journalctl --unit ssh --output cat --no-pager --since "$(cat /run/delivered)"')

    def deliver(self, *, must_change: bool = True) -> None:
        """Bring the user debian into the state that the provider hands over."""
        self.by_hand(
            f"echo 'debian:{DELIVERED.reveal()}' | chpasswd\n"
            f"chage -d {0 if must_change else -1} -m 0 debian\n"
            "rm -rf /home/debian/.ssh /etc/ssh/sshd_config.d/10-koprogo.conf /etc/systemd/system/ssh.service.d\n"
            "systemctl daemon-reload; systemctl restart ssh; sleep 1.1; date '+%F %T' >/run/delivered\n"
        )

    def nornir(self, known_hosts: Path | None = None) -> Nornir:
        """Return Nornir over the inventory that our own sync would write for this server."""
        known = str(known_hosts or self.directory / "known_hosts")
        key = str(self.directory / "id_ed25519")
        options = {
            CONNECTION_NAME: ConnectionOptions(
                extras={"private_key": key, "known_hosts": known, "host_key_alias": NODE, "connect_timeout": 3}
            ),
            NETMIKO: ConnectionOptions(
                platform="linux",
                extras={
                    "use_keys": True,
                    "key_file": key,
                    "ssh_strict": True,
                    "alt_host_keys": True,
                    "alt_key_file": known,
                },
            ),
        }
        host = Host(NODE, self.address, 22, "debian", connection_options=options, defaults=Defaults())
        return Nornir(
            Inventory(Hosts({NODE: host}), Groups(), Defaults()),
            config=Config(logging=LoggingConfig(enabled=False)),
            data=GlobalState(),
            runner=FleetRunner(),
        )

    def first_login(
        self, passwords: Mapping[str, Passwords] = PASSWORDS, known_hosts: Path | None = None
    ) -> MultiResult:
        """Run the task; a failure is raised."""
        return run(self.nornir(known_hosts), task=first_login, passwords=passwords)

    def _person(self) -> Session:
        def logged_in() -> Session:
            try:
                return connect(self.person)
            except Unreachable as error:  # sshd, told to read its settings anew, starts anew
                raise NotYet(error.seen) from error

        return wait_for("sshd lets the person in", logged_in, seconds=60, interval=0.1)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Boot one node whose user debian has a password that must be changed, and no key."""
    ensure_programs()
    Lab(LAB).down()
    paths, directory = LabPaths(LAB), tmp_path_factory.mktemp("keys")
    paths.root.mkdir(mode=0o700, parents=True)
    LabNetwork(paths).up()
    plugins = {CONNECTION_NAME: FleetSsh, NETMIKO: Netmiko}
    for name, plugin in plugins.items():
        ConnectionPluginRegister.register(name, plugin)
    try:
        yield boot(NspawnMachines(paths), openbao.ensure_running(paths), directory)
    finally:
        for name in plugins:
            ConnectionPluginRegister.deregister(name)
        Lab(LAB).down()


def boot(machines: NspawnMachines, vault: VaultEndpoint, directory: Path) -> Server:
    """Return the server, once the person can log in and cloud-init has ended."""
    host_key, subnet = make_host_key(), machines.public_subnet
    address = str(subnet[31])
    with authority(vault, SSH_USER_MOUNT) as users, authority(vault, SSH_HOST_MOUNT) as hosts:
        names = [NODE, address]
        signed = hosts.sign_host_key(host_key.public_line, SSH_ROLE, names, timedelta(days=30))
        certificates = Certificates(users.ca_public_key(), signed)
    ensure_private_key(directory / "id_ed25519")
    document = {
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": host_key.private_pem.reveal(),
            "ed25519_public": host_key.public_line,
        },
        "write_files": write_files(certificates),
        "ssh_pwauth": True,
        "chpasswd": {"expire": True, "users": [{"name": "debian", "password": DELIVERED.reveal(), "type": "text"}]},
        "users": [
            "default",
            {
                "name": "person",
                "shell": "/bin/sh",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": [ensure_private_key(directory / "persons_key")],
            },
        ],
    }
    machines.boot(
        Machine(
            id=str(uuid.uuid4()),
            name=NODE,
            user_data="#cloud-config\n" + json.dumps(document),
            authorized_keys=(),
            ports=(Port(PUBLIC_NETWORK, "fa:16:3e:00:03:31", subnet[31], subnet.prefixlen, subnet[1]),),
        )
    )
    KnownHosts(directory / "known_hosts").put(NODE, host_key.public_line, [address])
    login = Login(NODE, address, 22, "person", directory / "known_hosts", directory / "persons_key", connect_timeout=3)
    server = Server(address, directory, login, vault)

    def person_is_in() -> None:
        try:
            server.by_hand("cloud-init status --wait >/dev/null; date '+%F %T' >/run/delivered")
        except (Unreachable, LoginRefused) as error:
            raise NotYet(error.seen) from error

    wait_for(f"{NODE} lets the person in", person_is_in, seconds=120, interval=0.5)
    return server


def authority(vault: VaultEndpoint, mount: str) -> AbstractContextManager[SshAuthority]:
    """Return one of the lab's authorities, with the fleet's token."""
    return open_authority(vault.address, vault.token, vault.ca, mount)


@pytest.fixture
def server(booted: Server) -> Server:
    """Return the server as it was delivered."""
    booted.deliver()
    return booted


def run(nornir: Nornir, **task: object) -> MultiResult:
    """Run a task on the server; a failure is raised."""
    try:
        answer = nornir.run(**task)[NODE]  # type: ignore[arg-type]
    finally:
        nornir.close_connections()
    if answer.exception:
        raise answer.exception
    return answer


def differences(result: MultiResult) -> list[str]:
    """Return what differed, as text."""
    return [str(difference) for difference in result[0].differences]  # type: ignore[attr-defined]


def password_login(server: Server, password: Secret) -> Session:
    """Log in as debian with a password."""
    return connect(Login(NODE, server.address, 22, "debian", server.directory / "known_hosts", password=password))


def shadow(server: Server) -> str:
    """Return the stored password of debian: another string for each setting of it."""
    return server.by_hand("getent shadow debian")


def test_cloud_init_delivers_that_state(booted: Server) -> None:
    """The very first login, in the state that cloud-init (not our own hand) made: it ends with key login only."""
    before = shadow(booted)
    result = booted.first_login()

    assert result.changed
    assert [
        "create login of debian by key",
        "change password of debian: as delivered -> a new one",
        "create file /etc/ssh/sshd_config.d/10-koprogo.conf",
    ] == [line.partition(" (")[0] for line in differences(result)]
    assert before != shadow(booted)
    for password in (DELIVERED, NEW):
        with pytest.raises(LoginRefused):
            password_login(booted, password)


def test_second_run_is_unchanged(server: Server) -> None:
    """The second run finds nothing to do, sends no password, and needs none."""
    server.first_login()
    before = shadow(server), server.log().count("Accepted password")

    result = server.first_login(passwords={})

    assert not result.changed
    assert [] == differences(result)
    assert before == (shadow(server), server.log().count("Accepted password"))


def test_the_new_password_is_the_users(server: Server) -> None:
    """The password that was kept is the one that the server has now: for the console, should SSH ever be lost."""
    server.first_login()
    server.by_hand("rm /etc/ssh/sshd_config.d/10-koprogo.conf; systemctl reload ssh")

    server.log()  # sshd answers again
    session = password_login(server, NEW)

    assert session.run("true", timeout=10).exit_status == 0
    session.close()


def test_no_password_is_seen(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither password is in what the libraries log, at their most talkative, nor in the result."""
    with caplog.at_level("DEBUG"):
        result = server.first_login()

    assert "write_channel" in caplog.text  # netmiko did log
    for password in (DELIVERED, NEW):
        assert password.reveal() not in caplog.text
        assert password.reveal() not in f"{result} {result[0].diff}"


def test_wrong_password(server: Server) -> None:
    """A password that is not the user's is a refused login, and changes nothing."""
    before = shadow(server)

    with pytest.raises(LoginRefused, match="neither the delivered nor the new password"):
        server.first_login(WRONG)

    assert before == shadow(server)


@pytest.mark.parametrize("known", ["another key", "no key"])
def test_unknown_host_key(server: Server, tmp_path: Path, known: str) -> None:
    """A server whose host key is not the known one is sent no password: its sshd saw no attempt to log in."""
    if known == "another key":
        KnownHosts(tmp_path / "known_hosts").put(NODE, make_host_key().public_line, [server.address])

    with pytest.raises(HostKeyMismatch):
        server.first_login(known_hosts=tmp_path / "known_hosts")

    assert "debian" not in server.log()


@pytest.mark.parametrize(
    ("own_key", "password", "error"),
    [(False, DELIVERED, HostKeyMismatch), (True, Secret("not-this-one"), LoginRefused)],
    ids=["another host key", "another password"],
)
def test_terminal_is_as_careful(server: Server, own_key: bool, password: Secret, error: type[SshError]) -> None:  # noqa: FBT001
    """The terminal in which the password is changed checks the host key itself, and names a wrong password."""
    known = KnownHosts(server.directory / "known_hosts").get(NODE)
    assert known is not None
    nornir = server.nornir()

    with pytest.raises(error):
        change_password(
            nornir.inventory.hosts[NODE],
            nornir.config,
            known if own_key else make_host_key().public_line,
            password,
            NEW,
            seconds=5,
        )

    assert ("password for debian" in server.log()) == own_key


def test_taken_up_after_the_password_was_changed(server: Server) -> None:
    """A run that died between the new password and the key is taken up with the new password, which was kept."""
    server.by_hand(f"echo 'debian:{NEW.reveal()}' | chpasswd")

    assert server.first_login().changed
    assert not server.first_login().changed


@pytest.mark.exhaustive
def test_key_there_but_password_expired(server: Server) -> None:
    """A key that is let in opens no session while the password must be changed: it is changed, and then works."""
    public = ensure_private_key(server.directory / "id_ed25519")
    server.by_hand(
        f"install -d -o debian -g debian -m 700 /home/debian/.ssh; echo '{public}' >/home/debian/.ssh/authorized_keys"
    )

    assert server.first_login().changed
    assert "1" == server.by_hand("grep -c . /home/debian/.ssh/authorized_keys").strip()


@pytest.mark.exhaustive
def test_password_that_need_not_be_changed(server: Server) -> None:
    """A delivered password that nobody asks to change is changed all the same."""
    server.deliver(must_change=False)
    before = shadow(server)

    assert server.first_login().changed
    assert before != shadow(server)


def test_new_password_against_the_rules(server: Server) -> None:
    """Where the node does not take the new password, its reason is in the error, and neither password is."""
    passwords = {NODE: Passwords(DELIVERED, Secret("abc"))}

    with pytest.raises(CommandFailed) as caught:
        server.first_login(passwords)

    assert "longer password" in caught.value.seen
    assert DELIVERED.reveal() not in caught.value.seen


@pytest.mark.exhaustive
def test_question_that_never_comes(server: Server) -> None:
    """Where the change of the password hangs, the run ends at its deadline, and says what it waited for."""
    server.by_hand(
        "mv /usr/bin/passwd /usr/bin/passwd.real; printf '#!/bin/sh\\nsleep 60\\n' >/usr/bin/passwd; chmod 755 /usr/bin/passwd"
    )
    try:
        with pytest.raises(WaitTimeout, match="question 1 of 3 of passwd"):
            run(server.nornir(), task=first_login, passwords=PASSWORDS, seconds=2)
    finally:
        server.by_hand("mv /usr/bin/passwd.real /usr/bin/passwd")


def test_dry_run_sends_nothing(server: Server) -> None:
    """A dry run tells what it would do, and sends no password."""
    result = run(server.nornir(), task=first_login, passwords=PASSWORDS, dry_run=True)

    assert result.changed
    assert "change password of debian: as delivered -> a new one" in differences(result)
    assert "password for debian" not in server.log()


@pytest.mark.exhaustive
def test_other_language(server: Server) -> None:
    """A node that asks in another language, without a colon anywhere, is answered as well."""
    server.by_hand(
        "test -e /usr/lib/locale/fr_FR.utf8 || localedef -i fr_FR -f UTF-8 --no-archive fr_FR.UTF-8\n"
        "mkdir -p /usr/share/locale/fr/LC_MESSAGES /etc/systemd/system/ssh.service.d\n"
        f"base64 -d >/usr/share/locale/fr/LC_MESSAGES/Linux-PAM.mo <<EOF\n{french()}\nEOF\n"
        "printf '[Service]\\nEnvironment=LANG=fr_FR.UTF-8\\n' >/etc/systemd/system/ssh.service.d/french.conf\n"
        "systemctl daemon-reload; systemctl restart ssh\n"
    )

    with pytest.raises(CommandFailed, match=r"Mot de passe actuel \?"):
        server.first_login({NODE: Passwords(DELIVERED, Secret("abc"))})

    assert server.first_login().changed


def french() -> str:
    """Return a catalogue of PAM's questions in French, compiled (GNU gettext's .mo) and in base64."""
    texts = {
        "": "Content-Type: text/plain; charset=UTF-8\n",
        "Current password: ": "Mot de passe actuel ? ",
        "New password: ": "Nouveau mot de passe ? ",
        "Retype new password: ": "Encore une fois ? ",
    }
    originals = [key.encode() for key in sorted(texts)]
    translated = [texts[key].encode() for key in sorted(texts)]
    count, tables, offset, blob = len(texts), b"", 28 + 16 * len(texts), b""
    for text in (*originals, *translated):
        tables += struct.pack("<II", len(text), offset + len(blob))
        blob += text + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return base64.encodebytes(header + tables + blob).decode().strip()


def test_netmiko_on_the_same_inventory(server: Server) -> None:
    """A user's netmiko_send_command works with the options that the inventory carries."""
    server.first_login()

    result = run(server.nornir(), task=netmiko_send_command, command_string="hostname; id -un")

    assert ["delivered-1", "debian"] == str(result.result).split()


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("known", ["another key", "no key", "the name alone"])
def test_netmiko_verifies_the_host_key(server: Server, tmp_path: Path, known: str) -> None:
    """With another key, none, or one that is not known by the address, netmiko does not log in."""
    server.first_login()
    accepted = server.log().count("for debian")
    if known == "another key":
        KnownHosts(tmp_path / "known_hosts").put(NODE, make_host_key().public_line, [server.address])
    elif known == "the name alone":
        line = KnownHosts(server.directory / "known_hosts").get(NODE)
        assert line is not None
        KnownHosts(tmp_path / "known_hosts").put(NODE, line)

    with pytest.raises(Exception, match=r"Host key for server|not found in known_hosts"):
        run(server.nornir(tmp_path / "known_hosts"), task=netmiko_send_command, command_string="hostname")

    assert accepted == server.log().count("for debian")


def test_certificates_from_the_first_boot(server: Server, tmp_path: Path) -> None:
    """A node that was told of both authorities in its user-data lets a signed key in, and is known by its own."""
    server.first_login()
    public_line = ensure_private_key(tmp_path / "key")
    with authority(server.vault, SSH_USER_MOUNT) as users, authority(server.vault, SSH_HOST_MOUNT) as hosts:
        certificate = users.sign_user_key(public_line, SSH_ROLE, ["debian"], timedelta(minutes=30))
        (tmp_path / "known_hosts").write_text(f"@cert-authority {NODE} {hosts.ca_public_key()}\n")
    login = Login(NODE, server.address, 22, "debian", tmp_path / "known_hosts", tmp_path / "key", certificate)

    session = connect(login)

    assert b"debian\n" == session.run("id -un", timeout=10).stdout
    session.close()
    with pytest.raises(LoginRefused):
        connect(replace(login, certificate=None))


@pytest.mark.exhaustive
def test_the_same_certificates_as_resources(server: Server) -> None:
    """What user-data wrote is what the resources find as desired."""
    server.first_login()
    user_ca = server.by_hand(f"cat {USER_CA}").strip()
    host_key = KnownHosts(server.directory / "known_hosts").get(NODE)
    assert host_key is not None
    with authority(server.vault, SSH_HOST_MOUNT) as hosts:
        host_ca = hosts.ca_public_key()
    wanted = HostCertificate(host_key, host_ca, frozenset((NODE, server.address)), time.time(), None)

    result = run(server.nornir(), task=converge_task, resources=certified(user_ca, wanted))

    assert [] == differences(result)


def converge_task(task: Task, resources: Sequence[Resource]) -> Result:
    """Converge, as a task of one's own."""
    return converge(task, resources, handlers=HANDLERS)


def test_the_example_script(server: Server, tmp_path: Path) -> None:
    """``examples/custom_task.py`` tells what it would do, does it when told to, and then finds nothing to do."""
    server.first_login()
    server.by_hand("systemctl stop cron")
    write_inventory(server, tmp_path)

    def example(*arguments: str) -> str:
        script = Path(__file__).parents[2] / "examples" / "custom_task.py"
        command = [sys.executable, script, tmp_path, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

        return done.stdout

    for output in (example(), example("--yes")):
        assert "changed : True" in output
        assert "service cron" in output
        assert "up " in output
    assert "This node belongs to a fleet" in server.by_hand("cat /etc/motd; systemctl is-active cron")
    assert "changed : False" in example("--yes")


def write_inventory(server: Server, directory: Path) -> None:
    """Write the server's entry as ``koprogo-fleet inventory sync`` writes those of a fleet."""
    host = server.nornir().inventory.hosts[NODE]
    options = {
        name: {"platform": option.platform, "extras": option.extras} for name, option in host.connection_options.items()
    }
    entry = {
        "hostname": server.address,
        "port": 22,
        "username": "debian",
        "groups": ["agent"],
        "data": {"role": "agent"},
        "connection_options": options,
    }
    for name, content in {"hosts": {NODE: entry}, "groups": {"agent": {}}, "defaults": {}}.items():
        (directory / f"{name}.yaml").write_text(json.dumps(content))


@pytest.mark.exhaustive
def test_reboot(server: Server) -> None:
    """A reboot ends when the node answers after another boot, and the connection of before is not used again."""
    server.first_login()
    before = server.by_hand(f"cat {BOOT_ID}").strip()

    result = run(server.nornir(), task=reboot, seconds=120)

    assert result.changed
    assert before != result.result
    assert result.result == server.by_hand(f"cat {BOOT_ID}").strip()


def test_the_boot_id_is_the_machines_own(server: Server) -> None:
    """A lab node has a boot id of its own: neither the host's, nor the same after a restart of sshd."""
    own = server.by_hand(f"cat {BOOT_ID}")
    with suppress(Unreachable):
        server.by_hand("systemctl restart ssh")

    assert own != Path(BOOT_ID).read_text()
    assert own == server.by_hand(f"cat {BOOT_ID}")
