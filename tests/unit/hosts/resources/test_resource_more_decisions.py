"""What is decided about accounts, mounts, downloads, units and sources from what a node says: one line a case."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from local_node import look, sh

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Change, Fact, NotApplicable, Refused, Resource, Unchanged
from koprogo_fleet.hosts.resources import (
    AptSource,
    Archive,
    AuthorizedKeys,
    Binary,
    Block,
    File,
    Group,
    Line,
    Mount,
    Packages,
    Template,
    Timer,
    Unit,
    User,
)

SUM = "ab" * 32
PLAIN_FILE = "regular file|755|root|0|root|0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIabcdefgh alice"
PGP = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n"
UP = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\n"
GONE = UP.replace("loaded", "not-found").replace("=active", "=inactive").replace("running", "dead")
UNIT = Unit("backup.service", "[Service]\nExecStart=/bin/true\n")
TIMER = Timer("backup", "daily", "/bin/true --all", user="backup")
SOURCE = AptSource("example", ("https://packages.example.invalid/",), ("x",), ("main",), PGP)
MOUNT = Mount("tmpfs", "/scratch", "tmpfs", "size=1m,nosuid")
USER = User("alice", 4242, groups=("adm", "ops"), login_shell="/bin/sh", home="/home/alice")
ALICE = "alice:x:4242:4242::/home/alice:/bin/sh\nL\nalice\nalice ops adm\n"


def parts(*facts: tuple[int, str]) -> str:
    """Return what a resource of several looks prints."""
    return "".join(base64.b64encode(f"{text}\n{status}".encode()).decode() + "\n" for status, text in facts)


def as_desired(file: File) -> tuple[int, str]:
    """Return what a look at a file prints that is as desired."""
    match = re.search(r'"\$sum" = ([0-9a-f]{64})', file.look())
    assert match
    return 0, f"regular file|644|root|0|root|0\n{match[1]}\n"


UNIT_FILE = File("/etc/systemd/system/backup.service", UNIT.content)
FILES = [
    File("/etc/apt/keyrings/example.asc", PGP),
    File(
        "/etc/apt/sources.list.d/example.sources",
        "Types: deb\nURIs: https://packages.example.invalid/\nSuites: x\nComponents: main\n"
        "Signed-By: /etc/apt/keyrings/example.asc\n",
    ),
]
NOTHING = (3, "")
MISSING_FILE = "create file /etc/systemd/system/backup"

CHANGES: dict[str, tuple[Resource, Fact, list[str], list[str]]] = {
    # case: resource, what the node says, the differences, what the script must do
    "group": (Group("ops", 4300, system=True), Fact(2, b""), ["create group ops"], ["groupadd --gid 4300 --system"]),
    "group that goes": (Group("ops", absent=True), Fact(0, b"ops:x:1:\n"), ["delete group ops"], ["groupdel -- ops"]),
    "user": (USER, Fact(2, b""), ["create user alice"], ["--uid 4242", "--groups adm,ops", "--create-home"]),
    "user that goes": (
        User("alice", absent=True),
        Fact(0, ALICE.encode()),
        ["delete user alice"],
        ["userdel -- alice"],
    ),
    "user with a password": (
        USER,
        Fact(0, ALICE.replace("L\n", "P\n").replace("/bin/sh", "/bin/zsh").encode()),
        ["change shell of user alice: /bin/zsh -> /bin/sh", "change password of user alice: usable -> locked"],
        ["usermod --shell /bin/sh --lock -- alice"],
    ),
    "mount": (
        MOUNT,
        Fact(0, b""),
        [
            "change /scratch in /etc/fstab: absent -> tmpfs tmpfs size=1m,nosuid",
            "create mount of tmpfs at /scratch",
        ],
        ['echo "tmpfs /scratch tmpfs size=1m,nosuid 0 0"', "mount -- /scratch"],
    ),
    "mount read-only": (
        MOUNT,
        Fact(0, b"MOUNTED=yes tmpfs tmpfs ro,nosuid\nFSTAB=tmpfs tmpfs size=1m,nosuid\n"),
        ["change options of mount at /scratch: ro,nosuid -> size=1m,nosuid"],
        ["mount -o remount,size=1m,nosuid -- /scratch"],
    ),
    "binary": (
        Binary("https://example.invalid/x", SUM, "/opt/x"),
        Fact(3, b""),
        [f"create binary /opt/x: sha256 {SUM[:12]}…"],
        ["curl", "https://example.invalid/x", SUM, "mv -fT"],
    ),
    "binary that is a link": (
        Binary("/root/x", SUM, "/opt/x"),
        Fact(0, b"symbolic link|777|root|0|root|0\n"),
        [f"change binary /opt/x: a symbolic link -> sha256 {SUM[:12]}…"],
        ["cp -- /root/x"],
    ),
    "archive unpacked otherwise": (
        Archive("/root/x", SUM, "/opt/x", strip=1),
        Fact(0, f"directory|755|root|0|root|0\n{SUM} strip=0\nFILES\n".encode()),
        [f"change archive at /opt/x: sha256 {SUM[:12]}… -> sha256 {SUM[:12]}…"],
        ["--strip-components 1"],
    ),
    "unit": (
        UNIT,
        Fact(0, parts(NOTHING, (0, GONE.replace("enabled", "")), (0, "")).encode()),
        [
            f"{MISSING_FILE}.service",
            "change service backup.service: not installed -> running",
            "change start of service backup.service at boot: not installed -> enabled",
        ],
        ["systemctl --quiet --no-reload enable", "systemctl daemon-reload", "systemctl restart -- backup.service"],
    ),
    "unit whose file changed": (
        UNIT,
        Fact(0, parts((0, f"{PLAIN_FILE}\nother\n"), (0, UP), (0, "")).encode()),
        [
            "change content of file /etc/systemd/system/backup.service",
            "change mode of file /etc/systemd/system/backup.service: 0755 -> 0644",
        ],
        ["systemctl daemon-reload", "systemctl restart -- backup.service"],
    ),
    "unit stopped by hand": (
        UNIT,
        Fact(0, parts(as_desired(UNIT_FILE), (0, UP.replace("=active", "=inactive")), (0, "")).encode()),
        ["change service backup.service: stopped -> running"],
        ["systemctl start -- backup.service"],
    ),
    "unit interrupted": (
        UNIT,
        Fact(0, parts(as_desired(UNIT_FILE), (0, UP), (1, "")).encode()),
        ["change service backup.service: not started again -> started again"],
        ["systemctl restart -- backup.service", "rm -f /run/koprogo-fleet/unfinished/backup.service"],
    ),
    "timer": (
        TIMER,
        Fact(0, parts(NOTHING, NOTHING, (0, UP), (0, "")).encode()),
        [f"{MISSING_FILE}.service", f"{MISSING_FILE}.timer"],
        ["systemd-analyze calendar -- daily", "systemctl restart -- backup.timer"],
    ),
    "apt source": (
        SOURCE,
        Fact(0, parts(NOTHING, NOTHING, (0, "")).encode()),
        ["create file /etc/apt/keyrings/example.asc", "create file /etc/apt/sources.list.d/example.sources"],
        ["sourcelist=/etc/apt/sources.list.d/example.sources"],
    ),
    "apt source interrupted": (
        SOURCE,
        Fact(0, parts(*map(as_desired, FILES), (1, "")).encode()),
        ["change package lists of apt source example: not fetched -> fetched"],
        ["apt update"],
    ),
    "keys of a user to come": (
        AuthorizedKeys("alice", (KEY,)),
        Fact(2, b""),
        [
            "create key alice (…abcdefgh) of alice",
            "create directory .ssh of alice",
            "create file authorized_keys of alice",
        ],
        ["setpriv --reuid alice"],
    ),
    "the same key twice, once without its options": (
        AuthorizedKeys("alice", (f"no-pty {KEY}",)),
        Fact(0, f"directory|700|alice\nregular file|600|alice\nnothing||\n{KEY}\nno-pty {KEY}\n".encode()),
        ["change options of key alice (…abcdefgh) of alice"],
        ["mv -fT"],
    ),
    "hostile comment of a key": (
        AuthorizedKeys("alice", ()),
        Fact(0, f"directory|700|alice\nregular file|600|alice\nnothing||\n{KEY}\x1b[2J\n".encode()),
        ["delete key alice?[2J (…abcdefgh) of alice"],
        ["mv -fT"],
    ),
}

UNCHANGED: dict[str, tuple[Resource, Fact]] = {
    "group": (Group("ops", 4300), Fact(0, b"ops:x:4300:\n")),
    "group that is not there": (Group("ops", absent=True), Fact(2, b"")),
    "user": (USER, Fact(0, ALICE.encode())),
    "user that is not there": (User("alice", absent=True), Fact(2, b"")),
    "mount": (MOUNT, Fact(0, b"MOUNTED=yes tmpfs tmpfs rw,nosuid\nFSTAB=tmpfs tmpfs size=1m,nosuid\nFILES=yes\n")),
    "mount that is not there": (Mount("x", "/scratch", "tmpfs", absent=True), Fact(0, b"FILES=yes\n")),
    "binary": (Binary("/x", SUM, "/opt/x"), Fact(0, f"{PLAIN_FILE}\n{SUM}  -\n".encode())),
    "archive": (
        Archive("/x", SUM, "/opt/x"),
        Fact(0, f"directory|755|root|0|root|0\n{SUM} strip=0\nFILES\n".encode()),
    ),
    "unit": (UNIT, Fact(0, parts(as_desired(UNIT_FILE), (0, UP), (0, "")).encode())),
    "apt source": (SOURCE, Fact(0, parts(*map(as_desired, FILES), (0, "")).encode())),
    "no keys, empty file": (
        AuthorizedKeys("alice", ()),
        Fact(0, b"directory|700|alice\nregular empty file|600|alice\nnothing||\n"),
    ),
}

REFUSED: dict[str, tuple[Resource, Fact, str]] = {
    "group's number": (Group("ops", 1), Fact(0, b"ops:x:2:\n"), "has the number 2, not 1"),
    "user's number": (User("alice", 1), Fact(0, ALICE.encode()), "has the number 4242, not 1"),
    "user of a directory service": (
        User("alice"),
        Fact(0, b"alice:x:4242:4242::/home/alice:/bin/sh\nalice\nalice\n"),
        "is not in its own /etc/passwd",
    ),
    "mount over files": (MOUNT, Fact(0, b"FILES=yes\n"), "which the mount would hide"),
    "another mount": (MOUNT, Fact(0, b"MOUNTED=no /dev/sda1 ext4 rw\n"), r"/dev/sda1 \(ext4\) is mounted"),
    "binary is a directory": (Binary("/x", SUM, "/opt"), Fact(0, b"directory|755|root|0|root|0\n"), "is a directory"),
    "archive over files": (
        Archive("/x", SUM, "/opt/x"),
        Fact(0, b"directory|755|root|0|root|0\nFILES\n"),
        "came from no archive of ours",
    ),
    "no systemd": (UNIT, Fact(0, parts(NOTHING, (1, ""), (0, "")).encode()), "systemd does not answer"),
    "unit file is a directory": (
        UNIT,
        Fact(0, parts((0, "directory|755|root|0|root|0\n"), (0, UP), (0, "")).encode()),
        "is a directory",
    ),
    "keys in a link, with others' to keep": (
        AuthorizedKeys("alice", (KEY,), exclusive=False),
        Fact(0, b"directory|700|alice\nsymbolic link|777|alice\nnothing||\n"),
        "is a symbolic link",
    ),
}

BAD_INPUT: dict[str, Callable[[], object]] = {
    "template without a value": lambda: Template("/f", "$a $b", {"a": "x"}),
    "template with a lone dollar": lambda: Template("/f", "costs $", {}),
    "template with a truth value": lambda: Template("/f", "$a", {"a": True}),
    "template with a bad mode": lambda: Template("/f", "", {}, mode="rw"),
    "two lines": lambda: Line("/f", "a\nb"),
    "two secret lines": lambda: Line("/f", Secret("a\nb")),
    "no line": lambda: Line("/f"),
    "no line, nothing to remove": lambda: Line("/f", absent=True),
    "match that is no pattern": lambda: Line("/f", "a", "("),
    "match that does not find its line": lambda: Line("/f", "Port 2", "^#Port"),
    "line of a relative path": lambda: Line("f", "a"),
    "block with its own mark": lambda: Block("/f", "a\n# END m\n", "m"),
    "marker of two lines": lambda: Block("/f", "a", "m\nn"),
    "no marker": lambda: Block("/f", "a", " "),
    "unit without a suffix": lambda: Unit("backup", ""),
    "unit with a path": lambda: Unit("../x.service", ""),
    "unit that is a template": lambda: Unit("x@.service", ""),
    "timer with a suffix and a space": lambda: Timer("a b", "daily", "/bin/true"),
    "timer with a second line": lambda: Timer("a", "daily\nOnBootSec=1", "/bin/true"),
    "timer without a command": lambda: Timer("a", "daily", " "),
    "timer whose command goes on": lambda: Timer("a", "daily", "/bin/true \\"),
    "timer of a hostile user": lambda: Timer("a", "daily", "/bin/true", user="x\nRoot=y"),
    "user with a dash": lambda: User("-x"),
    "user with a space": lambda: User("a b"),
    "group with a comma": lambda: User("a", groups=("b,c",)),
    "relative home": lambda: User("a", home="home"),
    "home with a colon": lambda: User("a", home="/home:x"),
    "no root": lambda: User("root", absent=True),
    "no group root": lambda: Group("root", absent=True),
    "group with a semicolon": lambda: Group("a;b"),
    "private key": lambda: AuthorizedKeys("a", ("-----BEGIN OPENSSH PRIVATE KEY-----",)),
    "two keys in one": lambda: AuthorizedKeys("a", (f"{KEY}\n{KEY}",)),
    "mount with a space": lambda: Mount("a b", "/x", "tmpfs"),
    "mount of a command": lambda: Mount("$(id)", "/x", "tmpfs"),
    "mount at the root": lambda: Mount("x", "/", "tmpfs"),
    "kind with a semicolon": lambda: Mount("x", "/x", "tmpfs;id"),
    "options with a space": lambda: Mount("x", "/x", "tmpfs", "a b"),
    "source without a suite": lambda: AptSource("a", ("https://example.invalid",), (), (), PGP),
    "source with a path": lambda: AptSource("../a", ("https://example.invalid",), ("x",), (), PGP),
    "source with a second line": lambda: AptSource("a", ("https://x.invalid\nTrusted: yes",), ("x",), (), PGP),
    "source without a key": lambda: AptSource("a", ("https://example.invalid",), ("x",), (), "x"),
    "short checksum": lambda: Binary("/x", "ab", "/opt/x"),
    "file URL": lambda: Binary("file:///x", SUM, "/opt/x"),
    "URL with a space": lambda: Binary("https://example.invalid/a b", SUM, "/opt/x"),
    "URL with a password": lambda: Archive("https://a:b@example.invalid/x", SUM, "/opt/x"),
    "negative strip": lambda: Archive("/x", SUM, "/opt/x", strip=-1),
    "archive in a relative path": lambda: Archive("/x", SUM, "opt"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_differences_are_named_and_mended(case: str) -> None:
    """Each difference is named exactly, and the script has the commands that mend it."""
    resource, fact, expected, commands = CHANGES[case]

    decision = resource.decide(fact)

    assert isinstance(decision, Change), decision
    assert expected == [str(difference) for difference in decision.differences]
    assert [] == [command for command in commands if command not in decision.complete]


@pytest.mark.parametrize("case", UNCHANGED)
def test_nothing_to_do(case: str) -> None:
    """What is as desired is left alone."""
    resource, fact = UNCHANGED[case]

    assert Unchanged() == resource.decide(fact)


@pytest.mark.parametrize("case", REFUSED)
def test_harm_is_refused(case: str) -> None:
    """What could destroy something is left to a person, with the reason."""
    resource, fact, reason = REFUSED[case]

    decision = resource.decide(fact)

    assert isinstance(decision, Refused), decision
    assert re.search(reason, decision.reason)


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_refused_where_it_is_written(case: str) -> None:
    """A value that could not be meant never reaches a node, and a secret is not shown in the refusal."""
    with pytest.raises(InputError) as error:
        BAD_INPUT[case]()

    assert "PRIVATE" not in str(error.value)


@pytest.mark.parametrize("case", CHANGES)
def test_script_is_shell(case: str) -> None:
    """Looks and scripts are of the POSIX shell: dash parses them."""
    resource, fact, _, _ = CHANGES[case]
    decision = resource.decide(fact)
    assert isinstance(decision, Change)

    for script in (resource.look(), decision.complete):
        done = sh(f"set -n\n{script}\n".encode())
        assert (0, b"") == (done.returncode, done.stderr)


def test_unit_with_an_unmet_condition() -> None:
    """A unit that its own condition keeps from starting is not applicable, and not started by every run."""
    kept = UP.replace("=active", "=inactive") + "ConditionResult=no\nConditionTimestampMonotonic=5\n"

    decision = UNIT.decide(Fact(0, parts(as_desired(UNIT_FILE), (0, kept), (0, "")).encode()))

    assert isinstance(decision, NotApplicable), decision
    assert "a condition in its unit file is not met" in decision.reason


def test_template_of_a_secret_is_one() -> None:
    """A template with a secret value is a secret as a whole; one that does not use it is not."""
    used = Template("/f", "a=$a", {"a": Secret("canary")})
    unused = Template("/f", "a=1", {"a": Secret("canary")})

    assert isinstance(used.file.content, Secret)
    assert "a=1" == unused.file.content
    assert "canary" not in repr(used) + used.look()


def test_packages_wait_as_long_as_asked() -> None:
    """The deadline for another user of apt is the resource's own."""
    decision = Packages(("ufw",), lock_seconds=7).decide(Fact(1, b""))

    assert isinstance(decision, Change)
    assert '"$waited" -ge 7 ]' in decision.script


def test_parts_cannot_be_taken_for_each_other(tmp_path: object) -> None:
    """A file that holds what another look would print changes nothing: each look is in an envelope of its own."""
    text = parts((0, UP), (0, ""))
    file = File(f"{tmp_path}/unit", text)

    status = look(file).exit_status

    assert status == 3
    assert isinstance(UNIT.decide(Fact(0, parts((0, f"{PLAIN_FILE}\n{text}"), (0, UP), (0, "")).encode())), Change)
