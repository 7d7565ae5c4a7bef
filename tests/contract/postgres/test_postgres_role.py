"""The kind postgres-role, at a real server: two users that take turns."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable

import psycopg
import pytest
from database_scene import Scene, superuser

from koprogo_fleet.core.errors import (
    InputError,
    PostgresError,
    PostgresNotProven,
    PostgresRefused,
    PostgresUnavailable,
    ProofFailed,
    WaitTimeout,
)
from koprogo_fleet.core.events import Note, Waiting
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.load_balancer import Forward, LoadBalancer
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.postgres.scram import verifier
from koprogo_fleet.secrets.kinds.kind import Change
from koprogo_fleet.secrets.kinds.postgres_role import PASSWORD, URL, USERNAME
from koprogo_fleet.secrets.kinds.random_password import random_password
from koprogo_fleet.secrets.spec import Values


def refuses(scene: Scene, values: Values) -> bool:
    """Say whether the server refuses a login with *values*."""
    try:
        scene.login(values).close()
    except psycopg.OperationalError:
        return True
    return False


def in_background(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    """Start *work*; return its thread, and where what it raises will be."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except (PostgresError, WaitTimeout) as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def test_alternation(scene: Scene) -> None:
    """Over three rotations the users take turns; every step done twice does no more than once, and the former works to the end."""
    former: Values = {}
    users = []
    for number in range(3):
        kind, spec, tools = scene.kind, scene.spec, scene.tools
        begun = Change(f"r{number}", former, {})
        assert kind.begin(spec, begun, tools) == kind.begin(spec, begun, tools)
        change = Change(begun.id, former, kind.make(spec, former), kind.begin(spec, begun, tools))
        for _ in range(2):
            assert change.new == kind.create(spec, change, tools)
            kind.prove(spec, change.new, tools)
        if former:
            kind.prove(spec, former, tools)
        with scene.login(change.new):  # a consumer that was switched over, and a run that was killed since
            kind.create(spec, change, tools)
        for _ in range(2):
            kind.revoke(spec, change, tools)

        assert not former or refuses(scene, former)
        former = kind.last(spec, change)
        kind.prove(spec, former, tools)
        users.append(former[USERNAME].reveal())

    base = scene.spec.base
    assert [f"{base}_a", f"{base}_b", f"{base}_a"] == users
    with psycopg.connect(former[URL].reveal(), sslrootcert=scene.spec.server.ca) as connection:
        assert connection.info.user == users[-1]


def test_the_way_back(scene: Scene) -> None:
    """What is discarded, twice, cannot log in any more, and the former user can; what was never made is discarded as well."""
    former = scene.created({}).new
    change = scene.created(former)

    for _ in range(2):
        scene.kind.discard(scene.spec, change, scene.tools)

    assert refuses(scene, change.new)
    scene.kind.prove(scene.spec, former, scene.tools)
    again = scene.created(former)
    assert again.new[USERNAME] == change.new[USERNAME]
    scene.kind.prove(scene.spec, again.new, scene.tools)
    scene.kind.discard(scene.but(base="never_made"), Change("r", {}, {}), scene.tools)


def test_objects_are_shared(scene: Scene) -> None:
    """A table that one user makes belongs to the group, and the other renames, changes and drops it."""
    first = scene.created({}).new
    second = scene.created(first).new
    with superuser(scene.endpoint) as connection:
        connection.execute(f"CREATE SCHEMA {scene.spec.base} AUTHORIZATION {scene.spec.group}")

    with scene.login(first) as one, scene.login(second) as other:
        one.execute(f"CREATE TABLE {scene.spec.base}.flats (number int)")
        other.execute(f"ALTER TABLE {scene.spec.base}.flats RENAME TO homes")
        other.execute(f"ALTER TABLE {scene.spec.base}.homes ADD owner text")
        found = one.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'homes'").fetchone()
        other.execute(f"DROP TABLE {scene.spec.base}.homes")

    assert found == (scene.spec.group,)


