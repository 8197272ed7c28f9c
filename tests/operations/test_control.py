"""What the command line asks a running server, without the socket."""

import json
import os
import pwd
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiongate.errors import NotFound, StoreUnavailable, UpstreamUnavailable
from sessiongate.operations.control import Control, Locked, account_of
from sessiongate.operations.control_socket import socket_path
from sessiongate.session import Caps, Ended, Limits, Session
from tests.gate import LIMITS, Gate
from tests.http.requests import request


@dataclass
class Told:
    """What the server was asked to do."""

    refreshed: int = 0
    unlocked: list[tuple[str, str]] = field(default_factory=list)

    async def refresh(self) -> None:
        self.refreshed += 1

    async def unlock(self, name: str, by: str) -> bool:
        self.unlocked.append((name, by))
        return name == "ada"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def control(gate: Gate, told: Told) -> Control:
    return Control(gate.sessions, gate.clock, told.refresh, told.unlock)


async def ask(control: Control, method: str, path: str) -> tuple[int, Any]:
    reply = await control(request(method, path))
    return reply.status, json.loads(reply.body)


async def test_sessions_are_listed_without_their_tokens(control: Control, gate: Gate) -> None:
    opened = await gate.login("ada")
    await gate.login("bob")
    gate.clock.tick(timedelta(seconds=90))
    status, rows = await ask(control, "GET", "/sessions")
    assert status == 200
    assert sorted(row["user"] for row in rows) == ["ada", "bob"]
    assert opened.token.reveal() not in json.dumps(rows)
    assert opened.session.digest.hex() not in json.dumps(rows)
    status, rows = await ask(control, "GET", "/sessions?user=ADA")
    assert [(row["user"], row["idle_seconds"], row["calls"]) for row in rows] == [("ada", 90, 0)]
    assert rows[0]["roles"] == ["administrator"]
    assert rows[0]["login_at"] == "2026-01-01T00:00:00Z"


async def test_a_session_is_shown_and_ended_by_its_key(control: Control, gate: Gate) -> None:
    key = (await gate.login("ada")).session.key
    assert (await ask(control, "GET", f"/sessions/{key}"))[1]["user"] == "ada"
    assert await ask(control, "DELETE", f"/sessions/{key}") == (200, {"ended": 1})
    for method in ("GET", "DELETE"):
        status, answer = await ask(control, method, f"/sessions/{key}")
        assert (status, answer) == (404, {"error": "no live session has this key"})


async def test_sessions_of_one_user_or_of_all_are_ended(control: Control, gate: Gate) -> None:
    for name in ("ada", "bob", "bob", "eve"):
        await gate.login(name)
    assert await ask(control, "DELETE", "/sessions?user=Bob") == (200, {"ended": 2})
    assert await gate.live() == ["ada", "eve"]
    assert await ask(control, "DELETE", "/sessions") == (200, {"ended": 2})
    assert await gate.live() == []


@pytest.mark.parametrize("path", ["/sessions?user=", "/sessions?user", "/sessions?user=%20"])
async def test_an_empty_name_is_nobody_and_not_everybody(
    control: Control, gate: Gate, path: str
) -> None:
    """As from `--user "$NAME"` in a script whose NAME is not set."""
    await gate.login("ada")
    for method in ("DELETE", "GET"):
        assert await ask(control, method, path) == (400, {"error": "no user name"})
    assert await gate.live() == ["ada"]


async def test_an_empty_key_is_no_key_and_not_all_of_them(control: Control, gate: Gate) -> None:
    await gate.login("ada")
    for method in ("DELETE", "GET"):
        status, _ = await ask(control, method, "/sessions/")
        assert status == 404
    assert await gate.live() == ["ada"]


async def test_users_are_looked_at_again(control: Control, told: Told) -> None:
    assert await ask(control, "POST", "/users/refresh") == (200, {})
    assert told.refreshed == 1


async def test_a_name_is_unlocked(control: Control, told: Told) -> None:
    assert await ask(control, "POST", "/users/unlock?user=ada") == (200, {"unlocked": True})
    assert await ask(control, "POST", "/users/unlock?user=b%40c") == (200, {"unlocked": False})
    assert [name for name, _ in told.unlocked] == ["ada", "b@c"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/sessions/a/b", 404),
        ("POST", "/sessions", 404),
        ("PUT", "/sessions", 400),
        ("GET", "/sessions?user=a%5Cb%5Cc", 400),
    ],
)
async def test_other_questions_are_refused(
    control: Control, method: str, path: str, status: int
) -> None:
    found, answer = await ask(control, method, path)
    assert (found, list(answer)) == (status, ["error"])


def test_the_socket_is_in_the_data_directory(tmp_path: Path) -> None:
    short = Path("/var/lib/sessiongate")
    assert socket_path(short).name == "control.sock"
    assert socket_path(short).parent == short.resolve()


