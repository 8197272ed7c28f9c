"""One line for every decision, and no secret in any of them."""

import hashlib
import sqlite3
from collections.abc import Callable, MutableMapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from sessiongate.audit.event import Event, read
from sessiongate.audit.journal import Journal
from sessiongate.errors import (
    AlreadyLoggedIn,
    BadCredentials,
    CapReached,
    EndNotWritten,
    IdentityUnavailable,
    NoPermission,
    NotFound,
    StoreUnavailable,
)
from sessiongate.rules.audit_chain import Chain
from sessiongate.secret import Secret
from sessiongate.service.extension_login import Extension
from sessiongate.session import Caps, Client, Ended, Session
from sessiongate.store.embedded.audit import MemoryAudit
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import everyone
from tests.gate import CLIENT, HERE, LIMITS, Gate

Line = MutableMapping[str, Any]


async def story(gate: Gate) -> tuple[list[Line], list[str]]:
    """A day at the gate: what was logged, and what must not be."""
    with capture_logs() as logs:
        opened = await gate.login("ada")
        with pytest.raises(BadCredentials):
            await gate.logins.login("bob", Secret("hunter2"), CLIENT, default="local")
        other = await gate.login("bob")
        ticket = await gate.tickets.clone_ticket(other.session)
        clone = await gate.tickets.clone(ticket, CLIENT)
        with pytest.raises(NoPermission):
            await gate.call(other.session, "UpdateServiceMessage", message="hello")
        await gate.call(opened.session, "UpdateServiceMessage", message="hello")
        await gate.sessions.end(other.session.key, Ended.TERMINATED, by="ada")
        await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    secrets = [opened.token, other.token, clone.token, ticket, Secret("hunter2"), Secret("adaada")]
    return logs, [secret.reveal() for secret in secrets]


async def test_every_decision_has_a_line(gate: Gate) -> None:
    logs, _ = await story(gate)
    told = [(line["event"], line.get("user"), line.get("how"), line.get("reason")) for line in logs]
    assert told == [
        ("session opened", "ada", "login", None),
        ("login refused", "bob", "login", "BadCredentials"),
        ("session opened", "bob", "login", None),
        ("session opened", "bob", "clone", None),
        ("permission denied", "bob", None, None),
        ("service message changed", "ada", None, None),
        ("session ended", "bob", None, "terminated"),
        ("session ended", "ada", None, "logout"),
    ]
    assert logs[6]["by"] == "ada"
    assert logs[7]["by"] == "ada"
    assert (logs[4]["what"], logs[4]["privilege"]) == (
        "UpdateServiceMessage",
        "Sessions.GlobalMessage",
    )
    assert {line["log_level"] for line in logs} == {"info", "warning"}


async def test_no_line_holds_a_secret_or_a_whole_key(gate: Gate) -> None:
    logs, secrets = await story(gate)
    text = repr(logs)
    assert [secret for secret in secrets if secret in text] == []
    assert all(len(line["key"]) == 8 for line in logs if "key" in line)


async def test_a_long_name_is_cut(gate: Gate) -> None:
    with capture_logs() as logs, pytest.raises(BadCredentials):
        await gate.logins.login("x" * 1000, Secret("y"), CLIENT, default="local")
    assert len(logs[0]["user"]) == 256


async def events(gate: Gate) -> list[Event]:
    audit = gate.store.audit
    return [read(payload) for payload in audit.payloads]


async def test_sec_69_the_audit_tells_the_whole_story(gate: Gate) -> None:
    await story(gate)
    told = [
        (one.event, one.result, one.user, one.subject, one.how, one.reason)
        for one in await events(gate)
    ]
    assert told == [
        ("session opened", "ok", "ada", "", "login", ""),
        ("login refused", "refused", "bob", "", "login", "BadCredentials"),
        ("session opened", "ok", "bob", "", "login", ""),
        ("session opened", "ok", "bob", "", "clone", ""),
        ("permission denied", "refused", "bob", "", "", "Sessions.GlobalMessage"),
        ("service message changed", "ok", "ada", "", "", ""),
        ("session ended", "ok", "ada", "bob", "", "terminated"),
        ("session ended", "ok", "ada", "", "", "logout"),
    ]
    for one in await events(gate):
        assert (one.at, one.ip, one.agent, one.dialect) == (
            gate.clock.now(),
            CLIENT.ip_address,
            CLIENT.user_agent,
            CLIENT.dialect,
        )


