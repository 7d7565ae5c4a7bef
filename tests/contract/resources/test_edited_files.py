"""Templates, lines and blocks in real files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from private_node import PrivateNode

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Change, Fact, Refused, Resource, Unchanged
from koprogo_fleet.hosts.resources import Block, Line, Template

HOSTILE = 'it\'s "x" $(touch /tmp/pwned) `id` \\ %s -n #'

EDITS: dict[str, tuple[Line | Block, bytes, bytes]] = {
    # case: resource, the file before, the file after
    "line at the end": (Line("/f", "b"), b"a\n", b"a\nb\n"),
    "line after an open end": (Line("/f", "b"), b"a", b"a\nb\n"),
    "line in an empty file": (Line("/f", "b"), b"", b"b\n"),
    "line in place": (Line("/f", "Port 2", r"^#?\s*Port\b"), b"x\n# Port 1\ny\n", b"x\nPort 2\ny\n"),
    "line once for many": (Line("/f", "Port 2", r"^#?Port "), b"#Port 1\ny\nPort 3\nPort 2\n", b"Port 2\ny\n"),
    "line found nowhere": (Line("/f", "Port 2", r"^Port "), b"x\n", b"x\nPort 2\n"),
    "last line, open, is not ours": (Line("/f", "P=2", "^P="), b"P=1\nend", b"P=2\nend"),
    "line that goes": (Line("/f", "b", absent=True), b"a\nb\nc\nb\n", b"a\nc\n"),
    "lines that go by match": (Line("/f", match="^b", absent=True), b"a\nbb\nbc", b"a\n"),
    "only line goes": (Line("/f", "a", absent=True), b"a\n", b""),
    "rest byte for byte": (Line("/f", "b"), b"\xff\x00\r\n\x0c\xe2\x80\xa8x\n", b"\xff\x00\r\n\x0c\xe2\x80\xa8x\nb\n"),
    "hostile line": (Line("/f", HOSTILE), b"a\n", f"a\n{HOSTILE}\n".encode()),
    "secret line": (Line("/f", Secret("t=new"), "^t="), b"t=old\n", b"t=new\n"),
    "block at the end": (Block("/f", "x\ny\n"), b"a", b"a\n# BEGIN koprogo-fleet\nx\ny\n# END koprogo-fleet\n"),
    "block in place": (
        Block("/f", "new", "m", ";"),
        b"a\n; BEGIN m\nold\nold\n; END m\nb",
        b"a\n; BEGIN m\nnew\n; END m\nb",
    ),
    "block that goes": (Block("/f", marker="m", absent=True), b"a\n# BEGIN m\nold\n# END m\nb\n", b"a\nb\n"),
    "block beside another": (
        Block("/f", Secret(HOSTILE), "m"),
        b"# BEGIN n\n# END n\n",
        f"# BEGIN n\n# END n\n# BEGIN m\n{HOSTILE}\n# END m\n".encode(),
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_edit_changes_its_part_and_nothing_else(node: PrivateNode, tmp_path: Path, case: str) -> None:
    """The file becomes what it should be, keeps owner and mode, and the second run has nothing to do."""
    resource, before, after = EDITS[case]
    (tmp_path / "shared" / "before").write_bytes(before)
    node.run(f"cat {tmp_path}/shared/before >/f; chown games:mail /f; chmod 0640 /f")

    node.converge(resource)

    node.run(f"cat /f >{tmp_path}/shared/after")
    assert after == (tmp_path / "shared" / "after").read_bytes()
    assert "games mail 640\n" == node.run("stat -c '%U %G %a' /f")
    assert Unchanged() == node.decide(resource)
    assert "" == node.run("ls -A / | grep koprogo-tmp || :; ls /tmp/pwned 2>/dev/null || :")


@pytest.mark.parametrize(
    "resource", [Line("/new dir/f", "a"), Block("/new dir/f", "a"), Template("/f", "$x", {"x": 1})]
)
def test_missing_file_is_made(node: PrivateNode, resource: Resource) -> None:
    """A file that is not there is made, with its directory, readable by all."""
    first = node.converge(resource)

    assert ["create file"] == [re.sub(" /.*", "", line) for line in first]
    assert "root root 644\n" == node.run(f"stat -c '%U %G %a' '{resource.path}'")  # type: ignore[attr-defined]
    assert [] == node.converge(resource)


@pytest.mark.parametrize("resource", [Line("/f", "a", absent=True), Block("/f", absent=True)])
def test_absent_from_a_file_that_is_not_there(node: PrivateNode, resource: Resource) -> None:
    """What is in no file is not there either."""
    assert Unchanged() == node.decide(resource)


def test_diff_shows_our_lines_alone(node: PrivateNode) -> None:
    """The difference shows the line, and neither the lines around it nor a secret."""
    node.run("printf 'password=canary\\nport=1\\n' >/f")

    shown, hidden = (
        node.decide(Line("/f", "port=2", "^port=")),
        node.decide(Line("/f", Secret("port=canary"), "^port=")),
    )

    assert isinstance(shown, Change)
    assert "--- /f (now)\n+++ /f (desired)\n@@ -2 +2 @@\n-port=1\n+port=2" == shown.differences[0].detail
    assert "canary" not in repr(shown) + repr(hidden)


def test_what_an_earlier_step_wrote_is_not_lost(node: PrivateNode) -> None:
    """A file that appeared or changed after it was looked at is left as it is, and the step says what to do."""
    line = Line("/f", "mine")
    for content in ("from a package", "changed"):
        decision = node.decide(line)
        assert isinstance(decision, Change)
        node.run(f"echo {content} >/f")

        applied = node.apply(line, decision)

        assert (75, b"it changed after it was looked at: run the same again\n") == (applied.exit_status, applied.stderr)
        assert f"{content}\n" == node.run("cat /f")


def test_refused_edit(node: PrivateNode) -> None:
    """A new content that its check refuses does not take the old one's place."""
    node.run("echo 'root ALL=(ALL) ALL' >/etc/sudoers.d/x; chmod 0440 /etc/sudoers.d/x")

    applied = node.mend(Line("/etc/sudoers.d/x", "nonsense =", validate="! grep nonsense %s"))

    assert applied.exit_status
    assert "root ALL=(ALL) ALL\n" == node.run("cat /etc/sudoers.d/x; ls -A /etc/sudoers.d | grep koprogo || :")