def test_a_name_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    found = socket_path(long)
    assert len(str(found).encode()) <= 107
    assert found == socket_path(long)
    assert found != socket_path(tmp_path / ("y" * 100))


async def test_an_outage_is_no_refusal(gate: Gate, told: Told) -> None:
    async def away() -> None:
        raise StoreUnavailable("the store does not answer")

    answer = await ask(
        Control(gate.sessions, gate.clock, away, told.unlock), "POST", "/users/refresh"
    )
    assert answer == (503, {"error": "the store does not answer"})


# By the beginning of a key, counted, and who is there


async def with_key(gate: Gate, key: str) -> None:
    """A live session of this very key."""
    opened = await gate.login("bob")
    session = await gate.sessions.check(opened.token)
    assert session is not None
    await gate.sessions.end(session.key, Ended.LOGOUT)
    await gate.store.add(msgspec.structs.replace(session, key=key), Caps())


async def test_the_beginning_of_a_key_is_enough_where_it_is_of_one_only(
    control: Control, gate: Gate
) -> None:
    first, second = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
    await with_key(gate, first)
    for method in ("GET", "DELETE"):
        status, answer = await ask(control, method, "/sessions/aaaaaaa")
        assert status == 404
        assert "at least its first 8 characters" in answer["error"]
    assert (await ask(control, "GET", "/sessions/AAAAAAAA"))[1]["key"] == first
    await with_key(gate, second)
    for method in ("GET", "DELETE"):
        status, answer = await ask(control, method, "/sessions/aaaaaaaa-0000")
        assert (status, answer["error"].split(";")[0]) == (
            400,
            "key: 2 live sessions have keys that begin so",
        )
    assert len(await gate.live()) == 2
    assert await ask(control, "DELETE", f"/sessions/{second[:-1]}2") == (200, {"ended": 1})
    assert await ask(control, "DELETE", "/sessions/aaaaaaaa") == (200, {"ended": 1})
    assert await gate.live() == []


async def test_sessions_are_counted(control: Control, gate: Gate) -> None:
    for name in ("ada", "bob", "bob"):
        await gate.login(name)
    assert await ask(control, "GET", "/count") == (200, {"count": 3})
    assert await ask(control, "GET", "/count?user=BOB") == (200, {"count": 2})
    assert await ask(control, "GET", "/count?user=") == (400, {"error": "no user name"})


@pytest.mark.parametrize(("idle", "left"), [(0, 1800), (1700, 100)])
async def test_the_time_that_is_left_is_told(idle: int, left: int, gate: Gate, told: Told) -> None:
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, limits=LIMITS)
    await gate.login("ada")
    gate.clock.tick(timedelta(seconds=idle))
    [row] = (await ask(control, "GET", "/sessions"))[1]
    assert row["seconds_left"] == left
    assert (await ask(control, "GET", f"/sessions/{row['key']}"))[1]["seconds_left"] == left


async def test_an_absolute_limit_may_come_first(gate: Gate, told: Told) -> None:
    limits = Limits(idle=timedelta(minutes=30), total=timedelta(minutes=10))
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, limits=limits)
    await gate.login("ada")
    gate.clock.tick(timedelta(minutes=4))
    [row] = (await ask(control, "GET", "/sessions"))[1]
    assert row["seconds_left"] == 360


async def test_who_has_sessions_and_who_is_locked(gate: Gate, told: Told) -> None:
    async def locked() -> Locked:
        return {"local": {"eve": gate.clock.now()}}

    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, locked)
    for name in ("ada", "bob", "bob"):
        await gate.login(name)
    status, answer = await ask(control, "GET", "/users")
    assert status == 200
    counts = {one["user"]: (one["provider"], one["sessions"]) for one in answer["sessions"]}
    assert counts == {"ada": ("local", 1), "bob": ("local", 2)}
    assert list(answer["locked"]["local"]) == ["eve"]


# Who did it


async def by_account(control: Control, method: str, path: str, uid: int | None) -> int:
    reply = await control(msgspec.structs.replace(request(method, path), user=uid))
    return reply.status


async def ends(gate: Gate) -> list[tuple[str, str]]:
    events = [json.loads(line) for line in gate.store.audit.payloads]
    return [(one["user"], one["subject"]) for one in events if one["event"] == "session ended"]


@pytest.mark.parametrize("path", ["/sessions/{}", "/sessions?user=ada", "/sessions"])
async def test_sec_69_an_end_is_written_down_with_the_account_that_asked(
    path: str, control: Control, gate: Gate
) -> None:
    """The account by the kernel's word, whatever the command says of itself."""
    key = (await gate.login("ada")).session.key
    account = pwd.getpwuid(os.geteuid()).pw_name
    assert await by_account(control, "DELETE", path.format(key), os.geteuid()) == 200
    assert await ends(gate) == [(f"os:{account}", "ada")]


async def test_sec_69_an_unlock_is_told_with_the_account_that_asked(
    control: Control, told: Told
) -> None:
    assert await by_account(control, "POST", "/users/unlock?user=ada", 0) == 200
    assert told.unlocked == [("ada", f"os:{pwd.getpwuid(0).pw_name}")]


