"""The controller's keys through their whole life, with a real API server, a real OpenBao, and a controller that unseals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from controller_process import NAMESPACE, Running
from live_secrets import contents, put_sealed, wipe

from koprogo_fleet.core.errors import InputError, KubernetesError, NotConverged, WaitTimeout
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets.sealing.backup import field_of, stored_keys
from koprogo_fleet.secrets.sealing.keys import KEY_LABEL, State, make_key
from koprogo_fleet.secrets.sealing.pin import Verdict, read_pin, write_pin
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND, Scope
from koprogo_fleet.workflows.sealing import keys as life
from koprogo_fleet.workflows.sealing.place import Sealing
from koprogo_fleet.workflows.sealing.reseal import plan, reseal
from koprogo_fleet.workflows.sealing.trust import trusted

Again = Callable[[], Sealing]
pytestmark = pytest.mark.filterwarnings("ignore:Properties that return a na")
"""The lab's controller runs with Debian's older cryptography, too, which has no others."""


def renewed(here: Sealing) -> None:
    """Trust the controller's key, then renew it."""
    trusted(here.controller, here.pin)
    life.renew(here, life.renewal(here))


def resealed(here: Sealing) -> int:
    """Seal everything again; return how many were."""
    planned = plan(here)
    reseal(here, planned)
    return len(planned.old)


def test_a_whole_life(here: Sealing, again: Again, cluster: Cluster) -> None:
    """Backed up, renewed, everything sealed again, the old key retired: no value changes, and then it opens nothing."""
    names = put_sealed(here, {"strict": Scope.STRICT, "wide": Scope.NAMESPACE_WIDE, "anywhere": Scope.CLUSTER_WIDE})
    before = contents(cluster, names)
    old = here.known_keys()[0]
    life.backup(here)

    renewed(again())
    first = life.status(again())
    assert [("active", True, 0), ("active", False, 3)] == [
        (key.state, key.is_newest, key.secrets) for key in first.keys
    ]
    assert (True, 3) == (first.healthy, first.older)
    with pytest.raises(NotConverged, match="3 of 3 SealedSecrets are not in order without"):
        life.retirement(again(), old.name)

    assert 3 == resealed(again())
    versions = {name: cluster.get(API_VERSION, KIND, *reversed(name)) for name in names}
    assert 0 == resealed(again())
    assert versions == {name: cluster.get(API_VERSION, KIND, *reversed(name)) for name in names}
    assert before == contents(cluster, names)

    going = life.retirement(again(), old.fingerprint)
    assert going is not None
    life.retire(again(), going)

    after = life.status(again())
    assert [State.ACTIVE, State.RETIRED] == [key.state for key in after.keys]
    assert (True, 0) == (after.healthy, after.older)
    assert before == contents(cluster, names)
    assert life.retirement(again(), old.name) is None
    assert {State.ACTIVE, State.RETIRED} == {key.state for key in stored_keys(here.vault, here.path)}


def test_a_wiped_controller(here: Sealing, again: Again, cluster: Cluster) -> None:
    """Keys from Vault bring back every Secret of a cluster that lost its Secrets and its keys, old and new ones."""
    names = put_sealed(here, {"first": Scope.STRICT})
    life.backup(here)
    renewed(again())
    names += put_sealed(here, {"second": Scope.STRICT})
    before = contents(cluster, names)
    wipe(cluster)
    for namespace, name in names:
        cluster.delete("v1", "Secret", name, namespace)
    with pytest.raises(KubernetesError, match="the controller does not have the former key"):
        trusted(here.controller, here.pin)
    assert not life.status(again()).healthy

    missing = life.restoration(again())
    life.restore(again(), missing)

    assert 2 == len(missing)
    assert before == contents(cluster, names)
    assert () == life.restoration(again())
    assert 2 == resealed(accepted(again()))
    assert before == contents(cluster, names)


def accepted(here: Sealing) -> Sealing:
    """Trust what the controller shows."""
    found = life.acceptance(here)
    assert found is not None
    assert found[1], "it has the former key again, and proves it"
    write_pin(here.pin, found[0])
    return here


def test_a_restore_that_lacks_a_key(here: Sealing, again: Again, cluster: Cluster) -> None:
    """A restore that does not bring back every Secret says which, and is no success."""
    life.backup(here)
    renewed(again())
    (name,) = put_sealed(here, {"api": Scope.STRICT})
    stored = here.vault.read(here.path)
    assert stored is not None
    newest = here.known_keys()[0]
    left = {field: text for field, text in stored.values.items() if field != field_of(newest)}
    here.vault.write(here.path, left, stored.version)
    wipe(cluster)
    short = Sealing(here.controller, here.vault, here.path, here.pin, seconds=2)

    with pytest.raises(WaitTimeout, match=f"{name[0]}/api: no key opens binary, text"):
        life.restore(short, life.restoration(short))


def test_a_cluster_without_any_key(here: Sealing, again: Again, cluster: Cluster) -> None:
    """Keys can be restored before the controller has made one, as is best for a new cluster."""
    life.backup(here)
    (key,) = here.known_keys()
    cluster.delete("v1", "Secret", key.name, NAMESPACE)

    life.restore(here, life.restoration(again()))

    assert [key.fingerprint] == [one.fingerprint for one in here.known_keys()]


