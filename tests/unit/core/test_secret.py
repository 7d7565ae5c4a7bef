"""A secret cannot be shown by accident, in any of the ways that Python has."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import string
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

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
        lambda secret: asdict(Holder(secret)),
        json.dumps,
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


WORDS = st.text("abc", min_size=1, max_size=4)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_redacted_text_has_no_secret(values: list[str], around: str) -> None:
    """Every occurrence is masked, also where one secret is part of another."""
    masked = redact(around + around.join(values) + around, *map(Secret, values))

    assert not [value for value in values if value in masked]


def test_redacting_nothing_changes_nothing() -> None:
    """An empty secret is in every text, and masks none."""
    assert redact("text", Secret("")) == "text"
