"""The firewall: what is decided from ufw's files and the kernel's rules."""

from __future__ import annotations

import re

import pytest
from local_node import sh

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Fact, Unchanged
from koprogo_fleet.hosts.resources import Ufw, UfwRule

FIREWALL = Ufw(
    (
        UfwRule("22", "tcp", comment="ssh"),
        UfwRule("10250", "tcp", "10.0.0.0/24", "kubelet"),
        UfwRule("2379:2380", "tcp", "10.0.0.11", "etcd"),
        UfwRule(source="10.42.0.0/16", comment="pods"),
    )
)

# Taken from a Debian 12 node with ufw 0.36.2 and iptables 1.8.9 (nf_tables).
SETTINGS = """\
ENABLED=yes
IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="ACCEPT"
"""
RULES = """\
### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=737368
### tuple ### allow tcp 10250 0.0.0.0/0 any 10.0.0.0/24 in comment=6b7562656c6574
### tuple ### allow tcp 2379:2380 0.0.0.0/0 any 10.0.0.11 in comment=65746364
### tuple ### allow any any 0.0.0.0/0 any 10.42.0.0/16 in comment=706f6473
"""
RULES6 = "### tuple ### allow tcp 22 ::/0 any ::/0 in comment=737368\n"
STAGES = ("before-logging", "before", "after", "after-logging", "reject", "track")
HOOKS = "-P INPUT DROP\n" + "".join(
    f"-A {chain} -j ufw-{stage}-{chain.lower()}\n" for chain in ("INPUT", "FORWARD", "OUTPUT") for stage in STAGES
)
KERNEL = (
    HOOKS
    + """\
-A ufw-before-input -j ufw-user-input
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-user-input -s 10.0.0.0/24 -p tcp -m tcp --dport 10250 -j ACCEPT
-A ufw-user-input -s 10.0.0.11/32 -p tcp -m multiport --dports 2379:2380 -j ACCEPT
-A ufw-user-input -s 10.42.0.0/16 -j ACCEPT
"""
)
KERNEL6 = (
    HOOKS.replace("ufw-", "ufw6-")
    + "-A ufw6-before-input -j ufw6-user-input\n-A ufw6-user-input -p tcp -m tcp --dport 22 -j ACCEPT\n"
)


def fact(
    settings: str = SETTINGS, rules: str = RULES, kernel: str = KERNEL, rules6: str = RULES6, kernel6: str = KERNEL6
) -> Fact:
    """Return what a look prints."""
    return Fact(
        0, f"==settings\n{settings}==rules\n{rules}==kernel\n{kernel}==rules6\n{rules6}==kernel6\n{kernel6}".encode()
    )


def without(text: str, *parts: str) -> str:
    """Return the lines that hold none of *parts*."""
    return "".join(line for line in text.splitlines(keepends=True) if not any(part in line for part in parts))