@pytest.mark.parametrize(
    ("uid", "said"),
    [(0, f"os:{pwd.getpwuid(0).pw_name}"), (987654321, "os:987654321"), (None, "command line")],
)
def test_an_account_without_a_name_is_its_number(uid: int | None, said: str) -> None:
    assert account_of(uid) == said


async def test_a_server_says_what_it_goes_by(gate: Gate, told: Told) -> None:
    control = Control(
        gate.sessions, gate.clock, told.refresh, told.unlock, about=lambda: {"listening": ["x"]}
    )
    assert await ask(control, "GET", "/server") == (200, {"listening": ["x"]})


class Asked:
    """The gateway's side: says what it was asked."""

    def list(self) -> object:
        return ["list"]

    def show(self, name: str) -> object:
        if name != "vc 1":
            raise NotFound(f"there is no upstream {name!r}")
        return ["show", name]

    async def pause(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return ["pause", name, by]

    async def resume(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return ["resume", name, by]

    async def drain(
        self,
        name: str,
        by: str,
        how: str = "",
        detail: str = "",
        *,
        force: bool,
        who: Session | None = None,
    ) -> object:
        return ["drain", name, by, force]

    async def rotate(self, name: str, by: str, how: str = "", detail: str = "") -> object:
        return ["rotate", name, by]

    async def sessions(self, name: str) -> object:
        if name == "away":
            raise UpstreamUnavailable("no connection to it")
        return ["sessions", name]


@pytest.mark.parametrize(
    ("verb", "path", "said"),
    [
        ("GET", "/pools", ["list"]),
        ("GET", "/pools/vc%201", ["show", "vc 1"]),
        ("POST", "/pools/vc1/pause", ["pause", "vc1", "command line"]),
        ("POST", "/pools/vc1/resume", ["resume", "vc1", "command line"]),
        ("POST", "/pools/vc1/drain", ["drain", "vc1", "command line", False]),
        ("POST", "/pools/vc1/drain?force=yes", ["drain", "vc1", "command line", True]),
        ("POST", "/pools/vc1/rotate", ["rotate", "vc1", "command line"]),
        ("GET", "/upstreams/vc1/sessions", ["sessions", "vc1"]),
    ],
)
async def test_pools_are_asked_by_their_names(
    verb: str, path: str, said: object, gate: Gate, told: Told
) -> None:
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, pools=Asked())
    assert await ask(control, verb, path) == (200, said)


async def test_an_upstream_that_is_away_is_told_apart_from_an_outage_of_ours(
    gate: Gate, told: Told
) -> None:
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, pools=Asked())
    answer = await ask(control, "GET", "/upstreams/away/sessions")
    assert answer == (502, {"error": "no connection to it"})


async def test_what_there_is_not_of_pools_is_not_found(gate: Gate, told: Told) -> None:
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, pools=Asked())
    for verb, path in (
        ("GET", "/pools/vc2"),
        ("GET", "/pools/vc1/pause"),
        ("DELETE", "/pools/vc1"),
        ("POST", "/pools/vc1/burn"),
        ("GET", "/upstreams/vc1"),
    ):
        assert (await ask(control, verb, path))[0] == 404, path
    without = Control(gate.sessions, gate.clock, told.refresh, told.unlock)
    assert (await ask(without, "GET", "/pools"))[0] == 404


async def test_the_latest_are_few_and_say_how_many_there_are(
    control: Control, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiongate.operations.control.MOST_LATEST", 2)
    for name in ("ada", "bob", "bob", "eve"):
        await gate.login(name)
        gate.clock.tick(timedelta(seconds=1))
    status, latest = await ask(control, "GET", "/latest")
    assert (status, latest["total"]) == (200, 4)
    assert [row["user"] for row in latest["sessions"]] == ["eve", "bob"]
    status, latest = await ask(control, "GET", "/latest?user=ada")
    assert (latest["total"], len(latest["sessions"])) == (1, 1)


class Reports:
    """Told how far back to look."""

    def __init__(self) -> None:
        self.asked: list[timedelta] = []

    async def report(self, span: timedelta) -> dict[str, list[str]]:
        self.asked.append(span)
        return {"clients": []}


async def test_who_leaks_is_told_for_a_span(gate: Gate, told: Told) -> None:
    reports = Reports()
    control = Control(gate.sessions, gate.clock, told.refresh, told.unlock, leaks=reports)
    assert await ask(control, "GET", "/leaks?seconds=3600") == (200, {"clients": []})
    for wrong in (
        "",
        "?seconds=",
        "?seconds=0",
        "?seconds=-1",
        "?seconds=1e3",
        "?seconds=" + "9" * 5000,
    ):
        status, _ = await ask(control, "GET", f"/leaks{wrong}")
        assert status == 400, wrong
    assert reports.asked == [timedelta(hours=1)]
