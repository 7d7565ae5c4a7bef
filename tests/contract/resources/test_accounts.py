"""Users, groups and keys, made by the real tools in a copy of /etc."""

from __future__ import annotations

import subprocess
from pathlib import Path

from private_node import PrivateNode

from koprogo_fleet.hosts.resource import Change, Refused, Unchanged
from koprogo_fleet.hosts.resources import AuthorizedKeys, Group, User

ALICE = User("k-alice", uid=4242, groups=("games", "k-ops"), login_shell="/bin/sh", home="/home/k alice")


def make_key(directory: Path, name: str) -> str:
    """Return a new public key, as in a .pub file."""
    path = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True, timeout=60)
    return path.with_suffix(".pub").read_text(encoding="ascii").strip()


def test_user_and_group_from_nothing(node: PrivateNode) -> None:
    """They are made as asked, the second run has nothing to do, and both can go again; the home directory stays."""
    assert ["create group k-ops"] == node.converge(Group("k-ops", gid=4300))
    assert ["create user k-alice"] == node.converge(ALICE)

    assert "k-alice:x:4242:4242::/home/k alice:/bin/sh\n" == node.run("getent passwd k-alice")
    assert "games k-alice k-ops\n" == node.run("id -nG k-alice | tr ' ' '\\n' | sort | paste -sd ' '")
    assert "k-alice L\n" == node.run("passwd --status k-alice | cut -d ' ' -f 1,2")
    assert [[], []] == [node.converge(Group("k-ops", gid=4300)), node.converge(ALICE)]

    gone = (User("k-alice", absent=True), Group("k-ops", absent=True))
    assert [["delete user k-alice"], ["delete group k-ops"]] == [node.converge(resource) for resource in gone]
    assert [[], []] == [node.converge(resource) for resource in gone]
    assert "k alice\n" == node.run("ls /home | grep alice")


def test_user_that_is_another_one_is_mended(node: PrivateNode) -> None:
    """Exactly what differs is named and changed: the home moves, other groups are left, the password is locked."""
    node.run("groupadd k-ops; useradd -m -u 4242 -G mail -s /bin/bash k-alice; echo k-alice:secret | chpasswd")
    node.run("touch /home/k-alice/file")

    assert [
        "change shell of user k-alice: /bin/bash -> /bin/sh",
        "change home of user k-alice: /home/k-alice -> /home/k alice",
        "change groups of user k-alice: mail -> games k-ops",
        "change password of user k-alice: usable -> locked",
    ] == node.converge(ALICE)
    assert [] == node.converge(ALICE)
    assert "file\n" == node.run("ls '/home/k alice'")


def test_what_is_not_asked_for_is_left(node: PrivateNode) -> None:
    """None leaves shell, groups, home and number as they are; an empty tuple means no other group."""
    node.run("useradd -m -G mail -s /bin/bash k-bob")

    assert [] == node.converge(User("k-bob"))
    assert ["change groups of user k-bob: mail -> nothing"] == node.converge(User("k-bob", groups=()))
    assert [] == node.converge(User("k-bob", groups=()))


def test_system_user_with_a_group_that_is_there(node: PrivateNode) -> None:
    """A system user has no home directory, and takes the group of its name that an earlier step made."""
    node.converge(Group("k-daemon", system=True))
    node.converge(User("k-daemon", system=True, login_shell="/usr/sbin/nologin"))

    uid, home = node.run("getent passwd k-daemon | cut -d : -f 3,6").strip().split(":")
    assert int(uid) < 1000
    assert "k-daemon\n" == node.run("id -nG k-daemon")
    assert "no\n" == node.run(f"[ -e {home} ] && echo yes || echo no")


def test_another_number_is_left_to_a_person(node: PrivateNode) -> None:
    """Files of the old number would be nobody's: the change is refused, with what to do."""
    node.run("groupadd -g 4300 k-ops; useradd -u 4242 k-alice")

    decisions = [node.decide(User("k-alice", uid=4243)), node.decide(Group("k-ops", gid=4301))]

    assert ["user k-alice has the number 4242, not 4243", "group k-ops has the number 4300, not 4301"] == [
        decision.reason.split(":")[0] for decision in decisions if isinstance(decision, Refused)
    ]


def test_group_for_a_user_is_missing(node: PrivateNode) -> None:
    """The words of useradd say which group does not exist; no user is made."""
    applied = node.mend(ALICE)

    assert b"group 'k-ops' does not exist" in applied.stderr
    assert "none\n" == node.run("getent passwd k-alice || echo none")