CASES = {
    "fresh": (
        Fact(3, b""),
        [
            "change firewall: not installed -> on",
            "create firewall rule allow 22/tcp from anywhere (ssh)",
            "create firewall rule allow 10250/tcp from 10.0.0.0/24 (kubelet)",
            "create firewall rule allow 2379:2380/tcp from 10.0.0.11 (etcd)",
            "create firewall rule allow any from 10.42.0.0/16 (pods)",
        ],
    ),
    "switched off": (
        fact(settings=SETTINGS.replace("ENABLED=yes", "ENABLED=no"), kernel="-P INPUT ACCEPT\n"),
        ["change firewall: off -> on"],
    ),
    "rule deleted by hand": (
        fact(rules=without(RULES, "10250"), kernel=without(KERNEL, "10250")),
        ["create firewall rule allow 10250/tcp from 10.0.0.0/24 (kubelet)"],
    ),
    "rule added by hand": (
        fact(
            rules=RULES + "### tuple ### allow any 9999 0.0.0.0/0 any 0.0.0.0/0 in\n",
            kernel=KERNEL
            + "-A ufw-user-input -p tcp -m tcp --dport 9999 -j ACCEPT\n-A ufw-user-input -p udp -m udp --dport 9999 -j ACCEPT\n",
            rules6=RULES6 + "### tuple ### allow any 9999 ::/0 any ::/0 in\n",
            kernel6=KERNEL6 + "-A ufw6-user-input -p tcp -m tcp --dport 9999 -j ACCEPT\n"
            "-A ufw6-user-input -p udp -m udp --dport 9999 -j ACCEPT\n",
        ),
        ["delete firewall rule allow 9999 from anywhere"],
    ),
    "rule of a kind that we never write": (
        fact(rules=RULES + "### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1\n"),
        ["delete firewall rule route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1"],
    ),
    "rule taken out of the kernel": (
        fact(kernel=without(KERNEL, "2379")),
        [
            (
                "create firewall rule allow 2379:2380/tcp from 10.0.0.11 (etcd): "
                "it is in ufw's files, but was taken out of the kernel"
            )
        ],
    ),
    "rule in the kernel alone": (
        fact(kernel=KERNEL + "-A ufw-user-input -p tcp -m tcp --dport 7777 -j ACCEPT\n"),
        ["delete firewall rule --dport 7777 -j ACCEPT -p tcp (in the kernel alone)"],
    ),
    "flushed": (fact(kernel="-P INPUT ACCEPT\n"), ["change firewall: on, but not in force -> in force"]),
    "policy only": (
        fact(kernel=KERNEL.replace("-P INPUT DROP", "-P INPUT ACCEPT")),
        ["change firewall: on, but not in force -> in force"],
    ),
    "order": (
        fact(rules="".join(reversed(RULES.splitlines(keepends=True)))),
        ["change order of the firewall rules"],
    ),
    "default changed": (
        fact(settings=SETTINGS.replace('INPUT_POLICY="DROP"', 'INPUT_POLICY="ACCEPT"')),
        ["change firewall default for incoming: ACCEPT -> DROP"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_difference_is_named(case: str) -> None:
    """Whatever was changed by hand is named, once, and nothing else is."""
    said, expected = CASES[case]

    decision = FIREWALL.decide(said)

    assert isinstance(decision, Change)
    assert expected == [str(difference) for difference in decision.differences]


@pytest.mark.parametrize(
    "said",
    [
        fact(),
        fact(kernel6=""),
        fact(settings=SETTINGS.replace("IPV6=yes", "IPV6=no"), rules6="", kernel6=""),
        fact(rules=RULES.replace(" comment=737368", " comment=78")),
        fact(kernel=KERNEL + "-A INPUT -j ufw-of-somebody\n"),
    ],
    ids=["as desired", "no IPv6 in the kernel", "ufw without IPv6", "comment only", "jumps of others"],
)
def test_as_desired(said: Fact) -> None:
    """A firewall that is as desired is left alone."""
    assert Unchanged() == FIREWALL.decide(said)


def test_rules_are_in_place_before_the_firewall_is_on() -> None:
    """The rules, SSH's among them, are written before ufw is switched on."""
    decision = FIREWALL.decide(Fact(3, b""))

    assert isinstance(decision, Change)
    assert decision.script.index("/etc/ufw/user.rules") < decision.script.index("ufw --force enable")


def test_jumps_come_back_only_where_they_are_gone() -> None:
    """The script touches the kernel's own chains only when somebody flushed them."""
    for case, expected in {"flushed": True, "rule deleted by hand": False, "fresh": False}.items():
        decision = FIREWALL.decide(CASES[case][0])
        assert isinstance(decision, Change)
        assert expected == ("before-logging-input" in decision.script)


@pytest.mark.parametrize("case", CASES)
def test_scripts_are_shell(case: str) -> None:
    """The look and every script are of the POSIX shell."""
    decision = FIREWALL.decide(CASES[case][0])
    assert isinstance(decision, Change)

    for script in (FIREWALL.look(), decision.script):
        done = sh(f"set -n\n{script}\n".encode())
        assert (0, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (UfwRule("22", "udp"),),
        (UfwRule("2222", "tcp"),),
        (UfwRule("22", "tcp", action="deny"),),
    ],
)
def test_no_lock_out(rules: tuple[UfwRule, ...]) -> None:
    """A rule set that does not let SSH in is refused before it reaches a node."""
    with pytest.raises(InputError, match="lock us out"):
        Ufw(rules)


@pytest.mark.parametrize("rule", [UfwRule(), UfwRule("20:30", "tcp"), UfwRule("22", action="limit")])
def test_ssh_is_let_in(rule: UfwRule) -> None:
    """A range, a limit or an open door let SSH in as well."""
    assert Ufw((rule,)).rules == (rule,)


@pytest.mark.parametrize(
    "options",
    [
        {"port": "http"},
        {"port": "22,23", "proto": "tcp"},
        {"port": "1:2"},
        {"source": "10.0.0.1/24"},
        {"source": "everywhere"},
        {"interface": "eth0; reboot"},
    ],
)
def test_bad_rules(options: dict[str, str]) -> None:
    """A rule that ufw would not take is refused where it is written."""
    with pytest.raises(InputError):
        UfwRule(**options)  # type: ignore[arg-type]


def test_ipv6_rules_are_for_ipv6_alone() -> None:
    """A rule with an IPv6 source is written to ufw's IPv6 file, and not to the other."""
    decision = Ufw((UfwRule("22", "tcp"), UfwRule("80", "tcp", "fd00::/64"))).decide(Fact(3, b""))
    assert isinstance(decision, Change)

    files = [
        sh(f"printf %s '{content}' | base64 -d".encode()).stdout.decode()
        for content in re.findall(r"printf %s '(\S+)' \| base64", decision.script)
    ]

    assert [False, True] == ["-s fd00::/64" in file for file in files]
    assert [True, True] == ["--dport 22" in file for file in files]


def test_other_rules_are_swapped_in_one_transaction() -> None:
    """Where the firewall is on, the kernel is told all rules at once; ufw, which would empty the chains first, is not asked."""
    decision = FIREWALL.decide(fact(rules=without(RULES, "10250"), kernel=without(KERNEL, "10250")))

    assert isinstance(decision, Change)
    assert "iptables-restore -w 10 --noflush" in decision.script
    assert "ufw reload\nelse" not in decision.script.split("UNDO\n")[-1]
    assert "systemd-run" in decision.script
    assert decision.confirm


def test_what_nobody_confirmed_is_not_done() -> None:
    """Rules that are in force, and still on probation, are put in force again and confirmed."""
    decision = FIREWALL.decide(Fact(0, b"==probation\n" + fact().stdout))

    assert isinstance(decision, Change)
    assert ["change firewall: on probation -> confirmed"] == [str(item) for item in decision.differences]


def test_somebody_must_have_time_to_confirm() -> None:
    """A probation of no time would take every change back."""
    with pytest.raises(InputError, match="within 0 s"):
        Ufw(FIREWALL.rules, probation_seconds=0)