def test_revoke_waits_for_who_is_connected(scene: Scene) -> None:
    """The former user is shut out only when its last connection has ended; meanwhile it is told whose that is."""
    former = scene.created({}).new
    change = scene.created(former)
    with scene.login(former, "koprogo-api") as consumer:
        thread, raised = in_background(lambda: scene.kind.revoke(scene.spec, change, scene.tools))

        def told() -> None:
            seen = [event.observation for event in scene.heard if isinstance(event, Waiting)]
            if "koprogo-api from 127.0.0.1" not in seen:
                raise NotYet(str(seen))

        wait_for("the wait is told", told, seconds=20, interval=0.05)
        assert consumer.execute("SELECT 1").fetchone() == (1,)
        assert not refuses(scene, former)
    thread.join(30)

    assert [] == raised
    assert refuses(scene, former)


def test_who_stays_connected_is_not_thrown_out(scene: Scene) -> None:
    """After the deadline the error names the application and how to end it; the former user works as before."""
    former = scene.created({}).new
    change = scene.created(former)

    with scene.login(former, "a report") as consumer, pytest.raises(WaitTimeout) as caught:
        scene.kind.revoke(scene.but(disconnect="1s"), change, scene.tools)
    with consumer:
        pass

    assert "a report from 127.0.0.1" in caught.value.seen
    assert "pg_terminate_backend" in str(caught.value.next_step)
    assert not refuses(scene, former)


def test_a_user_in_use_keeps_its_password(scene: Scene) -> None:
    """Vault has lost what a consumer uses: the next user is not taken from it, and nothing is changed."""
    lost = scene.created({}).new

    with scene.login(lost, "koprogo-api"):
        with pytest.raises(PostgresError, match=r"is in use: koprogo-api from 127\.0\.0\.1"):
            scene.kind.begin(scene.spec, Change("r2", {}, {}), scene.tools)
        with pytest.raises(PostgresError, match="is in use"):
            scene.created({})

    scene.kind.prove(scene.spec, lost, scene.tools)


def test_a_user_from_before(scene: Scene) -> None:
    """A user that somebody else made is proven as it is, and left alone when it is not needed any more: that is told."""
    with superuser(scene.endpoint) as connection:
        connection.execute("CREATE ROLE by_hand LOGIN PASSWORD 'by hand, long ago'")
    former = {USERNAME: Secret("by_hand"), PASSWORD: Secret("by hand, long ago")}
    change = scene.created(former)

    scene.kind.prove(scene.spec, former, scene.tools)
    scene.kind.revoke(scene.spec, change, scene.tools)

    assert [f"{scene.spec.base}_a"] == [change.new[USERNAME].reveal()]
    assert not refuses(scene, former)
    (told,) = [event.text for event in scene.heard if isinstance(event, Note)]
    assert told.startswith("by_hand at PostgreSQL")


def test_what_is_not_proven(scene: Scene) -> None:
    """Another password, a user that is shut out, and one that does not act as the group: each is a failed proof with exit code 1."""
    values = scene.created({}).new
    other = {**values, PASSWORD: random_password()}

    with pytest.raises(ProofFailed, match="password authentication failed") as caught:
        scene.kind.prove(scene.spec, other, scene.tools)
    assert caught.value.exit_code == 1
    assert other[PASSWORD].reveal() not in str(caught.value)
    with superuser(scene.endpoint) as connection:
        connection.execute(f"ALTER ROLE {scene.spec.base}_a RESET role")
    with pytest.raises(ProofFailed, match="does not belong to"):
        scene.kind.prove(scene.spec, values, scene.tools)
    scene.kind.discard(scene.spec, Change("r", {}, values), scene.tools)
    with pytest.raises(ProofFailed):
        scene.kind.prove(scene.spec, values, scene.tools)


