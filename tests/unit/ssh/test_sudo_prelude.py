"""What sudo says before the command runs, byte by byte."""

from __future__ import annotations

import re

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ssh.sudo import PasswordRefused, Sudo


def nonces(sudo: Sudo) -> tuple[bytes, bytes]:
    """Return the prompt and the sign that the command runs, as a node would send them."""
    line = sudo.command("true")
    halves = re.search(r"printf %s%s (\w{16}) (\w{16})", line)
    prompt = re.search(r"\[\w{32}\]", line)
    assert halves
    return (prompt[0].encode() if prompt else b""), "".join(halves.groups()).encode()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_in_parts(size: int) -> None:
    """However the stream is cut, the question is answered once and only the command's own bytes are left."""
    sudo = Sudo(Secret("pass"))
    prompt, started = nonces(sudo)
    stream = b"lecture\xff\nMot de passe: " + prompt + b"\n" + started + b"own" + prompt + b"\xff"
    own = answers = b""

    for start in range(0, len(stream), size):
        part = stream[start : start + size]
        if sudo.is_over:
            own += part
            continue
        mine, answer = sudo.hear(part)
        own += mine
        answers += answer
        if size == 1000 and answer:  # as it is with a real sudo, which waits for the answer before it goes on
            mine, answer = sudo.hear(b"")
            own += mine
            answers += answer

    assert own == b"own" + prompt + b"\xff"
    assert answers == (b"" if size == 1000 else b"pass\n")


def test_second_question() -> None:
    """A second question ends it."""
    sudo = Sudo(Secret("pass"))
    prompt, _ = nonces(sudo)
    assert sudo.hear(prompt) == (b"", b"pass\n")

    with pytest.raises(PasswordRefused):
        sudo.hear(b"Sorry\n" + prompt)


def test_without_password() -> None:
    """Without a password sudo is told not to ask."""
    assert "sudo -n " in Sudo(None).command("true")
    assert "-S" not in Sudo(None).command("true")


def test_password_is_not_in_the_command() -> None:
    """The command line can be seen by everybody, and holds no password."""
    assert "canary" not in Sudo(Secret("canary"), terminal=True).command("true")


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\0b"])
def test_password_that_cannot_be_typed(password: str) -> None:
    """A password with a line break or a NUL is the user's mistake, and is not shown."""
    with pytest.raises(InputError) as caught:
        Sudo(Secret(password))

    assert password not in str(caught.value)


def test_endless_lecture() -> None:
    """What is said instead of the command is kept within limits."""
    sudo = Sudo(None)
    for _ in range(100):
        sudo.hear(b"x" * 32768)

    assert len(sudo.said) <= 65536
