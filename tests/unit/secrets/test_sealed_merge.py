"""Values that are merged into a SealedSecret's file."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.secrets.sealing.merge import merged

FILE = """\
# the API's own
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: api, namespace: koprogo}   # strict
spec:
  encryptedData:
      old:    AgOLD==   # kept as it is
      changed: AgBEFORE=
  template:
    type: Opaque
"""


def update(values: dict[str, str], **metadata: dict[str, str]) -> dict[str, Any]:
    """Return a SealedSecret with *values*."""
    return {"kind": "SealedSecret", "spec": {"encryptedData": values, "template": {"metadata": metadata}}}


def test_yaml() -> None:
    """A value is changed in its place, a new one is added, and every other byte of the file stays."""
    text = merged(FILE, update({"changed": "AgAFTER=", "new": "AgNEW="}, labels={"app": "api"}))

    assert text == FILE.replace("AgBEFORE=", '"AgAFTER="').replace(
        "      old:", '      "new": "AgNEW="\n      old:'
    ).replace("    type: Opaque", '    "metadata": {"labels": {"app": "api"}}\n    type: Opaque')


def test_nothing_new() -> None:
    """What is there already changes nothing."""
    assert FILE == merged(FILE, update({"old": "AgOLD=="}))


@pytest.mark.parametrize("data", [{}, None, {"a": "AgA="}])
@pytest.mark.parametrize("write", [dump_yaml, json.dumps, lambda found: json.dumps(found, indent=4)])
def test_layouts(write: Any, data: dict[str, str] | None) -> None:
    """Empty and missing maps, JSON and YAML: the file has what it had, and the new value."""
    before = {"kind": "SealedSecret", "metadata": {"name": "s"}, "spec": {"encryptedData": data}}

    after = yaml.safe_load(merged(write(before), update({"b": "AgB="})))

    assert {**before, "spec": {"encryptedData": {**(data or {}), "b": "AgB="}}} == after


KEYS = st.dictionaries(st.text("abyno-._019", min_size=1, max_size=6), st.text("AbZ09+/=", min_size=1), max_size=4)


@given(before=KEYS, new=KEYS)
def test_any_keys(before: dict[str, str], new: dict[str, str]) -> None:
    """Whatever a key looks like to YAML (``no``, ``1``, ``0o1``), the result has both."""
    file = {"kind": "SealedSecret", "spec": {"encryptedData": before}}

    assert {**before, **new} == yaml.safe_load(merged(dump_yaml(file), update(new)))["spec"]["encryptedData"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{kind: SealedSecret}\n---\n{kind: SealedSecret}", "the file has 2"),
        ("kind: Secret", "not a SealedSecret"),
        ("{kind: SealedSecret, spec: &a {encryptedData: {x: y}}, other: *a}", "cannot be changed in place"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """A file of which it is not clear what would change stays as it is."""
    with pytest.raises(InputError, match=message):
        merged(text, update({"new": "AgNEW="}))
