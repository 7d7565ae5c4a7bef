"""This machine as a node: looks and changes run by the real sh, as the user who runs the tests."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Sequence

from koprogo_fleet.hosts.resource import Change, Decision, Fact, Resource
from koprogo_fleet.hosts.script import Applied, Step, apply_script, gather_script, parse_apply, parse_gather

NONCE = "5e884898da280471"
ME = pwd.getpwuid(os.geteuid()).pw_name
MY_GROUP = grp.getgrgid(os.getegid()).gr_name


def sh(script: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a script as converge does."""
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, check=False, timeout=30, env=environment)


def look(resource: Resource) -> Fact:
    """Look, for real."""
    return facts_of([resource])[0]


def facts_of(resources: Sequence[Resource]) -> tuple[Fact, ...]:
    """Look at several of them in one round."""
    return parse_gather(sh(gather_script(resources, NONCE, "/nonexistent")).stdout, NONCE, resources).facts


def decide(resource: Resource) -> Decision:
    """Look and decide."""
    return resource.decide(look(resource))


def mend(resource: Resource) -> Applied:
    """Look, decide and change, for real."""
    decision = decide(resource)
    assert isinstance(decision, Change), decision
    done = sh(apply_script([Step(resource.name, decision.complete)], {}, NONCE, "/nonexistent"))
    return parse_apply(done.stdout, done.stderr, NONCE)