def test_an_interrupted_renewal_is_gone_on_with(here: Sealing, again: Again) -> None:
    """A key that is in Vault, and not yet in the cluster, is the one: no third key is made."""
    begun = make_key(NAMESPACE, here.known_keys()[0])
    life.backup(here)
    stored = here.vault.read(here.path)
    assert stored is not None
    here.vault.write(here.path, {**stored.values, field_of(begun): begun.document()}, stored.version)

    renewed(again())

    assert [begun.fingerprint] == [key.fingerprint for key in life.status(again()).keys if key.is_newest]
    assert 2 == len(here.known_keys())


def test_backup_beside_others(here: Sealing, again: Again) -> None:
    """What Vault has of other keys stays; what is read back is compared; the second backup writes nothing."""
    lost = make_key(NAMESPACE, None)
    here.vault.write(here.path, {field_of(lost): lost.document()}, 0)

    life.backup(here)
    life.backup(again())

    stored = here.vault.read(here.path)
    assert stored is not None
    assert 2 == stored.version
    assert {field_of(lost), field_of(here.known_keys()[0])} == stored.values.keys()
    manifest = json.loads(stored.values[field_of(lost)].reveal())
    assert {KEY_LABEL: "active"} == manifest["metadata"]["labels"]


def test_what_is_not_in_order_is_left_alone(here: Sealing, again: Again, cluster: Cluster) -> None:
    """A Secret that was changed by hand is not sealed again, and not written over: the others are, and exit code 1 tells."""
    changed, good = put_sealed(here, {"changed": Scope.STRICT, "good": Scope.STRICT})
    cluster.merge("v1", "Secret", changed[1], changed[0], {"data": {"text": "eA=="}})
    renewed(again())

    with pytest.raises(NotConverged, match=f"1 SealedSecrets were left alone:\n  {changed[0]}/changed: .*: text"):
        resealed(again())

    live = cluster.secret(*changed)
    assert live is not None
    assert Secret("x") == live["text"]
    assert 1 == life.status(again()).older
    assert cluster.secret(*good) is not None


def test_a_change_at_the_same_moment(here: Sealing, again: Again, cluster: Cluster) -> None:
    """A SealedSecret that somebody changed since it was looked at is not written over."""
    (name,) = put_sealed(here, {"api": Scope.STRICT})
    renewed(again())
    run = again()
    planned = plan(run)
    cluster.merge(API_VERSION, KIND, name[1], name[0], {"metadata": {"labels": {"theirs": "1"}}})

    with pytest.raises(KubernetesError, match="409"):
        reseal(run, planned)

    assert 1 == resealed(again())


def test_values_of_several_keys(here: Sealing, again: Again, cluster: Cluster) -> None:
    """In a SealedSecret that was merged, only the values of older keys are sealed again."""
    (name,) = put_sealed(here, {"api": Scope.STRICT})
    renewed(again())
    block = here.certificate().seal(b"later", *name)
    cluster.merge(API_VERSION, KIND, name[1], name[0], {"spec": {"encryptedData": {"added": block}}})
    here.prove_live(here.known_keys())

    assert 1 == resealed(again())

    sealed = cluster.get(API_VERSION, KIND, name[1], name[0])
    assert sealed is not None
    assert block == sealed["spec"]["encryptedData"]["added"]
    assert {"binary", "text", "added"} == sealed["spec"]["encryptedData"].keys()


def test_a_renewal_that_nobody_ordered(here: Sealing, again: Again, cluster: Cluster) -> None:
    """A key that the controller made itself is told, and not sealed with before it is accepted."""
    events: list[Event] = []
    told = Sealing(
        type(here.controller)(cluster, listener=events.append), here.vault, here.path, here.pin, seconds=here.seconds
    )
    first = trusted(here.controller, here.pin).pinned
    theirs = make_key(NAMESPACE, here.known_keys()[0])
    cluster.apply(theirs.manifest())
    here.restarted()
    here.wait_for_certificate(theirs.fingerprint)

    found = trusted(told.controller, here.pin)

    assert (Verdict.NEWER, first.fingerprint) == (found.verdict, found.pinned.fingerprint)
    assert any("koprogo-fleet secrets keys accept" in event.text for event in events if isinstance(event, Note))
    with pytest.raises(NotConverged, match="is not trusted yet"):
        plan(again())
    accepted(again())
    pinned = read_pin(here.pin)
    assert pinned is not None
    assert theirs.fingerprint == pinned.fingerprint


def test_retirement_needs_the_backup(here: Sealing, again: Again) -> None:
    """The newest key, an unknown one, and one that Vault does not have are not retired."""
    old = here.known_keys()[0]
    renewed(here)
    stored = here.vault.read(here.path)
    assert stored is not None
    here.vault.write(here.path, {key: text for key, text in stored.values.items() if key != field_of(old)}, 1)

    with pytest.raises(NotConverged, match=r"Vault does not have sealed-secrets-key"):
        life.retirement(again(), old.name)
    with pytest.raises(NotConverged, match="is the key that the controller seals with"):
        life.retirement(again(), here.known_keys()[0].name)
    with pytest.raises(InputError, match="there is no sealing key nobodys"):
        life.retirement(again(), "nobodys")


def test_many_questions_are_asked_slowly(here: Sealing, process: Running) -> None:
    """The controller's limit on verifications is waited for."""
    certificate = here.certificate()
    sealed: Mapping[str, Any] = {
        "metadata": {"namespace": "n", "name": "s"},
        "spec": {"encryptedData": {"a": certificate.seal(b"x", "n", "s")}},
    }
    moved = {**sealed, "metadata": {"namespace": "n", "name": "other"}}

    assert [True, False, True, False] == [here.controller.opens(one) for one in (sealed, moved, sealed, moved)]

    assert process.refused
    with pytest.raises(KubernetesError, match="cannot verify it: 500"):
        here.controller.opens({})