def test_links_and_large_files_are_left_alone(node: PrivateNode) -> None:
    """A link is not replaced by a file, and a huge file not fetched."""
    node.run("ln -s /etc/hosts /link; mkdir /dir; head -c 2000000 /dev/zero >/huge")

    decisions = [node.decide(Line(path, "x")) for path in ("/link", "/dir", "/huge")]

    assert ["is a symbolic link", "is a directory", "more than 1048576 bytes"] == [
        re.search(r"is a [a-z ]+(?=,)|more than \d+ bytes", decision.reason)[0]  # type: ignore[index,union-attr]
        for decision in decisions
        if isinstance(decision, Refused)
    ]


def test_marks_that_do_not_pair() -> None:
    """A block that somebody cut is left to a person."""
    for content in ("# BEGIN m\nx\n", "# END m\n# BEGIN m\n", "# BEGIN m\n# BEGIN m\n# END m\n"):
        fact = Fact(0, f"regular file|644|root|0|root|0\n{content}".encode())

        decision = Block("/f", "x", "m").decide(fact)

        assert isinstance(decision, Refused), decision
        assert "do not pair" in decision.reason


def test_template(node: PrivateNode) -> None:
    """Values arrive as they are, whatever is in them, and a secret one is not shown."""
    template = Template("/f", "a=$a\nb=${b}c $$HOME\n", {"a": HOSTILE, "b": 7, "unused": "x"}, mode="0600")
    secret = Template("/s", "token=$t\n", {"t": Secret("canary")})

    node.converge(template)
    decision = node.decide(secret)
    node.converge(secret)

    assert f"a={HOSTILE}\nb=7c $HOME\n" == node.run("cat /f")
    assert "token=canary\n" == node.run("cat /s")
    assert "canary" not in repr(decision) + repr(secret) + secret.look()
    assert [[], []] == [node.converge(template), node.converge(secret)]