def test_a_server_that_is_another(scene: Scene) -> None:
    """With another authority, or under another name, nothing is said to the server: not by us, and not as a consumer."""
    values = scene.created({}).new
    stranger = Authority(LabPaths("stranger").authority).ensure()

    elsewhere = LoadBalancer([Forward(("127.0.0.2", 0), ((scene.endpoint.host, scene.endpoint.port),))])
    ((host, port),) = elsewhere.addresses
    servers = [{"ca": str(stranger)}, {"ca": stranger.read_text()}, {"ca": None}, {"ca": "/none"}]

    for server in (*servers, {"host": host, "port": port}):
        spec = scene.but(server=server)
        with pytest.raises(PostgresNotProven):
            scene.kind.begin(spec, Change("r", {}, {}), scene.tools)
        with pytest.raises(PostgresNotProven):
            scene.kind.prove(spec, values, scene.tools)

    scene.kind.prove(scene.but(server={"host": host, "port": port, "sslmode": "verify-ca"}), values, scene.tools)
    elsewhere.close()


def test_a_server_that_is_down(scene: Scene) -> None:
    """No answer is an error that another try may mend, for us and for a proof: never a failed proof."""
    spec = scene.but(server={"port": 1})

    for step in (
        lambda: scene.kind.begin(spec, Change("r", {}, {}), scene.tools),
        lambda: scene.kind.prove(spec, scene.kind.make(spec, {}), scene.tools),
    ):
        with pytest.raises(PostgresUnavailable) as caught:
            step()
        assert caught.value.temporary


def test_administrators_that_cannot(scene: Scene) -> None:
    """A login that Vault does not have, a password that is wrong, a role that may not make roles: each is told, nothing is made."""
    vault_paths = {"koprogo/none": None, "koprogo/wrong": "rotator", "koprogo/weak": "weak"}
    with superuser(scene.endpoint) as connection:
        connection.execute("CREATE ROLE weak LOGIN PASSWORD 'that of a person'")
    for path, user in vault_paths.items():
        if user:
            scene.write(path, user, "that of a person")
    change = Change("r", {}, scene.kind.make(scene.spec, {}))

    for path, error, said in (
        ("koprogo/none", InputError, "Vault has no login"),
        ("koprogo/wrong", PostgresRefused, "password authentication failed"),
        ("koprogo/weak", PostgresRefused, "permission denied"),
    ):
        with pytest.raises(error, match=said) as caught:
            scene.kind.create(scene.but(admin={"path": path}), change, scene.tools)
        assert "that of a person" not in str(caught.value)

    with superuser(scene.endpoint) as connection:
        made = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (scene.spec.base,)).fetchall()
    assert [] == made


def test_no_password_reaches_the_server(scene: Scene) -> None:
    """A server that logs every statement has seen the statements, and none of the passwords."""
    change = scene.created(scene.created({}).new)
    scene.kind.prove(scene.spec, change.new, scene.tools)

    log = (LabPaths("database").root / "postgres" / "postgres.log").read_text()

    assert f'ALTER ROLE "{scene.spec.base}_b"' in log
    assert [] == [values for values in (change.former, change.new) if values[PASSWORD].reveal() in log]


def test_the_verifier_is_libpqs(scene: Scene) -> None:
    """For a salt that libpq chose, our verifier of a password is the one that libpq computes."""
    with superuser(scene.endpoint) as connection:
        theirs = connection.pgconn.encrypt_password(b"correct horse", b"anyone", b"scram-sha-256").decode()
    salt = base64.b64decode(theirs.split("$")[1].partition(":")[2])

    assert theirs == verifier(Secret("correct horse"), salt).reveal()


def test_no_login_is_lost(scene: Scene) -> None:
    """A client that logs in every 50 ms with what its Secret says loses none in four rotations."""
    change = scene.created({})
    secret, over, failed = [change.new], threading.Event(), []
    logins = 0

    def client() -> None:
        nonlocal logins
        while not over.wait(0.05):
            try:
                scene.login(secret[0]).close()
            except psycopg.OperationalError as error:
                failed.append(str(error))
            logins += 1

    thread = threading.Thread(target=client)
    thread.start()
    try:
        for _ in range(4):
            change = scene.created(secret[0])
            before = logins
            secret[0] = change.new

            def switched(before: int = before) -> None:
                if logins < before + 2:  # the first may have begun with the former
                    raise NotYet(f"{logins} logins")

            wait_for("the client uses the new user", switched, seconds=30, interval=0.05)
            scene.kind.revoke(scene.spec, change, scene.tools)
    finally:
        over.set()
        thread.join()

    assert [] == failed
    assert logins > 8
