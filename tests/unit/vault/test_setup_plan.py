"""What a setup of Vault writes, decided from values."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.core.diff import Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.vault.setup import (
    AppRoleLogin,
    Authority,
    Document,
    JwtLogin,
    KubernetesLogin,
    Mount,
    Pki,
    Purpose,
    Wishes,
    plan,
    wanted,
)
from koprogo_fleet.vault.setup.policies import policy_text

FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "pools": [{"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}],
        "k3s": {"version": "v1.33.4+k3s1"},
        "ssh": {"certificates": {}},
    }
)
ROLE = Document("role r", "auth/approle/role/r", {"token_ttl": 60, "token_policies": ["a", "b"], "bound": {}})
KV = Mount("mounts", "secret", "kv", {"version": "2"})


def test_of_nothing_everything_is_made() -> None:
    """An empty Vault gets every object, engines before what is in them, and the policies can be read in the plan."""
    objects = wanted(FLEET, Wishes(Pki("pki"), AppRoleLogin()))
    steps = plan(objects, {})

    assert list(objects) == [step.wanted for step in steps]
    assert {Operation.CREATE} == {step.difference.operation for step in steps}
    paths = [one.path for one in objects]
    assert paths.index("secret") < paths.index("secret/config")
    assert paths.index("pki") < paths.index("pki/root/generate/internal") < paths.index("pki/roles/koprogo")
    policy = next(step for step in steps if step.wanted.what == "policy koprogo-rotate")
    assert '+path "secret/destroy/koprogo/*" { capabilities = ["update"] }' in policy.difference.detail


def test_only_what_the_fleet_has() -> None:
    """Without certificates in fleet.yaml, and without wishes, there are key-values and policies alone."""
    plain = Fleet.model_validate({**FLEET.model_dump(), "ssh": {}})

    assert {"kv"} == {one.type for one in wanted(plain, Wishes()) if isinstance(one, Mount)}
    assert "ssh" not in policy_text(plain, Purpose.PROVISION)


@pytest.mark.parametrize(
    ("login", "bound"),
    [
        (AppRoleLogin(), {"bind_secret_id": True}),
        (KubernetesLogin("koprogo", "rotation"), {"bound_service_account_names": ["rotation"]}),
        (JwtLogin("koprogo", {"repository": "a/b"}), {"bound_claims": {"repository": "a/b"}, "role_type": "jwt"}),
    ],
)
def test_a_role_has_one_policy(login: Any, bound: dict[str, object]) -> None:
    """A role of a purpose is bound to who may have it, and gives this purpose's policy and no other."""
    roles = [
        one
        for one in wanted(FLEET, Wishes(login=login, purposes=(Purpose.ROTATE,)))
        if isinstance(one, Document) and one.path.startswith("auth/")
    ]

    assert [f"auth/{login.mount}/role/koprogo-rotate"] == [role.path for role in roles]
    assert {**roles[0].fields, **bound, "token_policies": ["koprogo-rotate"]} == roles[0].fields


@pytest.mark.parametrize(
    "found",
    [
        {"token_ttl": 60, "token_policies": ["b", "a"], "bound": {}, "more": 1},
        {"token_ttl": 60, "token_policies": ["a", "b"], "bound": None},
    ],
)
def test_the_same_is_no_step(found: dict[str, Any]) -> None:
    """The order of a list, the form of what is empty, and fields that nobody wants are no difference."""
    assert plan([ROLE], {"role r": found}) == ()


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({"token_ttl": 61, "token_policies": ["a", "b"]}, "+token_ttl = 60"),
        ({"token_ttl": 60, "token_policies": ["a", "b", "root"]}, '+token_policies = ["a", "b"]'),
        ({"token_ttl": 60, "token_policies": None}, '+token_policies = ["a", "b"]'),
        ({"token_ttl": 60, "token_policies": ["a", "b"], "bound": {"x": "y"}}, "+bound = {}"),
    ],
)
def test_a_field_that_differs(found: dict[str, Any], shown: str) -> None:
    """A role that gives more or less than it should is changed, and the plan shows in what."""
    (step,) = plan([ROLE], {"role r": found})

    assert (step.difference.operation, shown in step.difference.detail) == (Operation.CHANGE, True)


@pytest.mark.parametrize(("kept", "steps"), [(0, 1), (10, 1), (20, 0), (50, 0)])
def test_more_versions_are_fine(kept: int, steps: int) -> None:
    """The mount keeps at least as many versions as the fleet needs; 0 means Vault's ten."""
    document = Document("v", "secret/config", {"max_versions": 20}, frozenset({"max_versions"}), {"max_versions": 10})

    assert steps == len(plan([document], {"v": {"max_versions": kept}}))


@pytest.mark.parametrize(
    "found", [{"type": "kv", "options": {"version": "1"}}, {"type": "kv", "options": None}, {"type": "pki"}]
)
def test_something_else_is_mounted_there(found: dict[str, Any]) -> None:
    """A mount of another type or version is not touched: the plan is refused."""
    with pytest.raises(InputError, match="there is already"):
        plan([KV], {KV.what: found})


def test_an_authority_stays() -> None:
    """A signing key that is there is never made anew, whatever it looks like."""
    authority = Authority("key", "ssh/config/ca", "ssh/config/ca", {"key_type": "ed25519"})

    assert plan([authority], {"key": {"public_key": "ssh-rsa AAAA"}}) == ()
