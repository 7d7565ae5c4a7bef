"""The firewall of a node, by ufw: the whole rule set, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged
from koprogo_fleet.hosts.resources._path import ABSENT
from koprogo_fleet.hosts.resources._ufw_probation import CONFIRM, LOOK, ON_PROBATION, put_in_force, swap
from koprogo_fleet.hosts.resources._ufw_rule import FAMILIES, Family, UfwRule, canonical, rule_of_tuple

__all__ = ["Ufw", "UfwRule"]

_POLICIES = {
    # Pods are routed traffic: what may reach them is the business of network policies and of K3s' own rules.
    "DEFAULT_INPUT_POLICY": ("incoming", "DROP"),
    "DEFAULT_OUTPUT_POLICY": ("outgoing", "ACCEPT"),
    "DEFAULT_FORWARD_POLICY": ("routed", "ACCEPT"),
}

_LOOK = f"""\
[ -f /etc/ufw/ufw.conf ] || exit {ABSENT}
{LOOK}
echo "==settings"
grep -hE '^(ENABLED|IPV6|DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY)=' /etc/ufw/ufw.conf /etc/default/ufw
for family in '' 6; do
  echo "==rules$family"
  grep '^### tuple ###' "/etc/ufw/user$family.rules"
  echo "==kernel$family"
  "ip${{family}}tables" -S |
    grep -E '^(-P INPUT|-A ufw6?-user-input |-A (INPUT|OUTPUT|FORWARD) -j ufw|-A ufw6?-before-input -j ufw6?-user-input)'
done
exit 0"""

_STAGES = ("before-logging", "before", "after", "after-logging", "reject", "track")
_HOOKS = tuple(f"{chain} {stage}-{chain.lower()}" for chain in ("INPUT", "OUTPUT", "FORWARD") for stage in _STAGES)

# `iptables -F` takes away the jumps to ufw's chains, and ufw makes them only together with the chains.
_HOOK_UP = """\
for exe in iptables ip6tables; do
  prefix=ufw; [ "$exe" = iptables ] || prefix=ufw6
  "$exe" -n -L "$prefix-before-input" >/dev/null 2>&1 || continue
  while read -r chain target; do
    "$exe" -D "$chain" -j "$prefix-$target" 2>/dev/null || :
    "$exe" -A "$chain" -j "$prefix-$target"
  done <<HOOKS
@hooks@
HOOKS
done""".replace("@hooks@", "\n".join(_HOOKS))


_UNCONFIRMED = Difference(Operation.CHANGE, "firewall", old="on probation", new="confirmed")
_NOT_IN_FORCE = Difference(Operation.CHANGE, "firewall", old="on, but not in force", new="in force")


@dataclass(frozen=True)
class Ufw:
    """
    Exactly these rules, in this order: one that is missing comes back, one that somebody added goes.

    What comes in is refused by default, what goes out is allowed, and so is what is routed (pods). Rules that are in
    ufw's files but were taken out of the kernel are found, too. Rules of others (K3s, kube-proxy) are not touched.

    New rules are on probation: the kernel swaps them in at once (one transaction for each of IPv4 and IPv6), and a timer
    on the node puts the old ones back unless a new connection has confirmed them. They go into ufw's files only then: a
    node that restarts meanwhile has the old ones, too.

    Attributes:
        rules: the rules; the first that matches decides.
        ssh_port: a rule must allow it, or nobody could log in any more.
        probation_seconds: how long the node waits for the new connection.

    Raises:
        InputError: no rule lets SSH in, or there is no time to confirm.
    """

    rules: tuple[UfwRule, ...]
    ssh_port: int = 22
    probation_seconds: int = 120

    def __post_init__(self) -> None:
        if self.probation_seconds < 1:
            raise InputError(f"nobody can confirm the firewall within {self.probation_seconds} s")
        if not any(rule.opens(self.ssh_port) for rule in self.rules):
            raise InputError(
                f"the firewall rules would lock us out: none of them allows {self.ssh_port}/tcp",
                next_step=f'add UfwRule(port="{self.ssh_port}", proto="tcp", comment="ssh")',
            )

    @property
    def name(self) -> str:
        """What it is."""
        return "firewall"

    def look(self) -> str:
        """Print ufw's settings, its rules, and the kernel's."""
        return _LOOK

    def decide(self, fact: Fact) -> Decision:
        """Compare the settings, then the files, then the kernel, rule by rule."""
        sections = _sections(fact.text)
        settings = dict(line.split("=", 1) for line in sections.get("settings", ()))
        policies = _policy_differences(settings)
        differences = [*policies, *self._rule_differences(settings, sections)]
        if not differences and ON_PROBATION in sections:
            differences.append(_UNCONFIRMED)
        if not differences:
            return Unchanged()
        rebuild = bool(policies) or not {_NOT_IN_FORCE, _UNCONFIRMED}.isdisjoint(differences)
        script = self._rebuild(hook_up=_NOT_IN_FORCE in differences) if rebuild else self._swap(sections)
        return Change(tuple(differences), script, confirm=CONFIRM)

    def _rule_differences(
        self, settings: Mapping[str, str], sections: Mapping[str, Sequence[str]]
    ) -> Sequence[Difference]:
        enabled = settings.get("ENABLED", "").strip('"') == "yes"
        found = _Found()
        for family in FAMILIES:
            if family.suffix and settings.get("IPV6", "yes").strip('"') != "yes":
                continue
            listed = [rule_of_tuple(line) for line in sections.get(f"rules{family.suffix}", ())]
            wanted = [rule for rule in self.rules if rule.applies_to(family)]
            found.compare_files(wanted, listed)
            kernel = sections.get(f"kernel{family.suffix}", ())
            if enabled and kernel:  # without IPv6 in the kernel there is nothing to compare
                found.compare_kernel(wanted, listed, kernel, family)
        return found.differences()

    def _swap(self, sections: Mapping[str, Sequence[str]]) -> str:
        """Return what replaces the rules of a firewall that is on."""
        loaded = [family for family in FAMILIES if sections.get(f"kernel{family.suffix}")]
        return swap(
            {family.suffix: self._kernel(family) for family in loaded},
            {family.suffix: self._listed(family) for family in FAMILIES},
            self.probation_seconds,
        )

    def _rebuild(self, *, hook_up: bool) -> str:
        """Return what switches it on, with policies and all."""
        expressions = " ".join(f"-e 's/^{key}=.*/{key}=\"{policy}\"/'" for key, (_, policy) in _POLICIES.items())
        lines = [
            *([_HOOK_UP] if hook_up else []),
            f"sed -i {expressions} /etc/default/ufw",
            # Both load all the rules before they set the policy: a connection that is open stays open.
            "if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ufw reload; else ufw --force enable; fi",
        ]
        files = {family.suffix: self._file(family) for family in FAMILIES}
        return put_in_force(files, "\n".join(lines), self.probation_seconds)

    def _kernel(self, family: Family) -> str:
        """Return the chain of the rules for ``iptables-restore --noflush``, which empties the chains that it is told."""
        rules = (line for rule in self.rules if rule.applies_to(family) for line in rule.kernel_lines(family))
        return "\n".join(["*filter", f":{family.prefix}-user-input - [0:0]", *rules, "COMMIT", ""])

    def _listed(self, family: Family) -> str:
        """Return the rules as they are between two marks of ufw's file."""
        lines: list[str] = []
        for rule in self.rules:
            if rule.applies_to(family):
                lines += ["", rule.tuple_line(family), *rule.kernel_lines(family)]
        return "\n".join([*lines, "", ""])

    def _file(self, family: Family) -> str:
        # ufw adds its logging rules to this file when it loads it, and keeps the tuples.
        chains = ("user-input", "user-output", "user-forward", "user-limit", "user-limit-accept")
        lines = ["*filter", *(f":{family.prefix}-{chain} - [0:0]" for chain in chains), "### RULES ###"]
        lines += [f"{self._listed(family)}### END RULES ###", f"-A {family.prefix}-user-limit -j REJECT"]
        lines += [f"-A {family.prefix}-user-limit-accept -j ACCEPT", "COMMIT", ""]
        return "\n".join(lines)