async def test_sec_69_of_a_token_the_audit_has_eight_digits_of_its_digest(gate: Gate) -> None:
    opened = await gate.login("ada")
    (event,) = await events(gate)
    assert event.token == opened.token.digest().hex()[:8]
    assert event.key == opened.session.key
    _, secrets = await story(gate)
    text = b"".join(gate.store.audit.payloads).decode()
    assert [secret for secret in secrets if secret in text] == []


async def test_sec_17_impersonation_is_written_down_with_both_names(gate: Gate) -> None:
    await gate.login("bob")
    ada = await gate.login("ada")
    await gate.call(ada.session, "ImpersonateUser", user_name="bob")
    told = [(one.event, one.user, one.subject, one.how) for one in await events(gate)][2:]
    assert told == [
        ("session opened", "bob", "", "impersonation"),
        ("user impersonated", "ada", "bob", ""),
        ("session ended", "ada", "", ""),
    ]


async def test_sec_17_a_refused_impersonation_is_written_down_with_both_names(gate: Gate) -> None:
    ada, eve = await gate.login("ada"), await gate.login("eve")
    with pytest.raises(NoPermission):
        await gate.impersonation.impersonate(eve.session, "ADA", CLIENT, None)
    with pytest.raises(BadCredentials):
        await gate.impersonation.impersonate(ada.session, "nobody", CLIENT, None)
    told = [
        (one.event, one.result, one.user, one.subject, one.reason) for one in await events(gate)
    ]
    assert told[2:] == [
        ("user not impersonated", "refused", "eve", "ADA", "NoPermission"),
        ("user not impersonated", "refused", "ada", "nobody", "BadCredentials"),
    ]


async def test_sec_69_a_login_that_is_undone_ends_in_the_audit_too(gate: Gate) -> None:
    async def late() -> None:
        gate.identity.add("bob", "another password", "user")

    gate.changes.watch("local", gate.identity)
    gate.store.before["add"] = late
    with pytest.raises(BadCredentials):
        await gate.login("bob")
    await gate.changes.settled()
    told = [(one.event, one.reason) for one in await events(gate)]
    assert told.pop(told.index(("account changed", "")))
    assert told == [
        ("session opened", ""),
        ("session ended", "user_changed"),
        ("login refused", "BadCredentials"),
    ]


async def test_a_session_that_found_no_place_is_written_down_as_not_opened(tmp_path: Path) -> None:
    gate = Gate(tmp_path, Caps(per_principal=1))
    await gate.login("bob")
    with pytest.raises(CapReached):
        await gate.login("bob")
    told = [(one.event, one.reason) for one in await events(gate)][1:]
    assert told == [
        ("session opened", ""),
        ("session not opened", "CapReached"),
        ("login refused", "CapReached"),
    ]


async def test_an_expired_session_is_written_down_with_its_reason(gate: Gate) -> None:
    await gate.login("bob")
    gate.clock.tick(timedelta(minutes=30, seconds=2))
    with capture_logs() as logs:
        assert await gate.sweep() == 1
    assert [(one.event, one.reason) for one in await events(gate)][1:] == [
        ("session ended", "idle")
    ]
    ended = [line for line in logs if line["event"] == "session ended"]
    assert [(line["user"], line["by"]) for line in ended] == [("bob", None)]  # nobody's doing


async def test_what_the_audit_cannot_write_stands_all_the_same(gate: Gate) -> None:
    class Full(MemoryAudit):
        async def write(self, payload: bytes, at: datetime, chain: Chain = Chain.DECISIONS) -> None:
            raise StoreUnavailable("no room")

    shipped: list[bytes] = []
    journal = Journal(gate.clock, Full(), shipped.append)
    await journal.happened("server started")
    assert [read(line).event for line in shipped] == ["server started"]


