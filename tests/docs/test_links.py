"""Links lead somewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from pages import PAGES, ROOT, Page, project_files

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"https?://([^\s/:\"'`<>()\[\]{}\\?#,;$*]+)")
BARE = re.compile(r"\b(?:deb|security|archive|registry|index|files|proxy)\.[a-z0-9-]+\.(?:org|com|io|net)\b")

PUBLIC = {
    "api.ovh.com",
    "docs.k3s.io",
    "eu.api.ovh.com",
    "github.com",
    "grafana.com",
    "json-schema.org",
    "k3s.io",
    "keepachangelog.com",
    "kubernetes.io",
    "nornir.tech",
    "token.actions.githubusercontent.com",
    "www.apache.org",
    "www.hashicorp.com",
    "www.w3.org",
}
"""What the project may name; where packages come from is the business of the machine and its tools."""
CATALOGUE = ROOT / "inventory" / "production"
"""What a person deploys, and whom it talks to: naming the repositories of its charts is what it is for."""
INVENTED = re.compile(
    r"(127|10|192\.168|198\.18)\.[\d.]+|localhost|kubernetes\.default\.svc.*|[\w-]+|(.+\.)?(example(\.\w+)?|test|invalid|…)\.?"
)


@pytest.mark.parametrize("here", PAGES, ids=str)
def test_relative_links_resolve(here: Page) -> None:
    """Each link inside the project leads to a file, and its anchor to a heading."""
    broken = []
    for link in LINK.findall(here.prose):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        there = (here.path.parent / parts.path).resolve() if parts.path else here.path
        if not there.exists() or (parts.fragment and parts.fragment not in Page(there).anchors):
            broken.append(link)

    assert [] == broken


def test_only_known_hosts_are_named() -> None:
    """No file but the catalogue names a host that is not listed here; a mirror is the machine's own setting."""
    named = {}
    for path in project_files():
        if path.is_relative_to(CATALOGUE):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        hosts = {host.rpartition("@")[2].rstrip(".").lower() for host in ADDRESS.findall(text)} | set(
            BARE.findall(text)
        )
        if strangers := {host for host in hosts - PUBLIC if not INVENTED.fullmatch(host)}:
            named[str(path)] = strangers

    assert {} == named
