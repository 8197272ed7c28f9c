"""Tokens, and the life of a session: requirements 1 to 4, 9 to 14, 16, 17, over every dialect."""

import ast
import inspect
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

import sessiongate
from sessiongate.clock import SystemClock
from sessiongate.rules.token import GUID_BYTES, TOKEN_BYTES, clone_ticket, guid, hex_token
from sessiongate.service.sessions import Sessions
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, NO_CAPS, a_session
from tests.each import each
from tests.end_to_end.serving import ADMIN, OPERATOR, OTHER, USER, Server, add_people
from tests.security.dialects import (
    DIALECTS,
    MANAGERS,
    UNSIGNED,
    Dialect,
    Manages,
    each_dialect,
    over_dialects,
    over_managers,
    over_stores,
)
from tests.until import PATIENCE

MakeServer = Callable[..., Server]
Someone = Callable[[str], tuple[str, str]]


HEX = set("0123456789abcdef")
UNKNOWN = {"zerto": "527ffdec-4cb0-eb4c-2067-5488cba47134"}
UNKNOWN_KEY = "52a67ed8-0f0b-1714-4534-86a177fc5158"


def config_of(server: Server) -> tuple[str, str]:
    """The option that gives a command the settings of this server."""
    return "--config", f"{server.data_dir}.toml"


def unknown_token(dialect: Dialect) -> str:
    """A token in the form that this dialect's clients know, and that nobody has."""
    return UNKNOWN.get(dialect.name, "7bea" * 10)


# 1: random, and nothing but random


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "digits"),
    [
        (lambda: hex_token(secrets.token_bytes(TOKEN_BYTES)), 40),
        (lambda: guid(secrets.token_bytes(GUID_BYTES)).replace("-", ""), 32),
        (lambda: clone_ticket(secrets.token_bytes(TOKEN_BYTES), "h").rpartition("-")[2], 40),
    ],
    ids=["vsphere", "zerto", "clone ticket"],
)
def test_sec_01_every_digit_of_a_token_is_random(make: Callable[[], str], digits: int) -> None:
    count = 100_000
    made = [make() for _ in range(count)]
    assert len(set(made)) == count
    assert digits * 4 >= 128
    for place in range(digits):
        seen = Counter(token[place] for token in made)
        assert set(seen) == HEX
        wanted = count / 16
        chi = sum((seen[digit] - wanted) ** 2 / wanted for digit in HEX)
        # 15 degrees of freedom: more than 80 comes once in 1e10 tries, and a fixed or biased
        # digit (a version, a clock) gives thousands.
        assert chi < 80, place


