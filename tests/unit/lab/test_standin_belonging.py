"""The stand-in refuses what K3s refuses of a server that was rebuilt, or taken out of etcd."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.belonging import Watch, refuse_duplicate, refuse_removed


@dataclass(frozen=True)
class Listed:
    """A member as etcd lists it."""

    name: str
    peer_url: str


OTHERS = (Listed("cp-2-22222222", "https://10.0.0.12:2380"), Listed("cp-3-33333333", "https://10.0.0.13:2380"))
FORMER = Listed("cp-1-00000000", "https://10.0.0.11:2380")
OWN = Listed("cp-1-11111111", "https://10.0.0.11:2380")


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ((*OTHERS, FORMER), True),
        ((*OTHERS, OWN), False),
        (OTHERS, False),
        ((*OTHERS, Listed("", OWN.peer_url)), False),
        ((*OTHERS, Listed("cp-11-44444444", "https://10.0.0.21:2380")), False),
    ],
)
def test_a_former_life_is_a_duplicate(tmp_path: Path, members: tuple[Listed, ...], refused: bool) -> None:  # noqa: FBT001 - the case
    """Another member of the node's name is refused in K3s' words, and the new name is forgotten."""
    name_file = tmp_path / "name"
    name_file.write_text(OWN.name)

    if refused:
        with pytest.raises(KubernetesError, match="duplicate node name found"):
            refuse_duplicate(members, OWN.name, "cp-1", name_file)
    else:
        refuse_duplicate(members, OWN.name, "cp-1", name_file)

    assert refused != name_file.exists()


def test_data_of_a_removed_member_are_refused() -> None:
    """In K3s' words, with who is there and who should be; a list that nobody gave proves nothing."""
    with pytest.raises(
        KubernetesError, match=r"is a not a member of the etcd cluster\. Found .*cp-2.* expect: cp-1-1111"
    ):
        refuse_removed(OTHERS, OWN.name, OWN.peer_url)

    refuse_removed((*OTHERS, OWN), OWN.name, OWN.peer_url)
    refuse_removed((), OWN.name, OWN.peer_url)


def test_k3s_ends_when_its_member_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """While etcd runs nothing is done; when it has ended, the others are asked, and one that is a member still goes on."""
    ended: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: ended.append(number))
    members: dict[str, Iterable[Listed]] = {"https://127.0.0.1:2379": (*OTHERS, OWN)}
    failures = [0]
    watch = Watch(OWN.name, OWN.peer_url, lambda: failures[0], lambda url: members[url])
    watch.look()
    failures[0] = 1

    members["https://10.0.0.12:2379"] = (*OTHERS, OWN)
    watch.look()
    assert [] == ended

    members["https://10.0.0.12:2379"] = OTHERS
    watch.look()
    assert 1 == len(ended)