class _Found:
    """Collects what differs, so that a rule which differs for IPv4 and IPv6 alike is named once."""

    def __init__(self) -> None:
        self._differences: dict[Difference, None] = {}

    def differences(self) -> Sequence[Difference]:
        return tuple(self._differences)

    def compare_files(self, wanted: Sequence[UfwRule], listed: Sequence[UfwRule | str]) -> None:
        for rule in wanted:
            if rule not in listed:
                self._add(Operation.CREATE, rule)
        for other in listed:
            if other not in wanted:
                self._add(Operation.DELETE, other)
        if list(wanted) != list(listed) and set(wanted) == set(listed):
            self._differences[Difference(Operation.CHANGE, "order of the firewall rules")] = None

    def compare_kernel(
        self, wanted: Sequence[UfwRule], listed: Sequence[UfwRule | str], kernel: Sequence[str], family: Family
    ) -> None:
        prefix = f"-A {family.prefix}-user-input "
        loaded = [canonical(line) for line in kernel if line.startswith(prefix)]
        hooks = {f"-A {chain} -j {family.prefix}-{target}" for chain, target in map(str.split, _HOOKS)}
        hooks |= {"-P INPUT DROP", f"-A {family.prefix}-before-input -j {family.prefix}-user-input"}
        if not hooks.issubset(kernel):
            self._differences[_NOT_IN_FORCE] = None
            return
        for rule in wanted:
            for line in rule.kernel_lines(family):
                if canonical(line) in loaded:
                    loaded.remove(canonical(line))
                elif rule in listed:
                    self._add(Operation.CREATE, rule, "it is in ufw's files, but was taken out of the kernel")
        surplus = [rule for rule in listed if isinstance(rule, UfwRule) and rule not in wanted]
        for line in (line for rule in surplus for line in rule.kernel_lines(family)):
            if canonical(line) in loaded:
                loaded.remove(canonical(line))
        for unexplained in loaded:
            self._add(
                Operation.DELETE, f"{' '.join(' '.join(part) for part in sorted(unexplained))} (in the kernel alone)"
            )

    def _add(self, operation: Operation, rule: UfwRule | str, note: str = "") -> None:
        self._differences[Difference(operation, f"firewall rule {rule}", new=note)] = None


def _policy_differences(settings: Mapping[str, str]) -> Sequence[Difference]:
    differences = []
    if (enabled := settings.get("ENABLED", "not installed").strip('"')) != "yes":
        old = "off" if enabled == "no" else enabled
        differences.append(Difference(Operation.CHANGE, "firewall", old=old, new="on"))
    for key, (direction, wanted) in _POLICIES.items():
        if settings and (now := settings.get(key, "").strip('"')) != wanted:
            differences.append(Difference(Operation.CHANGE, f"firewall default for {direction}", old=now, new=wanted))
    return differences


def _sections(text: str) -> Mapping[str, Sequence[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("=="):
            lines = sections.setdefault(line.removeprefix("=="), [])
        else:
            lines.append(line)
    return sections