def put_away(path: Path, there: str, away: str) -> None:
    """The disk takes no change to sessions for now; or, the other way round, it does again."""
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"ALTER TABLE {there} RENAME TO {away}")


async def test_sec_69_an_end_that_the_disk_refuses_is_written_down_and_happens_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    await store.start()
    gate = Gate(tmp_path, store=store)  # type: ignore[arg-type]
    out, thrown_out, ada = [await gate.login(name) for name in ("bob", "eve", "ada")]
    put_away(path, "session", "away")
    with capture_logs() as logs:
        with pytest.raises(StoreUnavailable):
            await gate.call(out.session, "Logout")
        with pytest.raises(StoreUnavailable):
            await gate.call(ada.session, "TerminateSession", session_id=[thrown_out.session.key])
        # Whoever tries again finds that it is over.
        assert not await gate.sessions.end(out.session.key, Ended.LOGOUT)
        with pytest.raises(NotFound):
            await gate.call(ada.session, "TerminateSession", session_id=[thrown_out.session.key])
    assert [(line["event"], line["reason"], line["by"]) for line in logs if "by" in line] == [
        ("session end not written", "logout", "bob"),
        ("session end not written", "terminated", "ada"),
    ]
    assert await gate.live() == ["ada"]
    put_away(path, "away", "session")
    await store.close()
    with closing(sqlite3.connect(path)) as file:
        lines = [
            payload for (payload,) in file.execute("SELECT payload FROM audit ORDER BY number")
        ]
    told = [read(line) for line in lines]
    assert [
        (one.event, one.result, one.user, one.subject, one.key, one.reason) for one in told[3:]
    ] == [
        ("session ended", "unavailable", "bob", "", out.session.key, "logout"),
        ("session ended", "unavailable", "ada", "eve", thrown_out.session.key, "terminated"),
    ]
    assert all("cannot be written" in one.detail for one in told[3:])
    again = SqliteStore(path, LIMITS)
    await again.start()
    assert await everyone(again, gate.clock.now()) == {ada.session.key: ada.session}
    await again.close()


