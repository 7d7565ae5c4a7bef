"""Does a cluster exist, who joins whom, and who may leave: every case that a fleet of three control planes can be in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.hosts.k3s.founding import Standing, join_address, may_leave, standing, url
from koprogo_fleet.hosts.k3s.presence import Member, Presence

LAB = Path(__file__).parents[4] / "inventory" / "lab" / "fleet.yaml"
CP1, CP2, CP3 = NAMES = ("koprogo-cp-1", "koprogo-cp-2", "koprogo-cp-3")
AT = dict(zip(NAMES, ("10.0.0.11", "10.0.0.12", "10.0.0.13"), strict=True))
EMPTY = Presence()
STOPPED = Presence(has_data=True, registered=True, joined=True, server="10.0.0.12")


def member(name: str, *, learner: bool = False, life: str = "0a1b2c3d") -> Member:
    """Return a server's member."""
    return Member(f"1{name[-1]}", f"{name}-{life}", AT[name], learner)


ALL = tuple(member(name) for name in NAMES)


def serving(members: tuple[Member, ...] = ALL, cluster: str = "77", server: str = "", **more: bool) -> Presence:
    """Return what a server shows that serves."""
    return Presence(
        active=True,
        has_data=True,
        registered=True,
        joined=True,
        healthy=True,
        cluster=cluster,
        members=members,
        server=server,
        founds=more.get("founds", False),
    )


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Return the lab's fleet."""
    return load_fleet(LAB)


@pytest.fixture(scope="module")
def servers(fleet: Fleet) -> tuple[Node, ...]:
    """Return its control planes."""
    return fleet.servers


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(dict.fromkeys(NAMES, EMPTY), Standing(CP1, (), NAMES, None), id="nothing at all"),
        pytest.param(dict.fromkeys(NAMES, serving()), Standing(None, NAMES, (), CP1), id="all is well"),
        pytest.param(
            {CP1: EMPTY, CP2: serving(), CP3: serving()},
            Standing(None, (CP2, CP3), (CP1,), CP2, (member(CP1),)),
            id="the first one's disk is new: it joins, and its former member goes",
        ),
        pytest.param(
            {CP1: EMPTY, CP2: serving(ALL[1:]), CP3: serving(ALL[1:])},
            Standing(None, (CP2, CP3), (CP1,), CP2),
            id="the same, its member gone already",
        ),
        pytest.param(
            {CP1: None, CP2: serving(), CP3: EMPTY},
            Standing(None, (CP2,), (CP3,), CP2, (member(CP3),)),
            id="one cannot be asked: it is neither holder nor joining",
        ),
        pytest.param(
            dict.fromkeys(NAMES, STOPPED), Standing(None, NAMES, (), None), id="all are down: nobody founds anything"
        ),
        pytest.param(
            {CP1: EMPTY, CP2: STOPPED, CP3: STOPPED},
            Standing(None, (CP2, CP3), (CP1,), None),
            id="the first one's disk is new and the others are down: it waits for them",
        ),
        pytest.param(
            {CP1: serving((ALL[0],)), CP2: EMPTY, CP3: EMPTY},
            Standing(None, (CP1,), (CP2, CP3), CP1),
            id="begun, and nobody has joined",
        ),
        pytest.param(
            {CP1: serving((ALL[0], Member("9", "", AT[CP2], learner=True))), CP2: EMPTY, CP3: EMPTY},
            Standing(None, (CP1,), (CP2, CP3), CP1),
            id="added and never started: K3s goes on with such a member",
        ),
    ],
)
def test_how_the_servers_stand(servers: tuple[Node, ...], seen: dict[str, Presence | None], expected: Standing) -> None:
    """What they show decides, not their numbers."""
    assert expected == standing(servers, seen, ())


@pytest.mark.parametrize(
    ("seen", "agents", "said"),
    [
        pytest.param({CP1: EMPTY, CP2: EMPTY}, (), "cp-3 could not be asked", id="one cannot be asked"),
        pytest.param({CP1: EMPTY, CP2: None, CP3: EMPTY}, (), "cp-2 could not be asked", id="one does not answer"),
        pytest.param(dict.fromkeys(NAMES, EMPTY), ("w-1",), "w-1 has joined", id="all data lost, an agent remembers"),
        pytest.param(
            {CP1: serving((ALL[0],), "1"), CP2: serving(ALL[1:], "2"), CP3: serving(ALL[1:], "2")},
            (),
            "there are two clusters",
            id="two clusters",
        ),
        pytest.param(
            {CP1: STOPPED, CP2: serving(ALL[1:]), CP3: serving(ALL[1:])},
            (),
            "cp-1 has data of etcd, but is no member",
            id="data of a member that was removed",
        ),
        pytest.param(
            {CP1: Presence(has_data=True, members=ALL), CP2: EMPTY, CP3: EMPTY},
            (),
            "lost its quorum for good",
            id="two of three disks are gone",
        ),
    ],
)
def test_what_is_refused(
    servers: tuple[Node, ...], seen: dict[str, Presence | None], agents: tuple[str, ...], said: str
) -> None:
    """Where a second cluster could come of it, nothing is started; the error says what was seen and what to do."""
    with pytest.raises(KoprogoError, match=said) as caught:
        standing(servers, seen, agents)

    assert caught.value.next_step


