"""A secret cannot be shown by accident, in any of the ways that Python has."""

from __future__ import annotations

import copy
import copyreg
import inspect
import io
import json
import logging
import marshal
import pickle
import pprint
import string
import traceback
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass

import pytest
import rich
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from koprogo_fleet.core.secret import MASK, Secret, redact

CANARY = "c4n4ry-hunter2"


@dataclass
class Holder:
    """A value with a secret in it."""

    token: Secret


class Model(BaseModel):
    """A pydantic model with a secret in it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    token: Secret


def _on_console(show: Callable[[Console], object]) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _raised(secret: Secret) -> BaseException:
    try:
        _fail(secret)
    except ValueError as error:
        return error
    raise AssertionError


SHOWN: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "format": lambda secret: format(secret, ">40"),
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s} {secret:>30}",
    "str.format": "{} {0}".replace("{} ", "").format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - it is one of the ways
    "template": lambda secret: string.Template("$it").substitute(it=secret),
    "in a list": lambda secret: str([secret, {"a": secret}, (secret,)]),
    "in a dataclass": lambda secret: repr(Holder(secret)),
    "in a model": lambda secret: repr(Model(token=secret)) + str(Model(token=secret)),
    "in an exception": lambda secret: repr(ValueError(secret)) + str(ValueError(secret)),
    "pprint": pprint.pformat,
    "json default": lambda secret: json.dumps({"a": secret}, default=str),
    "dir": lambda secret: str(dir(secret)),
    "a model's data": lambda secret: Model(token=secret).model_dump(),
    "members": inspect.getmembers,
    "members of its type": lambda secret: [getattr(secret, name, "") for name in type(secret).__slots__],
    "rich": lambda secret: _on_console(lambda console: console.print(secret, [secret], Holder(secret))),
    "rich's pretty printer": lambda secret: pretty_repr({"token": secret, "holder": Holder(secret)}),
    "rich.inspect": lambda secret: _on_console(
        lambda console: rich.inspect(secret, console=console, all=True, dunder=True)
    ),
    "rich's traceback with local variables": lambda secret: _on_console(
        lambda console: console.print(
            Traceback.from_exception(ValueError, _raised(secret), _raised(secret).__traceback__, show_locals=True)
        )
    ),
    "attributes": lambda secret: str(getattr(secret, "__dict__", "none")),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_showing_it_shows_the_mask(show: Callable[[Secret], object]) -> None:
    """No way of making text shows the value."""
    assert CANARY not in str(show(Secret(CANARY)))


@pytest.mark.parametrize(
    "serialise",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        *(lambda secret, protocol=protocol: pickle.dumps(secret, protocol) for protocol in range(6)),
        lambda secret: copyreg.__reduce_ex__(secret, 1),  # type: ignore[attr-defined]
        lambda secret: secret.__getstate__(),
        lambda secret: asdict(Holder(secret)),
        lambda secret: astuple(Holder(secret)),
        json.dumps,
        yaml.dump,
        lambda secret: yaml.dump([Holder(secret)]),
        vars,
        hash,
        iter,
        len,
        bytes,
        lambda secret: secret + "x",
        lambda secret: "x" + secret,
        "".join,
    ],
)
def test_making_data_of_it_is_refused(serialise: Callable[[Secret], object]) -> None:
    """What would copy or serialise the value raises, and the error does not show it."""
    with pytest.raises(TypeError) as caught:
        serialise(Secret(CANARY))

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "serialise",
    [
        yaml.safe_dump,
        marshal.dumps,
        lambda secret: Model(token=secret).model_dump_json(),
        lambda secret: Model(token=secret).model_dump(mode="json"),
    ],
)
def test_serialisers_with_errors_of_their_own_refuse_it(serialise: Callable[[Secret], object]) -> None:
    """A serialiser that knows only its own types knows no secret, and its error does not show it."""
    with pytest.raises((ValueError, yaml.YAMLError)) as caught:
        serialise(Secret(CANARY))

    assert CANARY not in f"{caught.value!r} {caught.value}"


def _fail(secret: Secret) -> None:
    raise ValueError(secret)


def test_logging_shows_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    """As argument or as message, with a traceback or without, a log has the mask."""
    secret = Secret(CANARY)
    logger = logging.getLogger("test")
    with caplog.at_level(logging.DEBUG):
        logger.warning("token %s %r", secret, {"token": secret})
        logger.warning(secret)
        try:
            _fail(secret)
        except ValueError:
            logger.exception("failed with %s", secret)

    assert MASK in caplog.text
    assert CANARY not in caplog.text


def test_a_traceback_with_local_variables_shows_the_mask() -> None:
    """Crash reporters that show the variables of every frame show the mask."""
    secret = Secret(CANARY)
    try:
        _fail(secret)
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert f"secret = Secret({MASK})" in text
    assert CANARY not in text


def test_it_is_compared_and_revealed() -> None:
    """Equality works among secrets only; the value leaves by one door."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert (bool(Secret("")), bool(Secret("a"))) == (False, True)
    assert Secret(CANARY).reveal() == CANARY


def test_any_text_is_compared() -> None:
    """Text that has no UTF-8 form is compared like any other: an encoding error would carry the value along."""
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("\ud800") != Secret("\ud801")


@pytest.mark.parametrize("value", [CANARY.encode(), None, 7, Secret(CANARY)])
def test_it_is_made_of_text_alone(value: object) -> None:
    """Anything else is a mistake that is found where it is made, and the error names the type alone."""
    with pytest.raises(TypeError) as caught:
        Secret(value)  # type: ignore[arg-type]

    assert CANARY not in str(caught.value)


WORDS = st.text("abc", min_size=1, max_size=4)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_redacted_text_has_no_secret(values: list[str], around: str) -> None:
    """Every occurrence is masked, also where one secret is part of another."""
    masked = redact(around + around.join(values) + around, *map(Secret, values))

    assert not [value for value in values if value in masked]


def test_redacting_nothing_changes_nothing() -> None:
    """An empty secret is in every text, and masks none."""
    assert redact("text", Secret("")) == "text"
