"""Digests are written into releases.yaml, and nothing else is touched."""

from __future__ import annotations

import yaml

from koprogo_fleet.helm.pin import pinned

NEW = "sha256:" + "a" * 64
TEXT = """\
# people write this
releases:
  - name: one
    chart: one # from elsewhere
    version: 1.0.0 # known good
    namespace: n

  - {name: two, chart: two, version: 2.0.0, namespace: n}
  - name: three
    version: 3.0.0
    digest: sha256:old # to be replaced
"""


def test_a_line_below_the_version() -> None:
    """Each release gets its digest, old ones are replaced, comments and layout stay."""
    text = pinned(TEXT, {"one": NEW, "two": NEW, "three": NEW})

    assert [NEW, NEW, NEW] == [release["digest"] for release in yaml.safe_load(text)["releases"]]
    assert (
        text.replace(f"    digest: {NEW}\n    namespace", "    namespace")
        .replace(f", digest: {NEW}", "")
        .replace(NEW, "sha256:old")
        == TEXT
    )


def test_the_last_line() -> None:
    """A file that ends without a line break is pinned, too."""
    text = pinned("releases:\n- name: one\n  version: 1.0.0", {"one": NEW})

    assert f"releases:\n- name: one\n  version: 1.0.0\n  digest: {NEW}" == text
