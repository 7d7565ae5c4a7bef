"""YAML with line numbers: what is read, what is refused, what is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import ruamel.yaml
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from koprogo_fleet.core.errors import FileProblems
from koprogo_fleet.core.yamlfile import dump_yaml, load_yaml

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
LOOKALIKES = st.sampled_from(
    [
        "on",
        "NO",
        "0644",
        "0o17",
        "1e3",
        "0x1f",
        "~",
        "null",
        "",
        "1_000",
        "12:30:45",
        "2024-01-01",
        ".5",
        "-.INF",
        "1.",
        "=",
        "<<",
    ]
)
DATA = st.dictionaries(
    PLAIN | LOOKALIKES,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**15), 10**15) | PLAIN | LOOKALIKES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    """Fields and list items are found on their lines; what is missing, on the line of what is around it."""
    path = tmp_path / "a.yaml"
    path.write_text("# a comment\nname: x\npools:\n  - name: a\n    count: 1\n\n  - name: b\n")
    document = load_yaml(path)

    assert [
        document.line(place)
        for place in [
            ("name",),
            ("pools",),
            ("pools", 0),
            ("pools", 0, "count"),
            ("pools", 1),
            ("pools", 1, "count"),
            (),
        ]
    ] == [2, 3, 4, 5, 7, 7, 2]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0x1F", 31),
        ("1.5e3", 1500.0),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("v1.33.4+k3s1", "v1.33.4+k3s1"),
        ("10.0.0.11", "10.0.0.11"),
        ('"on"', "on"),
        ("'0644'", "0644"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(tmp_path: Path, text: str, value: object) -> None:
    """A plain word has the type of YAML 1.2's core schema; quotes make it text."""
    path = tmp_path / "a.yaml"
    path.write_text(f"a: {text}\n")

    assert {"a": value} == load_yaml(path).data


@pytest.mark.parametrize("text", ["yes", "No", "ON", "off", "0644", "-007", "0o755"])
def test_words_that_readers_disagree_about_are_refused(tmp_path: Path, text: str) -> None:
    """A word that YAML 1.1 and 1.2 read differently is a mistake that shows what to write."""
    path = tmp_path / "a.yaml"
    path.write_text(f"a: {text}\n")

    with pytest.raises(FileProblems, match=f'"{text}"'):
        load_yaml(path)


@settings(max_examples=300, deadline=None)
@given(DATA)
def test_what_is_written_is_read_the_same_by_every_reader(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    """Our own reader, and readers of YAML 1.1 and 1.2, get back what was written."""
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    text = dump_yaml(data, header="a header\n\nof three lines")
    path.write_text(text)

    assert data == load_yaml(path).data
    assert data == ruamel.yaml.YAML(typ="safe").load(text)
    assert data == yaml.safe_load(text)


def test_equal_values_are_written_out_each_time() -> None:
    """A value that is used twice is written twice: an inventory is read by people."""
    options = {"key_file": "~/.ssh/id"}

    assert dump_yaml({"a": options, "b": options}) == "a:\n  key_file: ~/.ssh/id\nb:\n  key_file: ~/.ssh/id\n"
