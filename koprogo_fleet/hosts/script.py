"""
Many looks, or many changes, as one script for ``sh -s``; and what it printed, taken apart again.

The script's own lines carry a nonce, so that nothing a node prints can be taken for them. The script is one function
that is called by its last line: a script that arrives cut short is a syntax error, and does nothing.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from koprogo_fleet.hosts.questions import Asks, ask_all
from koprogo_fleet.hosts.resource import Fact, Resource

PENDING_DIRECTORY = "/run/koprogo-fleet/handlers"
"""Where a node remembers which handlers were notified and have not run yet; a reboot settles them."""

_VERBS = {b"begin", b"end", b"done"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Gathered:
    """What one round of looking found: a fact for each resource, and the ids of the handlers still to run."""

    facts: tuple[Fact, ...]
    pending: frozenset[str]


@dataclass(frozen=True)
class Step:
    """One change, or one handler: its name, and the sh that does it (never shown: it may hold secrets)."""

    name: str
    script: str = field(repr=False)
    notify: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handler:
    """
    What is run once at the end if a change notifies it.

    Attributes:
        script: the sh that does it.
        disrupts_etcd: it may take this node's etcd member down, so that it needs a proof that the quorum survives.
    """

    script: str = field(repr=False)
    disrupts_etcd: bool = False


@dataclass(frozen=True)
class Applied:
    """
    How far an apply script came.

    Attributes:
        done: how many steps ended well, handlers included.
        exit_status: of the first step that failed; 0 if none did, None if the script ended in the middle of a step.
        stdout: what that step printed.
        stderr: what that step printed.
    """

    done: int
    exit_status: int | None
    stdout: bytes
    stderr: bytes


def gather_script(resources: Sequence[Resource], nonce: str, pending_directory: str = PENDING_DIRECTORY) -> bytes:
    """Return the script that looks at all *resources*; it changes nothing, and ends with exit status 0."""
    looks = _distinct_looks(resources)
    lines = ask_all(
        question for resource in resources if isinstance(resource, Asks) for question in resource.questions()
    )
    lines.append(_mark(nonce, "begin 0 0"))
    for index, look in enumerate(looks):
        # A subshell: a look may exit, and may leave variables behind. No stdin: that is the script itself.
        lines += ["(", look, ") </dev/null", _mark(nonce, f"end {index} $?")]
    lines += [
        f"for id in {shlex.quote(pending_directory)}/*; do",
        """if [ -e "$id" ]; then printf '%s\\n' "${id##*/}"; fi""",
        "done",
        _mark(nonce, f"done {len(looks)} 0"),
    ]
    return _as_one(lines)


def parse_gather(output: bytes, nonce: str, resources: Sequence[Resource]) -> Gathered:
    """
    Take apart what :func:`gather_script` printed about the same *resources*.

    Raises:
        ValueError: it is not whole.
    """
    frames = _frames(output, nonce)
    facts = tuple(Fact(frame.status, frame.text) for frame in frames if frame.verb == "end")
    if not frames or frames[-1].verb != "done" or frames[-1].index != len(facts):
        raise ValueError(f"the answer is cut short: it holds {len(facts)} facts")
    by_look = dict(zip(_distinct_looks(resources), facts, strict=True))
    facts = tuple(by_look[resource.look()] for resource in resources)
    return Gathered(facts, frozenset(frames[-1].text.decode(errors="replace").split()))


def apply_script(
    steps: Sequence[Step],
    handlers: Mapping[str, str],
    nonce: str,
    pending_directory: str = PENDING_DIRECTORY,
    *,
    guard: str = "",
) -> bytes:
    """
    Return the script that does the *steps*, then the *handlers*, in order, and stops at the first that fails.

    Before the first of them it runs *guard*, which ends it if nothing must be changed, see
    :func:`koprogo_fleet.hosts.fence.guard`.

    A step notes the handlers that it notifies before it changes anything, and a handler's note is removed when it has
    run well: a run that is killed in between owes them to the next. The script ends with exit status 0 even when a
    step failed; the frames tell.
    """
    directory = shlex.quote(pending_directory)
    lines = [_mark_both(nonce, "begin 0 0"), guard]
    for index, step in enumerate(steps):
        notes = [f"mkdir -p {directory}", *(f": >{directory}/{handler_id(handlers[name])}" for name in step.notify)]
        lines += _guarded(index, nonce, [*(notes if step.notify else ()), step.script])
    for index, script in enumerate(handlers.values(), start=len(steps)):
        lines += _guarded(index, nonce, [script, f"rm -f {directory}/{handler_id(script)}"])
    return _as_one([*lines, _mark_both(nonce, f"done {len(steps) + len(handlers)} 0")])


def parse_apply(stdout: bytes, stderr: bytes, nonce: str) -> Applied:
    """
    Take apart what :func:`apply_script` printed, even if much of it was left out in the middle.

    Raises:
        ValueError: the script did not begin.
    """
    frames = _frames(stdout, nonce)
    if not frames:
        raise ValueError("the script did not begin")
    last = frames[-1]
    if last.verb == "done":
        return Applied(last.index, 0, b"", b"")
    if last.verb == "end" and last.status:
        said = next((frame.text for frame in _frames(stderr, nonce) if frame.marks(last)), b"")
        return Applied(last.index, last.status, last.text, said)
    done = last.index + 1 if last.verb == "end" else 0
    return Applied(done, None, _after_last_mark(stdout, nonce), _after_last_mark(stderr, nonce))


def handler_id(script: str) -> str:
    """Return the name under which a node remembers a handler: the same script is the same handler."""
    return hashlib.sha256(script.encode()).hexdigest()[:16]


def _distinct_looks(resources: Sequence[Resource]) -> tuple[str, ...]:
    """Return each look once: two lines of one file look at the same."""
    return tuple(dict.fromkeys(resource.look() for resource in resources))


def _as_one(lines: Sequence[str]) -> bytes:
    body = "\n".join(lines)
    return f"main() {{\nPATH={_PATH}; export PATH\n{body}\nexit 0\n}}\nmain\n".encode()


def _guarded(index: int, nonce: str, script: Sequence[str]) -> list[str]:
    # Not "( … ) || …": that would switch off set -e inside.
    return [
        "(",
        "set -eu",
        "umask 022",
        *script,
        # The guard's lock is this script's alone: a program that a step leaves running must not keep it.
        ") </dev/null 9<&-",
        "status=$?",
        _mark_both(nonce, f"end {index} $status"),
        '[ "$status" -eq 0 ] || exit 0',
    ]


def _mark(nonce: str, words: str) -> str:
    return f"printf '\\n%s\\n' \"{nonce} {words}\""


def _mark_both(nonce: str, words: str) -> str:
    return f"{_mark(nonce, words)}; {_mark(nonce, words)} >&2"


@dataclass(frozen=True)
class _Frame:
    verb: str
    index: int
    status: int
    text: bytes
    """What was printed since the mark before."""

    def marks(self, other: _Frame) -> bool:
        return (self.verb, self.index) == (other.verb, other.index)


def _frames(output: bytes, nonce: str) -> list[_Frame]:
    return _taken_apart(output, nonce)[0]


def _after_last_mark(output: bytes, nonce: str) -> bytes:
    return _taken_apart(output, nonce)[1]


def _taken_apart(output: bytes, nonce: str) -> tuple[list[_Frame], bytes]:
    """Return the frames and what is after the last of them; a mark that was broken in its middle is text."""
    # Not by a regular expression: with the nonce in it, each answer would need one of its own.
    start = f"\n{nonce} ".encode()
    text, *parts = output.split(start)
    frames = []
    for part in parts:
        line, end, after = part.partition(b"\n")
        verb, *numbers = line.split(b" ")
        if end and verb in _VERBS and len(numbers) == 2 and all(map(bytes.isdigit, numbers)):  # noqa: PLR2004 - index, status
            frames.append(_Frame(verb.decode(), int(numbers[0]), int(numbers[1]), text))
            text = after
        else:
            text += start + part
    return frames, text
