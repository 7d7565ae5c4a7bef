"""From files that people write to models, or to all their mistakes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from koprogo_fleet.core.errors import FileProblems, InputError, Problem
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet, load_model
from koprogo_fleet.core.model import Model
from koprogo_fleet.core.yamlfile import dump_yaml, parse_yaml

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
ACCEPTED = sorted((HERE / "accepted").glob("*.yaml"))
LAB = HERE.parents[2] / "inventory" / "lab" / "fleet.yaml"


def _mistakes(path: Path) -> str:
    with pytest.raises(FileProblems) as caught:
        load_fleet(path)
    return "".join(f"{str(problem).removeprefix(str(path.parent) + '/')}\n" for problem in caught.value.problems)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_known_mistake_has_its_message(path: Path) -> None:
    """Each bad file in cases/ gives exactly the messages beside it (KOPROGO_WRITE_CASES=1 writes them)."""
    mistakes = _mistakes(path)
    golden = path.with_suffix(".txt")
    if os.environ.get("KOPROGO_WRITE_CASES"):
        golden.write_text(mistakes)

    assert golden.read_text() == mistakes


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_messages_are_for_people(path: Path) -> None:
    """No message mentions the library that found the mistake."""
    text = _mistakes(path).lower()

    assert not [
        word
        for word in ("pydantic", "input should", "ruamel", "http://", "https://errors", "traceback")
        if word in text
    ]


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_unusual_but_clear_files_are_read(path: Path) -> None:
    """A byte order mark, Windows line ends, quotes, flow style and document marks are no mistakes."""
    assert load_fleet(path).pools[0].name == "cp"


def test_the_lab_is_the_production_topology() -> None:
    """The fleet.yaml that we ship loads, and is 3 control planes and 3 workers with 200 GB each."""
    fleet = load_fleet(LAB)

    assert [str(node.role) for node in fleet.nodes] == ["server"] * 3 + ["agent"] * 3
    assert [node.volume and node.volume.size_gb for node in fleet.nodes] == [None] * 3 + [200] * 3
    assert str(fleet.first_server.vrack_address) == "10.0.0.11"


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """A missing file is named, with a file of almost that name if there is one, and the next step."""
    (tmp_path / "fleet.yaml").write_text("")

    with pytest.raises(InputError) as caught:
        load_fleet(tmp_path / "fleet.yml")

    assert f"there is no file {tmp_path}/fleet.yml" == caught.value.seen
    assert f"its name may be misspelt: there is {tmp_path}/fleet.yaml" == caught.value.cause
    assert "copy of inventory/lab" in str(caught.value.next_step)


def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    """A file in a directory that does not exist is a missing file."""
    with pytest.raises(InputError, match="there is no file"):
        load_fleet(tmp_path / "nowhere" / "fleet.yaml")


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    """Naming a directory is explained too."""
    with pytest.raises(InputError, match="Is a directory"):
        load_fleet(tmp_path)


class Shelf(Model):
    """A model with what fleet.yaml does not have: optional and mapped models."""

    box: Shelf | None = None
    boxes: dict[str, Shelf] = Field(default_factory=dict)
    label: str = "x"


def test_models_inside_mappings_and_unions_are_explained(tmp_path: Path) -> None:
    """Did-you-mean knows the fields at every level, also behind Optional and in mappings."""
    path = tmp_path / "shelf.yaml"
    path.write_text("box:\n  labell: a\nboxes:\n  small:\n    boxs: {}\n")

    with pytest.raises(FileProblems) as caught:
        load_model(path, Shelf)

    assert [
        f'{path}:2: unknown field "labell" in box; did you mean "label"?',
        f'{path}:5: unknown field "boxs" in boxes.small; did you mean "boxes"?',
    ] == [str(problem) for problem in caught.value.problems]


def _large(flavor: str) -> str:
    head = "name: big\nnetwork: {vrack: 10.128.0.0/9, pods: 172.0.0.0/8}\nk3s: {version: v1.33.4+k3s1}\npools:\n"
    return head + "".join(
        f"  - name: p{index}\n    role: {'agent' if index else 'server'}\n    count: {5 if index else 1}\n"
        f"    {flavor}: b2-15\n    first_address: 10.{130 + index // 250}.{index % 250}.10\n"
        for index in range(2000)
    )


@pytest.mark.parametrize(("flavor", "seconds"), [("flavor", 20.0), ("flavour", 60.0)])
def test_ten_thousand_nodes_do_not_take_forever(tmp_path: Path, flavor: str, seconds: float) -> None:
    """10 000 nodes are loaded in seconds, and so are 2 000 mistakes explained."""
    path = tmp_path / "fleet.yaml"
    path.write_text(_large(flavor))
    begin = time.monotonic()

    if flavor == "flavor":
        assert len(load_fleet(path).nodes) == 9_996
    else:
        assert _mistakes(path).count("\n") == 2_000
    assert time.monotonic() - begin < seconds


WORDS = st.sampled_from(
    [
        "name",
        "pools",
        "k3s",
        "network",
        "vrack",
        "count",
        "role",
        "server",
        "10.0.0.0/24",
        "on",
        "0644",
        "-1",
        "~",
        "[",
        "]",
        "{",
        "}",
    ]
)
PIECES = st.one_of(
    WORDS,
    st.sampled_from([": ", "\n", "\n  ", "- ", "\t", "#", "&a ", "*a", "!!x ", "'", '"', "|\n", "---\n", "? ", ", "]),
    st.text(max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_a_fleet_or_a_list_of_mistakes(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever the text, the loader returns a model, or problems that stand on lines of the file."""
    path = tmp_path_factory.getbasetemp() / "arbitrary.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    _is_explained(path, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_fleet_or_a_list_of_mistakes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Nor do bytes that are no text raise anything else."""
    path = tmp_path_factory.getbasetemp() / "arbitrary.yaml"
    path.write_bytes(content)

    _is_explained(path, content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(list(Fleet.model_fields)) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(place=st.sampled_from(["name", "region", "network", "pools", "k3s", "ingress", "vault", "ssh"]), value=VALUES)
def test_any_value_in_a_right_file_is_explained(
    tmp_path_factory: pytest.TempPathFactory, place: str, value: object
) -> None:
    """One section of a right file replaced by anything is accepted or explained, never a crash."""
    path = tmp_path_factory.getbasetemp() / "mutated.yaml"
    right = parse_yaml(LAB).data
    assert isinstance(right, dict)
    text = dump_yaml({**right, place: value})
    path.write_text(text)

    _is_explained(path, text.encode())


def _is_explained(path: Path, content: bytes) -> None:
    lines = len(content.decode("utf-8", "replace").splitlines()) + 2
    try:
        load_fleet(path)
        problems: tuple[Problem, ...] = ()
    except FileProblems as error:
        problems = error.problems or (Problem(path, 0, "no problem is named"),)
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in problems)