def test_key_of_somebody_who_left_is_removed(node: PrivateNode, tmp_path: Path) -> None:
    """Only the keys that are asked for stay, with their options; they are the user's own, 0600."""
    alice, bob = make_key(tmp_path, "alice"), make_key(tmp_path, "bob")
    restricted = f'from="10.0.0.0/24",command="echo \\"a b\\"" {alice}'
    node.run("useradd -m k-app")

    first = node.converge(AuthorizedKeys("k-app", (restricted, bob)))
    second = node.converge(AuthorizedKeys("k-app", (restricted,)))

    assert [
        f"create key {name} (…{key.split()[1][-8:]}) of k-app" for name, key in (("alice", alice), ("bob", bob))
    ] == (first[:2])
    assert [f"delete key bob (…{bob.split()[1][-8:]}) of k-app"] == second
    assert [] == node.converge(AuthorizedKeys("k-app", (restricted,)))
    assert f"{restricted}\n" == node.run("cat /home/k-app/.ssh/authorized_keys")
    assert "k-app k-app 700\nk-app k-app 600\n" == node.run(
        "cd /home/k-app; stat -c '%U %G %a' .ssh .ssh/authorized_keys"
    )
    assert ["authorized_keys"] == node.run("ls -A /home/k-app/.ssh").split()


def test_sshd_agrees_that_it_is_a_key(node: PrivateNode, tmp_path: Path) -> None:
    """What is written is what ssh-keygen reads: one key, ours."""
    alice = make_key(tmp_path, "alice")
    node.run("useradd -m k-app")
    node.converge(AuthorizedKeys("k-app", (f"no-pty {alice}",)))

    listed = node.run("ssh-keygen -l -f /home/k-app/.ssh/authorized_keys").splitlines()

    assert ["alice"] == [line.split()[2] for line in listed]


def test_key_added_by_hand_and_loosened(node: PrivateNode, tmp_path: Path) -> None:
    """Keys, options, comments, permissions and the second file that sshd reads: all of it is seen and mended."""
    alice, eve = make_key(tmp_path, "alice"), make_key(tmp_path, "eve")
    keys = AuthorizedKeys("k-app", (f"no-pty {alice}",))
    node.run("useradd -m k-app")
    node.converge(keys)
    node.run(
        f"cd /home/k-app/.ssh; printf '%s\\n' '{alice}' '{eve}' 'nonsense' >>authorized_keys\n"
        f"echo '{eve}' >authorized_keys2; chmod 0666 authorized_keys; chown root: . authorized_keys; chmod 0777 ."
    )

    assert [
        f"change options of key alice (…{alice.split()[1][-8:]}) of k-app",
        f"delete key eve (…{eve.split()[1][-8:]}) of k-app",
        "delete key (a line that is no key) of k-app",
        "change directory .ssh of k-app: directory 777 root -> directory 700 k-app",
        "change file authorized_keys of k-app: regular file 666 root -> regular file 600 k-app",
        "delete file authorized_keys2 of k-app",
    ] == node.converge(keys)
    assert [] == node.converge(keys)


def test_keys_of_others_stay_if_not_exclusive(node: PrivateNode, tmp_path: Path) -> None:
    """Without exclusive the other lines stay byte for byte."""
    alice, bob = make_key(tmp_path, "alice"), make_key(tmp_path, "bob")
    keys = AuthorizedKeys("k-app", (alice,), exclusive=False)
    node.run(
        f"useradd -m k-app; mkdir -m 700 /home/k-app/.ssh; printf '# \\377\\n{bob}' >/home/k-app/.ssh/authorized_keys"
    )

    node.converge(keys)

    assert [] == node.converge(keys)
    assert f"# \\377\n{bob}\n{alice}\n" == node.run("sed -n l1000 /home/k-app/.ssh/authorized_keys").replace(
        "$\n", "\n"
    )


def test_root_follows_no_link_of_the_user(node: PrivateNode, tmp_path: Path) -> None:
    """A user who puts a link where the keys belong gains nothing by it."""
    keys = AuthorizedKeys("k-app", (make_key(tmp_path, "alice"),))
    node.run(
        "useradd -m k-app; mkdir -m 0700 /root/target; echo precious >/root/target/authorized_keys\n"
        "ln -s /root/target /home/k-app/.ssh"
    )

    applied = node.mend(keys)

    assert applied.exit_status
    assert "precious\n" == node.run("cat /root/target/authorized_keys; stat -c %U /root/target | grep -v root || :")


def test_keys_of_a_user_who_is_still_to_be_made(node: PrivateNode, tmp_path: Path) -> None:
    """Looked at before the user exists, and written after an earlier step made it."""
    keys = AuthorizedKeys("k-new", (make_key(tmp_path, "alice"),))
    decision = node.decide(keys)
    assert isinstance(decision, Change)
    node.converge(User("k-new"))

    assert 0 == node.apply(keys, decision).exit_status
    assert Unchanged() == node.decide(keys)