class AfterAdd(SqliteStore):
    """Lets a test have its way after a session was added."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, LIMITS)
        self.then: Callable[[], None] = lambda: None

    async def add(self, session: Session, caps: Caps) -> None:
        await super().add(session, caps)
        self.then()


async def test_sec_69_an_impersonation_whose_end_the_disk_refuses_is_written_down(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sessions.db"
    store = AfterAdd(path)
    await store.start()
    gate = Gate(tmp_path, store=store)  # type: ignore[arg-type]
    await gate.login("bob")
    ada = await gate.login("ada")
    store.then = lambda: put_away(path, "session", "away")
    with pytest.raises(StoreUnavailable):
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")
    put_away(path, "away", "session")
    assert await gate.live() == ["bob"]
    await store.close()
    with closing(sqlite3.connect(path)) as file:
        lines = [
            payload for (payload,) in file.execute("SELECT payload FROM audit ORDER BY number")
        ]
    told = [(one.event, one.result, one.user, one.reason) for one in map(read, lines)]
    assert told[3:5] == [
        ("session ended", "unavailable", "ada", "logout"),
        ("session ended", "unavailable", "bob", "unclaimed"),
    ]


BACKUP = Extension("com.example.backup", hashlib.sha256(b"a certificate").hexdigest(), "user")
SHOWN = msgspec.structs.replace(CLIENT, certificate=b"a certificate")


@pytest.mark.parametrize(
    ("fails", "client", "method", "arguments", "how", "user"),
    [
        (
            "add",
            CLIENT,
            "Login",
            {"user_name": "bob", "password": Secret("bobbob")},
            "login",
            "bob",
        ),
        ("take", CLIENT, "CloneSession", {"clone_ticket": Secret("cst-1")}, "clone", ""),
        (
            "add",
            SHOWN,
            "LoginExtensionByCertificate",
            {"extension_key": BACKUP.key},
            "extension",
            BACKUP.key,
        ),
        ("put", HERE, "AcquireLocalTicket", {"user_name": "bob"}, "local ticket asked for", "bob"),
        (
            "take",
            HERE,
            "Login",
            {"user_name": "bob", "password": Secret("local-ticket-1")},
            "local ticket",
            "bob",
        ),
    ],
)
async def test_sec_69_an_outage_is_written_down_on_every_way_in(
    tmp_path: Path,
    fails: str,
    client: Client,
    method: str,
    arguments: dict[str, Any],
    how: str,
    user: str,
) -> None:
    gate = Gate(tmp_path, extensions={BACKUP.key: BACKUP})
    gate.store.away.add(fails)
    with pytest.raises(StoreUnavailable):
        await gate.call(None, method, client, **arguments)
    last = (await events(gate))[-1]
    assert (last.event, last.result, last.how, last.user, last.reason) == (
        "login refused",
        "unavailable",
        how,
        user,
        "StoreUnavailable",
    )
    assert gate.journal.meters.logins["vi-json", "unavailable"] == 1


async def test_sec_69_an_extension_that_finds_no_place_is_written_down(tmp_path: Path) -> None:
    gate = Gate(tmp_path, Caps(total=1), extensions={BACKUP.key: BACKUP})
    await gate.login("bob")
    with pytest.raises(CapReached):
        await gate.call(None, "LoginExtensionByCertificate", SHOWN, extension_key=BACKUP.key)
    last = (await events(gate))[-1]
    assert (last.event, last.how, last.user, last.reason) == (
        "login refused",
        "extension",
        BACKUP.key,
        "CapReached",
    )


async def test_sec_69_an_impersonation_without_an_answer_is_written_down(gate: Gate) -> None:
    await gate.login("bob")
    ada = await gate.login("ada")
    gate.identity.outage = True
    with pytest.raises(IdentityUnavailable):
        await gate.impersonation.impersonate(ada.session, "bob", CLIENT, None)
    last = (await events(gate))[-1]
    assert (last.event, last.result, last.user, last.subject, last.reason) == (
        "user not impersonated",
        "unavailable",
        "ada",
        "bob",
        "IdentityUnavailable",
    )


async def test_sec_69_an_end_that_nobody_can_confirm_is_written_down(gate: Gate) -> None:
    bob = await gate.login("bob")
    gate.store.away.add("end")
    with pytest.raises(StoreUnavailable):
        await gate.sessions.end(bob.session.key, Ended.TERMINATED, by="ada")
    last = (await events(gate))[-1]
    assert (last.event, last.result, last.user, last.key, last.reason, last.detail) == (
        "session ended",
        "unavailable",
        "ada",
        bob.session.key,
        "terminated",
        "the disk is gone",
    )


async def test_sec_69_a_login_on_a_live_session_is_written_down_too(gate: Gate) -> None:
    ada = await gate.login("ada")
    with pytest.raises(AlreadyLoggedIn):
        await gate.call(ada.session, "Login", user_name="ada", password=Secret("adaada"))
    assert [(one.event, one.user, one.reason) for one in await events(gate)][1:] == [
        ("login refused", "ada", "AlreadyLoggedIn")
    ]


async def test_sec_72_sessions_that_nobody_logs_out_are_counted_by_dialect_alone(
    gate: Gate,
) -> None:
    for number, reason in enumerate(Ended):
        client = Client(f"192.0.2.{number}", f"script-{number}", "zerto")
        opened = await gate.login("bob", client)
        await gate.sessions.end(opened.session.key, reason)
    meters = gate.journal.meters
    assert meters.not_logged_out == {"zerto": 3}  # idle, aged, terminated
    assert sum(meters.ends.values()) == len(Ended)


async def test_an_end_that_is_written_later_is_counted_too(gate: Gate) -> None:
    session = (await gate.login("bob")).session
    gate.journal.end_failed(session.key, Ended.TERMINATED, "ada", EndNotWritten("gone", session))
    gate.journal.end_failed(session.key, Ended.TERMINATED, "ada", StoreUnavailable("gone"))
    assert gate.journal.meters.not_logged_out == {"vi-json": 1}