PRESENCES = st.one_of(
    st.none(),
    st.builds(
        Presence,
        active=st.booleans(),
        has_data=st.booleans(),
        registered=st.booleans(),
        joined=st.booleans(),
        founds=st.booleans(),
        server=st.sampled_from(["", *AT.values()]),
        healthy=st.booleans(),
        cluster=st.sampled_from(["", "77", "88"]),
        members=st.lists(st.sampled_from(ALL), unique=True).map(tuple),
    ),
)


@given(
    seen=st.fixed_dictionaries(dict.fromkeys(NAMES, PRESENCES)),
    agents=st.lists(st.just("koprogo-worker-1"), max_size=1),
    endpoint=st.sampled_from([None, "k3s.example.org"]),
)
def test_there_is_never_a_second_cluster(
    seen: dict[str, Presence | None], agents: list[str], endpoint: str | None, servers: tuple[Node, ...]
) -> None:
    """Whatever the nodes show: one begins a cluster only if all were asked, none has data, and no agent has joined."""
    try:
        found = standing(servers, seen, agents)
    except KoprogoError:
        return
    begin = [node.name for node in servers if join_address(node, servers, found, seen[node.name], endpoint) is None]
    without_data = {name for name, item in seen.items() if item is None or not item.has_data}

    if without_data & set(begin):
        assert [CP1] == begin
        assert all(item is not None and not item.has_data for item in seen.values())
        assert not agents
    assert set(begin) <= ({CP1} if found.founder else {name for name, item in seen.items() if item and item.founds})


@pytest.mark.parametrize(
    ("index", "found", "shown", "expected"),
    [
        pytest.param(0, Standing(CP1, (), NAMES, None), EMPTY, None, id="the founder"),
        pytest.param(1, Standing(CP1, (), NAMES, None), EMPTY, AT[CP1], id="the next one joins the founder"),
        pytest.param(0, Standing(None, NAMES[1:], (CP1,), CP2), EMPTY, AT[CP2], id="the first one joins another"),
        pytest.param(0, Standing(None, NAMES, (), CP1), serving(founds=True), None, id="what it says stays at first"),
        pytest.param(0, Standing(None, NAMES, (), CP1), serving(server=AT[CP3]), AT[CP3], id="what it says stays"),
        pytest.param(0, Standing(None, NAMES, (), CP1), serving(server="10.9.9.9"), AT[CP2], id="nobody's address"),
        pytest.param(2, Standing(None, (CP2,), (CP3,), CP2), EMPTY, AT[CP2], id="through who serves"),
        pytest.param(3, Standing(None, NAMES, (), CP2), EMPTY, AT[CP2], id="a new agent: through who serves"),
        pytest.param(
            3,
            Standing(None, NAMES, (), CP2),
            Presence(joined=True, server=AT[CP1]),
            AT[CP1],
            id="an agent that has joined",
        ),
    ],
)
def test_through_whom_a_node_joins(
    fleet: Fleet, index: int, found: Standing, shown: Presence, expected: str | None
) -> None:
    """Through a control plane that serves, never through itself; and what has joined is not restarted for another text."""
    assert expected == join_address(fleet.nodes[index], fleet.servers, found, shown, endpoint=None)
    assert url("10.0.0.12") == "https://10.0.0.12:6443"


def test_the_endpoint_comes_first(fleet: Fleet) -> None:
    """Where one name leads to every server, all join it, and one that has joined a server by its address moves to it."""
    began, there = Standing(CP1, (), NAMES, None), Standing(None, NAMES, (), CP1)

    def joins(index: int, found: Standing, shown: Presence) -> str | None:
        return join_address(fleet.nodes[index], fleet.servers, found, shown, endpoint="k3s.example.org")

    assert (None, "k3s.example.org") == (joins(0, began, EMPTY), joins(1, began, EMPTY))
    assert None is joins(0, there, serving(founds=True))
    assert "k3s.example.org" == joins(0, there, serving(server=AT[CP3]))


@pytest.mark.parametrize(
    ("members", "healthy", "refused"),
    [
        pytest.param(ALL, NAMES, "", id="all are well"),
        pytest.param(ALL, (CP2, CP3), "", id="it is the dead one"),
        pytest.param(ALL, (CP1, CP3), "1 of 2 are healthy", id="another is down"),
        pytest.param(ALL, (CP3,), "1 of 2 are healthy", id="it is dead, and another is down"),
        pytest.param((ALL[0], ALL[1], member(CP3, learner=True)), NAMES, "still joining", id="another is joining"),
        pytest.param((ALL[0], ALL[1]), (CP1, CP2), "", id="of two"),
        pytest.param((ALL[0],), (CP1,), "only member", id="of one"),
        pytest.param(
            (*ALL, Member("4", "stranger-0", "10.0.0.99", learner=False)), NAMES, "", id="beside one that nobody knows"
        ),
        pytest.param(
            (*ALL, Member("4", "stranger-0", "10.0.0.99", learner=False)),
            (CP1, CP2),
            "1 of 3",
            id="which does not help",
        ),
    ],
)
def test_who_may_leave(
    servers: tuple[Node, ...], members: tuple[Member, ...], healthy: tuple[str, ...], refused: str
) -> None:
    """The first control plane may leave only if the others have a quorum among themselves, and nobody is on the way in."""
    said = may_leave(servers[0], servers, members, healthy)

    assert bool(refused) == bool(said)
    assert refused in said
