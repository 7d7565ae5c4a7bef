"""How what is there differs from what should be: a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.bundle import VERSION_ANNOTATION, bundles, cluster_differences, vault_differences
from koprogo_fleet.secrets.model import SecretSpec, read_secret
from koprogo_fleet.secrets.seal import certificate_fingerprint, unseal
from koprogo_fleet.secrets.sealing.words import KEY_ANNOTATION
from koprogo_fleet.vault import Stored

if TYPE_CHECKING:
    from conftest import KeyPair


def spec(name: str, path: str = "koprogo/api", target: str = "api", scope: str = "strict") -> SecretSpec:
    """Return a specification whose key is called *name*, in Vault and in the cluster."""
    return read_secret(
        {
            "name": name,
            "kind": "random-password",
            "vault": {"path": path, "key": name},
            "targets": [{"namespace": "koprogo", "name": target, "key": name, "scope": scope}],
        }
    )


A, B = spec("a"), spec("b")
STORED = {"koprogo/api": Stored({"a": Secret("1"), "b": Secret("2"), "foreign": Secret("3")}, 7)}
LIVE = {"a": Secret("1"), "b": Secret("2")}
SEALED = {"metadata": {"annotations": {VERSION_ANNOTATION: "koprogo/api=7"}}}


def test_grouping() -> None:
    """The keys of one Secret are sealed together; order is kept."""
    other = spec("c", target="web")

    assert [(str(bundle), [entry.spec for entry in bundle.entries]) for bundle in bundles([A, other, B])] == [
        ("koprogo/api", [A, B]),
        ("koprogo/web", [other]),
    ]


@pytest.mark.parametrize(
    ("live", "sealed", "differences"),
    [
        pytest.param(LIVE, SEALED, [], id="as it should be"),
        pytest.param(None, None, ["create secret koprogo/api: from vault koprogo/api=7"], id="nothing there"),
        pytest.param(None, SEALED, ["create secret koprogo/api: from vault koprogo/api=7"], id="Secret deleted"),
        pytest.param(LIVE, None, ["create sealedsecret koprogo/api: from vault koprogo/api=7"], id="no SealedSecret"),
        pytest.param(
            {**LIVE, "b": Secret("by hand")},
            SEALED,
            ["change secret koprogo/api key b: another value -> the value in Vault"],
            id="value changed by hand",
        ),
        pytest.param({"a": Secret("1")}, SEALED, ["create secret koprogo/api key b"], id="key deleted"),
        pytest.param({**LIVE, "c": Secret("")}, SEALED, [], id="key added"),
        pytest.param(
            LIVE,
            {"metadata": {"annotations": {VERSION_ANNOTATION: "koprogo/api=6"}}},
            ["change sealedsecret koprogo/api: koprogo/api=6 -> koprogo/api=7"],
            id="another version",
        ),
        pytest.param(
            LIVE,
            {"metadata": {}},
            ["change sealedsecret koprogo/api: an unknown version -> koprogo/api=7"],
            id="sealed by hand",
        ),
    ],
)
def test_cluster(live: Mapping[str, Secret] | None, sealed: Mapping[str, Any] | None, differences: list[str]) -> None:
    """Each way in which the cluster may differ from Vault is named, and no value is."""
    (bundle,) = bundles([A, B])

    assert [str(found) for found in cluster_differences(bundle, STORED, live, sealed)] == differences


@pytest.mark.parametrize(
    ("stored", "differences"),
    [
        (STORED, []),
        (
            {"koprogo/api": None},
            [
                "create vault secret koprogo/api a: a random-password",
                "create vault secret koprogo/api b: a random-password",
            ],
        ),
        (
            {"koprogo/api": Stored({}, 3)},
            [
                "create vault secret koprogo/api a: a random-password",
                "create vault secret koprogo/api b: a random-password",
            ],
        ),
        ({"koprogo/api": Stored({"a": Secret("")}, 3)}, ["create vault secret koprogo/api b: a random-password"]),
    ],
)
def test_vault(stored: Mapping[str, Stored | None], differences: list[str]) -> None:
    """A key that Vault lacks has to be made; an empty value is a value."""
    assert [str(found) for found in vault_differences([A, B], stored)] == differences


def test_manifest(pair: KeyPair) -> None:
    """The SealedSecret holds exactly our keys, says where they come from, and opens for the controller."""
    (bundle,) = bundles([A, B])

    manifest = bundle.manifest(STORED, pair.certificate)

    assert manifest["apiVersion"] == "bitnami.com/v1alpha1"
    assert manifest["kind"] == "SealedSecret"
    assert manifest["metadata"]["name"] == "api"
    assert manifest["metadata"]["namespace"] == "koprogo"
    assert manifest["metadata"]["annotations"] == {
        VERSION_ANNOTATION: "koprogo/api=7",
        KEY_ANNOTATION: certificate_fingerprint(pair.certificate),
    }
    assert {
        key: unseal(sealed, pair.private_key, "koprogo", "api")
        for key, sealed in manifest["spec"]["encryptedData"].items()
    } == LIVE


def test_manifest_of_a_wide_scope(pair: KeyPair) -> None:
    """A scope other than strict is said in the annotation that the controller reads."""
    (bundle,) = bundles([spec("a", scope="namespace-wide")])

    annotations = bundle.manifest(STORED, pair.certificate)["metadata"]["annotations"]

    assert annotations["sealedsecrets.bitnami.com/namespace-wide"] == "true"


def test_what_is_left_alone_is_sealed_along(pair: KeyPair) -> None:
    """A key that nobody here asked for keeps its sealed form; where it has none, its live value is sealed."""
    (bundle,) = bundles([A])
    left = {"old": Secret("from before"), "live": Secret("by hand")}

    manifest = bundle.manifest(STORED, pair.certificate, left=left, sealed_before={"old": "as it was", "gone": "x"})

    sealed = manifest["spec"]["encryptedData"]
    assert {"a", "old", "live"} == sealed.keys()
    assert "as it was" == sealed["old"]
    assert Secret("by hand") == unseal(sealed["live"], pair.private_key, "koprogo", "api")