@pytest.mark.slow
def test_sec_01_random_bytes_come_from_the_system() -> None:
    """Faults on purpose are drawn by a seed, so that they can be had again; `serve` has none."""
    assert inspect.signature(Sessions).parameters["random"].default is secrets.token_bytes
    package = Path(sessiongate.__file__).parent
    for path in set(package.rglob("*.py")) - {package / "faults" / "book.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert "random" not in {alias.name for alias in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module != "random", path


@pytest.mark.parametrize("dialect", UNSIGNED, ids=str)
def test_sec_01_tokens_say_nothing(dialect: Dialect, shared: Server) -> None:
    tokens = [dialect.token(shared, USER) for _ in range(20)]
    assert len(set(tokens)) == 20
    assert len({len(token) for token in tokens}) == 1
    for place, letter in enumerate(tokens[0]):
        if letter != "-":
            # The same digit in the same place twenty times: 1 in 16 ** 19.
            assert len({token[place] for token in tokens}) > 1


# 2: a leaked disk is no leaked session


@pytest.mark.slow
def test_sec_02_no_token_or_password_is_on_the_disk(server: Server) -> None:
    texts = [USER[1]]
    for dialect in DIALECTS:
        token = dialect.token(server, USER)
        texts += [token, token.replace("-", "")]
        if isinstance(dialect, Manages):
            texts.append(dialect.clone_ticket(server, dialect.carry(token)))
    secret_bytes = [text.encode() for text in texts]
    secret_bytes += [bytes.fromhex(text) for text in texts if set(text) <= HEX]
    assert len(secret_bytes) > 2 * len(DIALECTS)

    def look() -> None:
        files = [path for path in server.data_dir.rglob("*") if path.is_file()]
        assert any(path.name.startswith("sessiongate.db") for path in files)
        kept = b"".join(path.read_bytes() for path in files)
        assert USER[0].encode() in kept
        for secret in secret_bytes:
            assert secret not in kept

    look()  # with the journal as it is while we run
    server.stop()
    look()


@over_stores
@over_dialects
def test_sec_02_a_public_key_opens_nothing(dialect: Dialect, shared: Server) -> None:
    token = dialect.token(shared, USER)
    key = dialect.key_of(shared, token)
    assert key != token
    assert dialect.is_alive(shared, token)
    assert not dialect.is_alive(shared, key)
    assert not dialect.worked(dialect.logout(shared, dialect.carry(key)))
    assert dialect.is_alive(shared, token)


# 3: nobody's choice but ours

# vSphere's Login on a live session is InvalidLogin; the others open one more.
NEED_A_LOGOUT = {"vi-json", "soap"}


@over_stores
@over_dialects
def test_sec_03_a_token_presented_at_login_is_not_adopted(dialect: Dialect, shared: Server) -> None:
    chosen = unknown_token(dialect)
    reply = dialect.login(shared, *USER, headers=dialect.carry(chosen))
    assert dialect.worked(reply), reply
    token = dialect.token_of(reply)
    assert token not in (None, "", chosen)
    assert dialect.is_alive(shared, str(token))
    assert not dialect.is_alive(shared, chosen)
    assert chosen not in repr(reply)


@over_stores
@over_dialects
def test_sec_03_each_login_gets_a_new_token(dialect: Dialect, shared: Server) -> None:
    first = dialect.token(shared, USER)
    reply = dialect.login(shared, *USER, headers=dialect.carry(first))
    if dialect.name in NEED_A_LOGOUT:
        assert not dialect.worked(reply)
        assert first not in repr(reply)
    else:
        again = dialect.token_of(reply)
        assert again not in (None, "", first)
        assert dialect.is_alive(shared, str(again))
    assert dialect.is_alive(shared, first)
    # An ended token is not revived by logging in with it.
    assert dialect.worked(dialect.logout(shared, dialect.carry(first)))
    fresh = dialect.token_of(dialect.login(shared, *USER, headers=dialect.carry(first)))
    assert fresh not in (None, "", first)
    assert dialect.is_alive(shared, str(fresh))
    assert not dialect.is_alive(shared, first)


# 4: dead is dead, whatever it died of


@pytest.mark.slow
def test_sec_04_no_reply_tells_unknown_from_ended(make_server: MakeServer) -> None:
    server = make_server(settings='[sessions]\nidle_timeout = "2s"\n')
    idle = {dialect.name: dialect.token(server, USER) for dialect in DIALECTS}
    assert server.log.wait_for(
        lambda lines: sum('"reason":"idle"' in line for line in lines) == len(DIALECTS)
    )
    for dialect in DIALECTS:
        logged_out = dialect.token(server, USER)
        assert dialect.worked(dialect.logout(server, dialect.carry(logged_out)))
        terminated = dialect.token(server, USER)
        assert server.run("sessions", "terminate", "--user", USER[0]).code == 0
        dead = {
            "logged out": logged_out,
            "terminated": terminated,
            "idle": idle[dialect.name],
            "unknown": unknown_token(dialect),
            "forged": logged_out[:-1] + ("0" if logged_out[-1] != "0" else "1"),
            "too short": "abc",
            "too long": "a" * 5000,
            "no hex": "\u00e9!" * 20,
            "another form": UNKNOWN_KEY,
        }
        none = dialect.check(server, {})
        assert not dialect.worked(none)
        for how, token in dead.items():
            carrier = dialect.carry(token)
            refused = dialect.check(server, carrier)
            assert refused.without_date() == none.without_date(), (dialect.name, how)
            ended = dialect.logout(server, carrier)
            never = dialect.logout(server, {})
            assert ended.without_date() == never.without_date(), (dialect.name, how)


# 9: ending twice


@over_stores
@over_dialects
def test_sec_09_a_second_logout_changes_nothing(dialect: Dialect, shared: Server) -> None:
    token, other = dialect.token(shared, USER), dialect.token(shared, USER)
    carrier = dialect.carry(token)
    assert dialect.worked(dialect.logout(shared, carrier))
    replies = [dialect.logout(shared, carrier).without_date() for _ in range(3)]
    replies.append(dialect.logout(shared, dialect.carry(unknown_token(dialect))).without_date())
    assert len(set(replies)) == 1
    # The documented code of each: 401, a fault by 500, an error inside 200; 400 as Keycloak, to
    # whom a logout without a refresh token is no request.
    assert replies[0][0] in (401, 500, 200, 400)
    assert dialect.is_alive(shared, other)


@over_stores
@over_dialects
def test_sec_09_one_of_many_logouts_at_once_ends_it(dialect: Dialect, shared: Server) -> None:
    token = dialect.token(shared, USER)
    key = dialect.key_of(shared, token)
    worked: list[bool] = []

    def leave() -> None:
        reply = dialect.logout(shared, dialect.carry(token))
        worked.append(dialect.worked(reply))

    _at_once([leave] * 8)
    assert len(worked) == 8
    assert any(worked)
    assert not dialect.is_alive(shared, token)
    told = map(json.loads, shared.run("audit", "export", *config_of(shared)).out.splitlines())
    ends = [one for one in told if (one["event"], one.get("key")) == ("session ended", key)]
    assert [one["reason"] for one in ends] == ["logout"], "of those that worked, one has ended it"


def _at_once(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


# 10: for good


@pytest.mark.slow
def test_sec_10_an_ended_session_stays_ended_after_kill_9(server: Server) -> None:
    ended = [(dialect, dialect.token(server, USER)) for dialect in DIALECTS]
    alive = [(dialect, dialect.token(server, USER)) for dialect in DIALECTS]
    for dialect, token in ended:
        assert dialect.worked(dialect.logout(server, dialect.carry(token)))
    server.kill9()
    server.start()
    for dialect, token in ended:
        assert not dialect.is_alive(server, token), dialect.name
    for dialect, token in alive:
        assert dialect.is_alive(server, token), dialect.name


@pytest.mark.parametrize(
    "today",
    [datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)],
    ids=["29 February", "the last second of a year"],
)
async def test_sec_10_nothing_lives_longer_where_the_clock_was_set_back_over_a_restart(
    today: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a year. What had ended stays so, and what lives has its idle limit to go and no more."""
    wall, ticks, minute = [today], [0], 60 * 10**9

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.combine(wall[0].date(), wall[0].timetz())

    monkeypatch.setattr("sessiongate.clock.datetime", Wall)
    monkeypatch.setattr("sessiongate.clock._boot_time", lambda: ticks[0])
    clock, store = SystemClock(), SqliteStore(tmp_path / "sessions.db", LIMITS)
    await store.start()
    ended, idle, used = (a_session(at=clock.now()) for _ in range(3))
    for one in (ended, idle, used):
        await store.add(one, NO_CAPS)
    assert await store.end(ended.key)
    ticks[0] += 10 * minute
    assert await store.use(used.digest, clock.now())
    seen_last = clock.now()
    await store.close()

    wall[0] = today - timedelta(days=365)
    store = SqliteStore(tmp_path / "sessions.db", LIMITS)
    seen, clock = await store.start(), SystemClock()
    assert clock.now() == wall[0]
    assert seen is not None
    clock.not_before(seen)
    assert clock.now() == seen_last == SystemClock(floor=seen).now()
    ticks[0] += 19 * minute
    assert [await store.find(one.key, clock.now()) is not None for one in (ended, idle, used)] == [
        *(False, True, True)
    ]
    # It does not stand still there until the wall clock has caught up.
    ticks[0] += minute
    assert clock.now() == seen_last + timedelta(minutes=20)
    assert [await store.find(one.key, clock.now()) is not None for one in (ended, idle, used)] == [
        *(False, False, True)
    ]
    ticks[0] += 10 * minute
    assert await store.find(used.key, clock.now()) is None
    await store.close()


# 11, 12, 13: sessions of a user who changes, and sessions that an administrator ends


@pytest.mark.slow
@over_stores
@each_dialect
@each(
    ("args", "stdin"),
    [
        (("disable",), ""),
        (("remove",), ""),
        (("passwd", "--password-stdin"), "another one 1\n"),
    ],
    ids=["sec_11_disabled", "sec_11_removed", "sec_12_another_password"],
)
def test_sec_11_12_sessions_end_in_the_middle_of_traffic(
    args: tuple[str, ...], stdin: str, dialect: Dialect, shared: Server, someone: Someone
) -> None:
    server, person = shared, someone("user")
    token, bystander = dialect.token(server, person), dialect.token(server, USER)
    ticket = (
        dialect.clone_ticket(server, dialect.carry(token)) if isinstance(dialect, Manages) else ""
    )
    seen: list[bool] = []
    going, stop = threading.Event(), threading.Event()

    def use() -> None:
        with server.connected() as client:
            while not stop.is_set():
                seen.append(dialect.is_alive(client, token))
                going.set()

    user = threading.Thread(target=use)
    user.start()
    assert going.wait(PATIENCE)
    changed = server.run("users", args[0], person[0], *args[1:], *config_of(server), stdin=stdin)
    assert changed.code == 0, changed
    assert not dialect.is_alive(server, token), "it lives after the command came back"
    stop.set()
    user.join(PATIENCE)
    # Once dead, never alive again.
    assert seen == sorted(seen, reverse=True)
    assert seen[0]
    assert dialect.is_alive(server, bystander)
    assert not dialect.worked(dialect.login(server, *person))
    if isinstance(dialect, Manages):
        assert not dialect.worked(dialect.clone(server, ticket))


@over_stores
@over_dialects
def test_sec_13_an_administrator_ends_one_all_of_a_user_and_all(
    dialect: Dialect, shared: Server
) -> None:
    server = shared
    one, two, three = (dialect.token(server, USER) for _ in range(3))
    other = dialect.token(server, OTHER)

    def alive() -> list[bool]:
        return [dialect.is_alive(server, token) for token in (one, two, three, other)]

    key = dialect.key_of(server, one)
    assert server.run("sessions", "terminate", key).code == 0
    assert alive() == [False, True, True, True]
    assert server.run("sessions", "terminate", "--user", USER[0]).code == 0
    assert alive() == [False, False, False, True]
    assert server.run("sessions", "terminate", "--all").code == 0
    assert alive() == [False] * 4


# 14: one's own and nobody else's


@over_stores
@over_managers
@pytest.mark.parametrize("person", [OTHER, OPERATOR])
def test_sec_14_nobody_ends_a_strangers_session(
    person: tuple[str, str], dialect: Manages, shared: Server
) -> None:
    victim, attacker = dialect.token(shared, USER), dialect.token(shared, person)
    carrier = dialect.carry(attacker)
    key = dialect.current_key(shared, dialect.carry(victim))
    own = dialect.current_key(shared, carrier)
    for keys in ((key,), (own, key), (key, UNKNOWN_KEY)):
        reply = dialect.terminate(shared, carrier, *keys)
        assert not dialect.worked(reply)
        assert b"NoPermission" in reply.body
    assert dialect.is_alive(shared, victim)
    assert dialect.is_alive(shared, attacker)


@over_stores
@over_managers
def test_sec_14_a_user_does_not_see_the_list(dialect: Manages, shared: Server) -> None:
    victim, attacker = dialect.token(shared, OTHER), dialect.token(shared, USER)
    key = dialect.current_key(shared, dialect.carry(victim))
    reply = dialect.list_sessions(shared, dialect.carry(attacker))
    assert b"NoPermission" in reply.body
    assert key.encode() not in reply.body
    assert (
        key.encode()
        in dialect.list_sessions(shared, dialect.carry(dialect.token(shared, ADMIN))).body
    )


# 16: clone tickets


@over_stores
@over_managers
def test_sec_16_a_clone_ticket_works_once(dialect: Manages, shared: Server) -> None:
    token = dialect.token(shared, USER)
    ticket = dialect.clone_ticket(shared, dialect.carry(token))
    first = dialect.clone(shared, ticket)
    assert dialect.worked(first)
    clone = dialect.token_of(first)
    assert clone not in (None, token, ticket)
    again = dialect.clone(shared, ticket)
    assert not dialect.worked(again)
    assert dialect.token_of(again) is None
    never = dialect.clone(shared, ticket[:-1] + ("0" if ticket[-1] != "0" else "1"))
    assert again.without_date() == never.without_date()


@over_stores
@over_managers
def test_sec_16_a_clone_ticket_is_no_session(dialect: Manages, shared: Server) -> None:
    token = dialect.token(shared, USER)
    ticket = dialect.clone_ticket(shared, dialect.carry(token))
    for other in DIALECTS:
        assert not other.is_alive(shared, ticket)
        assert not other.is_alive(shared, ticket.rpartition("-")[2])
    # And a session is no ticket.
    assert not dialect.worked(dialect.clone(shared, token))
    # Trying it as a session did not use it up.
    assert dialect.worked(dialect.clone(shared, ticket))


@over_stores
@over_managers
def test_sec_16_a_clone_ticket_dies_with_its_session(dialect: Manages, shared: Server) -> None:
    token = dialect.token(shared, USER)
    ticket = dialect.clone_ticket(shared, dialect.carry(token))
    dialect.logout(shared, dialect.carry(token))
    assert not dialect.worked(dialect.clone(shared, ticket))


@over_stores
@over_managers
def test_sec_16_one_of_fifty_clones_at_once_wins(dialect: Manages, shared: Server) -> None:
    token = dialect.token(shared, USER)
    ticket = dialect.clone_ticket(shared, dialect.carry(token))
    ready = threading.Barrier(50)
    worked: list[bool] = []

    def clone() -> None:
        with shared.connected() as client:
            dialect.check(client, {})  # the connection is there before the race begins
            ready.wait(60)
            worked.append(dialect.worked(dialect.clone(client, ticket)))

    _at_once([clone] * 50)
    assert sorted(worked) == [False] * 49 + [True]


@over_stores
@over_managers
def test_sec_16_a_clone_has_no_more_rights_than_its_parent(
    dialect: Manages, shared: Server
) -> None:
    token = dialect.token(shared, USER)
    reply = dialect.clone(shared, dialect.clone_ticket(shared, dialect.carry(token)))
    clone = dialect.token_of(reply)
    assert clone
    assert b"NoPermission" in dialect.list_sessions(shared, dialect.carry(clone)).body


# 17: impersonation

DEPUTY = """
[roles.deputy]
privileges = ["System.View", "System.Read", "Sessions.ImpersonateUser"]
"""


@over_stores
@over_managers
@pytest.mark.parametrize("person", [USER, OPERATOR])
def test_sec_17_without_the_privilege_nobody_becomes_anybody(
    person: tuple[str, str], dialect: Manages, shared: Server
) -> None:
    dialect.token(shared, OTHER)
    token = dialect.token(shared, person)
    for name in (OTHER[0], person[0], "nobody-knows"):
        reply = dialect.impersonate(shared, dialect.carry(token), name)
        assert not dialect.worked(reply)
        assert b"NoPermission" in reply.body
    assert dialect.is_alive(shared, token)


@pytest.mark.slow
def test_sec_17_nobody_climbs_by_impersonation(make_server: MakeServer) -> None:
    server = make_server(settings=DEPUTY)
    deputy = ("dora", "deputy pass 1")
    added = server.run(
        "users", "add", deputy[0], "--role", "deputy", "--password-stdin", *config_of(server),
        stdin=f"{deputy[1]}\n",
    )  # fmt: skip
    assert added.code == 0, added
    for dialect in MANAGERS:
        for person, may in ((ADMIN, False), (OPERATOR, False), (USER, True)):
            dialect.token(server, person)
            token = dialect.token(server, deputy)
            reply = dialect.impersonate(server, dialect.carry(token), person[0])
            assert dialect.worked(reply) is may, (dialect.name, person)
            if not may:
                assert b"NoPermission" in reply.body
                assert dialect.token_of(reply) is None
            assert dialect.is_alive(server, token) is not may


@over_stores
@over_managers
def test_sec_17_impersonation_is_written_down_with_both_names(
    dialect: Manages, shared: Server, someone: Someone
) -> None:
    server, actor, subject = shared, someone("administrator"), someone("user")
    dialect.token(server, subject)
    token = dialect.token(server, actor)
    reply = dialect.impersonate(server, dialect.carry(token), subject[0])
    assert dialect.worked(reply)
    fresh = dialect.token_of(reply)
    assert fresh not in (None, token)
    assert not dialect.is_alive(server, token)
    told = server.run("audit", "export").out.splitlines()
    events = [json.loads(line) for line in told if actor[0] in line or subject[0] in line]
    assert [
        (one["event"], one["result"], one.get("user", ""), one.get("subject", ""))
        for one in events[-3:]
    ] == [
        ("session opened", "ok", subject[0], ""),
        ("user impersonated", "ok", actor[0], subject[0]),
        ("session ended", "ok", actor[0], ""),
    ]
    # It can be told which session became which.
    assert events[-3]["how"] == "impersonation"
    assert events[-2]["key"] == events[-1]["key"] != events[-3]["key"]
    assert events[-1]["reason"] == "logout"


@pytest.mark.slow
def test_sec_30_no_password_opens_a_new_server(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        for name in ("admin", "administrator", "root", "administrator@vsphere.local", "zerto"):
            for password in (
                "",
                "admin",
                "password",
                "vmware",
                "VMware1!",
                "Zerto1234!",
                "zertodata",
            ):
                for dialect in DIALECTS[:2]:
                    assert not dialect.worked(dialect.login(server, name, password))
        add_people(server.data_dir / "users.toml", {USER: "user"})
        assert DIALECTS[0].worked(DIALECTS[0].login(server, *USER))
        server.stop()


@pytest.mark.slow
def test_sec_30_86_a_second_bootstrap_opens_nothing(tmp_path: Path) -> None:
    """Over the wire and by every dialect: neither with the user there, nor with the last gone."""
    name = "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME"
    password = "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD"
    first = ("boss", "the first pass 1")
    environ = {name: first[0], password: first[1]}
    # There are more dialects than tries before a lock, which is the subject of tests of its own.
    server = Server(tmp_path / "data", "[lockout]\nattempts = 1000\n", environ=environ)
    with server:
        for dialect in DIALECTS:
            assert dialect.worked(dialect.login(server, *first)), dialect.name
        server.environ = {name: first[0], password: "another pass 2"}
        server.restart()
        for dialect in DIALECTS:
            assert not dialect.worked(dialect.login(server, first[0], "another pass 2"))
            assert dialect.worked(dialect.login(server, *first)), dialect.name
        assert server.run("users", "remove", first[0], "--yes").code == 0
        server.environ = {name: first[0], password: first[1]}
        server.restart()
        for dialect in DIALECTS:
            assert not dialect.worked(dialect.login(server, *first)), dialect.name
        assert "SESSIONGATE_BOOTSTRAP_ADMIN_* ignored" in server.log.text
        assert "There is no user yet" in server.out.text
        server.stop()
