"""The framed scripts, run by the real sh."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from koprogo_fleet.hosts.resource import Decision, Fact, Unchanged
from koprogo_fleet.hosts.script import (
    Applied,
    Step,
    apply_script,
    gather_script,
    handler_id,
    parse_apply,
    parse_gather,
)

NONCE = "9f86d081884c7d65"


@dataclass(frozen=True)
class Look:
    """A resource that only looks."""

    script: str
    name: str = "look"

    def look(self) -> str:
        """Do what the test says."""
        return self.script

    def decide(self, _fact: Fact) -> Decision:
        """Be content."""
        return Unchanged()


def sh(script: bytes, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    """Run a script as converge does."""
    return subprocess.run([shell, "-s"], input=script, capture_output=True, check=False, timeout=20)


def apply(steps: Sequence[Step], handlers: Mapping[str, str], pending: Path) -> Applied:
    """Run the apply script and take its answer apart."""
    done = sh(apply_script(steps, handlers, NONCE, str(pending)))
    assert done.returncode == 0
    return parse_apply(done.stdout, done.stderr, NONCE)


@pytest.mark.parametrize(
    ("script", "fact"),
    [
        ("echo one", Fact(0, b"one\n")),
        ("printf no-newline", Fact(0, b"no-newline")),
        ("true", Fact(0, b"")),
        ("exit 7", Fact(7, b"")),
        ("echo out; echo err >&2; false", Fact(1, b"out\n")),
        (r"printf '\000\377\n\n'", Fact(0, b"\x00\xff\n\n")),
        ("no-such-command", Fact(127, b"")),
        ("cat", Fact(0, b"")),
        ("kill -9 $(sh -c 'echo $PPID')", Fact(137, b"")),
        (f"echo '{NONCE[:-1]}x end 0 0'", Fact(0, NONCE[:-1].encode() + b"x end 0 0\n")),
        ("cd /; leaked=1; umask 0", Fact(0, b"")),
        ("cat <<X\nhere\nX", Fact(0, b"here\n")),
    ],
)
def test_a_look_comes_back_byte_for_byte(script: str, fact: Fact) -> None:
    """Whatever a look prints and however it ends, the fact is exact, and the looks beside it are unharmed."""
    looks = [Look("echo before"), Look(script), Look('echo "after ${leaked-}"')]
    done = sh(gather_script(looks, NONCE, "/nonexistent"))

    assert 0 == done.returncode
    assert (Fact(0, b"before\n"), fact, Fact(0, b"after \n")) == parse_gather(done.stdout, NONCE, looks).facts


def test_noise_before_the_script_is_ignored() -> None:
    """What a login shell prints before the script begins is no fact."""
    looks = [Look("echo one")]
    done = sh(gather_script(looks, NONCE, "/nonexistent"))

    assert (Fact(0, b"one\n"),) == parse_gather(b"Welcome!\nend 0 0\n" + done.stdout, NONCE, looks).facts


def test_answer_cut_short_is_no_answer() -> None:
    """However little of the answer is missing at its end, it is refused."""
    looks = [Look("echo one"), Look("echo two")]
    whole = sh(gather_script(looks, NONCE, "/nonexistent")).stdout

    for length in range(len(whole)):
        with pytest.raises(ValueError, match="cut short"):
            parse_gather(whole[:length], NONCE, looks)


def test_the_same_look_is_taken_once(tmp_path: Path) -> None:
    """Resources that look at the same share the fact, each in its own place."""
    looks = [
        Look(f"echo x >>{tmp_path}/taken; echo same"),
        Look("echo other"),
        Look(f"echo x >>{tmp_path}/taken; echo same"),
    ]
    done = sh(gather_script(looks, NONCE, "/nonexistent"))

    assert [b"same\n", b"other\n", b"same\n"] == [fact.stdout for fact in parse_gather(done.stdout, NONCE, looks).facts]
    assert "x\n" == (tmp_path / "taken").read_text()


def test_script_cut_short_does_nothing(tmp_path: Path) -> None:
    """A script that arrives cut short, wherever, changes nothing."""
    script = apply_script([Step("touch", f"touch {tmp_path}/touched")], {}, NONCE, str(tmp_path / "pending"))

    for length in range(0, len(script) - len("main\n") + 3, 7):
        sh(script[:length])

    assert [] == list(tmp_path.iterdir())


def test_steps_stop_at_the_first_failure(tmp_path: Path) -> None:
    """A step that fails in its middle goes no further, and the steps after it are not begun."""
    steps = [
        Step("one", f"touch {tmp_path}/one"),
        Step("two", f"echo told; echo why >&2; (exit 3); touch {tmp_path}/rest-of-two"),
        Step("three", f"touch {tmp_path}/three"),
    ]

    applied = apply(steps, {"handler": f"touch {tmp_path}/handled"}, tmp_path / "pending")

    assert Applied(1, 3, b"told\n", b"why\n") == applied
    assert [tmp_path / "one"] == list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["false; true", "echo $unset_variable; true", "x=$(false); true", "cat; exit 5"])
def test_steps_are_strict(script: str, tmp_path: Path) -> None:
    """A command that fails, a variable that does not exist: none is passed over; stdin is empty."""
    assert apply([Step("strict", script)], {}, tmp_path / "pending").exit_status


def test_broken_off_in_a_step(tmp_path: Path) -> None:
    """A script that is killed names the step it was in, and what that had said."""
    step = Step("killed", "echo going; echo down >&2; kill -9 $PPID_OF_SH")
    script = apply_script([Step("fine", "echo ok"), step], {}, NONCE, str(tmp_path)).replace(b"$PPID_OF_SH", b"$$")
    done = sh(script)

    assert Applied(1, None, b"going\n", b"down\n") == parse_apply(done.stdout, done.stderr, NONCE)


def test_flood_in_the_middle_is_left_out(tmp_path: Path) -> None:
    """When the middle of the output is missing, marks and all, the last step is told right."""
    done = sh(apply_script([Step("a", "echo a"), Step("b", "echo b"), Step("c", "exit 2")], {}, NONCE, str(tmp_path)))
    middle = done.stdout.index(b"end 0 0")

    applied = parse_apply(done.stdout[:middle] + b"[99 bytes left out here]" + done.stdout[-60:], b"", NONCE)

    assert (2, 2) == (applied.done, applied.exit_status)


def test_script_that_did_not_begin() -> None:
    """An answer without any mark (no sudo, no sh) is no answer."""
    with pytest.raises(ValueError, match="did not begin"):
        parse_apply(b"sudo: a password is required\n", b"", NONCE)


def test_handlers_are_noted_before_and_forgotten_after(tmp_path: Path) -> None:
    """A notified handler is noted before its step changes anything, is found by the next look, and is settled once."""
    pending = tmp_path / "pending"
    handler = f"echo handled >>{tmp_path}/log"
    steps = [Step("change", f"ls {pending} >{tmp_path}/noted", ("reload",)), Step("fail", "exit 1")]

    apply(steps, {"reload": handler}, pending)

    assert f"{handler_id(handler)}\n" == (tmp_path / "noted").read_text(encoding="ascii")
    gathered = parse_gather(sh(gather_script([], NONCE, str(pending))).stdout, NONCE, [])
    assert {handler_id(handler)} == gathered.pending

    assert 1 == apply([], {"reload": handler}, pending).done
    assert [] == list(pending.iterdir())
    assert "handled\n" == (tmp_path / "log").read_text(encoding="ascii")


def test_failed_handler_stays_noted(tmp_path: Path) -> None:
    """A handler that fails is still owed."""
    applied = apply([Step("change", ":", ("reload",))], {"reload": "exit 6"}, tmp_path)

    assert (1, 6) == (applied.done, applied.exit_status)
    assert [tmp_path / handler_id("exit 6")] == list(tmp_path.iterdir())


def test_scripts_hide_themselves() -> None:
    """A step, which may hold a secret, does not show its script."""
    assert "canary" not in repr(Step("name", "echo canary"))


def test_guard_comes_before_everything(tmp_path: Path) -> None:
    """A guard that ends the script leaves its exit status and its words, and no step was begun."""
    steps = [Step("touch", f"touch {tmp_path}/touched", ("reload",))]
    done = sh(apply_script(steps, {"reload": ":"}, NONCE, str(tmp_path / "pending"), guard="echo no >&2; exit 76"))

    assert 76 == done.returncode
    assert Applied(0, None, b"", b"no\n") == parse_apply(done.stdout, done.stderr, NONCE)
    assert [] == list(tmp_path.iterdir())


def test_what_a_step_leaves_running_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The guard's lock is held during every step, and ends with the script even if a step started a daemon."""
    lock = f"exec 9<{tmp_path}; flock -n 9 || exit 75"
    probe = f"(exec 8<{tmp_path}; ! flock -n 8)"
    done = sh(
        apply_script(
            [Step("daemon", f"{probe}; sleep 5 >/dev/null 2>&1 & "), Step("next", probe)], {}, NONCE, guard=lock
        )
    )

    assert Applied(2, 0, b"", b"") == parse_apply(done.stdout, done.stderr, NONCE)
    assert 0 == sh(lock.encode()).returncode
