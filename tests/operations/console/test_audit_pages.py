"""The audit at the console: filtered, followed, exported and verified; and what has ended."""

import json
import threading
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.audit.event import Event, write
from sessiongate.service.audit_desk import VerificationState
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, T0
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import Desk, events_of, header_of, tags_of, text_of, words_of
from tests.until import PATIENCE, until

CANARY = "<img src=x onerror=alert(1)>"


class Kept:
    """An audit in a file, and the console that reads it."""

    def __init__(self, gate: Gate, store: SqliteStore, path: Path) -> None:
        self.desk = Desk(gate, audit=lambda: nullcontext(AuditFile(path)))
        self._store = store

    async def write(self, what: str, **facts: str) -> None:
        told = {"result": "ok", "user": "bob", "ip": "192.0.2.1", **facts}
        event = Event(at=T0 + timedelta(hours=1), event=what, **told)  # type: ignore[arg-type]
        await self._store.audit.write(write(event), event.at)


@pytest.fixture
async def kept(gate: Gate, tmp_path: Path) -> AsyncIterator[Kept]:
    """An empty audit."""
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    await store.start()
    yield Kept(gate, store, path)
    await store.close()


async def test_events_are_filtered_the_newest_first(kept: Kept) -> None:
    for number in range(60):
        await kept.write("session opened", user=f"u{number}")
    await kept.write("login refused", result="refused", user="eve", reason="BadCredentials")
    ada = await kept.desk.signed_in("ada")
    reply = await ada.get("/console/audit")
    rows = [one["id"] for one in tags_of(reply, "tr") if "id" in one]
    assert rows[:2] == ["event-61", "event-60"]
    assert len(rows) == 50
    [older] = [one["href"] for one in tags_of(reply, "a") if one.get("id") == "older"]
    rest = await ada.get(older)
    assert [one["id"] for one in tags_of(rest, "tr") if "id" in one][-1] == "event-1"
    assert "hx-get" not in text_of(rest)  # what is old does not change
    said = words_of(await ada.get("/console/audit?event=refused&user=EVE"))
    assert "1 event, the newest first" in said
    assert "BadCredentials" in said
    twin = json.loads((await ada.get("/console/api/v1/audit?result=refused")).body)
    assert [row["user"] for row in twin["rows"]] == ["eve"]
    assert "Clear filters" in words_of(await ada.get("/console/audit?user=nobody"))


async def test_the_page_of_a_user_leads_to_what_the_user_did_and_met(kept: Kept) -> None:
    await kept.write("user unlocked", user="ada", subject="bob")
    await kept.write("login refused", user="bob")
    await kept.write("login refused", user="nil")
    ada = await kept.desk.signed_in("ada")
    page = await ada.get("/console/user?provider=local&name=bob")
    [events] = [one["href"] for one in tags_of(page, "a") if one.get("id") == "events"]
    rows = [one["id"] for one in tags_of(await ada.get(events), "tr") if "id" in one]
    assert rows == ["event-2", "event-1"]


async def test_new_events_show_without_a_reload(kept: Kept) -> None:
    await kept.write("session opened")
    ada = await kept.desk.signed_in("ada")
    page = await ada.get("/console/audit?user=bob")
    [address] = [one["hx-get"] for one in tags_of(page, "div") if "hx-get" in one]
    polling = ("hx-request", "true")
    assert (await ada.get(address, polling)).status == 204
    await kept.write("session ended", reason="logout")
    followed = await ada.get(address, polling)
    assert followed.status == 200
    assert "session ended" in words_of(followed)


async def test_an_export_is_lines_of_what_fits_oldest_first(kept: Kept) -> None:
    for user in ("bob", "eve", "bob"):
        await kept.write("session opened", user=user)
    ada = await kept.desk.signed_in("ada")
    reply = await ada.get("/console/audit/export.jsonl?user=bob")
    assert header_of(reply, "content-disposition") == 'attachment; filename="audit.jsonl"'
    assert [json.loads(line)["number"] for line in text_of(reply).splitlines()] == [1, 3]


async def test_sec_70_a_verification_is_begun_by_who_may_and_says_what_it_found(kept: Kept) -> None:
    await kept.write("session opened")
    ada, eve = await kept.desk.signed_in("ada"), await kept.desk.signed_in("eve")
    page = await eve.get("/console/audit")
    assert "Verify" not in words_of(page)
    assert (await eve.post("/console/audit/verify")).status == 403
    await ada.get("/console/audit")
    done = await ada.post("/console/audit/verify")
    assert header_of(done, "location") == "/console/audit?did=verifying&count=0"
    audit = kept.desk.parts.insights.audit
    await until(lambda: audit.verification().state != "running")
    assert "Whole: 1 events" in words_of(await ada.get("/console/audit"))
    event = events_of(kept.desk.gate)[-1]
    assert (event.event, event.user) == ("audit verification begun", "ada")


@pytest.mark.usefixtures("kept")
async def test_a_second_verification_is_refused_on_the_page_that_shows_the_first(
    gate: Gate, tmp_path: Path
) -> None:
    under_way, goes_on = threading.Event(), threading.Event()

    def opened() -> nullcontext[AuditFile]:
        if not under_way.is_set():
            under_way.set()
            assert goes_on.wait(PATIENCE)
        return nullcontext(AuditFile(tmp_path / "sessions.db"))

    desk = Desk(gate, audit=opened)
    ada = await desk.signed_in("ada")
    await ada.get("/console/sessions")
    try:
        assert (await ada.post("/console/audit/verify")).status == 303
        await until(under_way.is_set)
        reply = await ada.post("/console/audit/verify")
    finally:
        goes_on.set()
    assert reply.status == 400
    assert "A verification is under way; it goes on." in words_of(reply)
    await until(lambda: desk.parts.insights.audit.verification().state != "running")


async def test_a_verification_under_way_says_how_far_it_is(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await kept.desk.signed_in("ada")
    half = VerificationState("running", T0, 500, 1000)
    monkeypatch.setattr(kept.desk.parts.insights.audit, "verification", lambda: half)
    page = await ada.get("/console/audit")
    assert "500 of 1000 events" in words_of(page)
    [bar] = tags_of(page, "progress")
    assert (bar["value"], bar["max"], bar["aria-label"]) == (
        *("500", "1000", "Events that are verified"),
    )


async def test_what_the_audit_has_of_a_session_stands_on_its_page(kept: Kept) -> None:
    bob = (await kept.desk.gate.login("bob")).session.key
    await kept.write("session opened", key=bob)
    await kept.write("session opened", key="another")
    await kept.write("access denied", result="refused", key=bob, detail=CANARY)
    ada = await kept.desk.signed_in("ada")
    page = await ada.get(f"/console/sessions/{bob}")
    assert "The newest 2 events." in words_of(page)
    assert words_of(page).index("access denied") < words_of(page).index("session opened")
    assert tags_of(page, "img") == []
    twin = json.loads((await ada.get(f"/console/api/v1/sessions/{bob}")).body)
    assert [one["event"] for one in twin["events"]] == ["access denied", "session opened"]


async def test_what_has_ended_says_why_by_whom_and_how_long_it_lived(kept: Kept) -> None:
    for number in range(55):
        await kept.write("session ended", reason="idle", key=f"k{number}")
    await kept.write(
        "session ended", user="ada", subject="eve", reason="terminated", agent="govc/0.40"
    )
    ada = await kept.desk.signed_in("ada")
    reply = await ada.get("/console/ended")
    assert "1 to 50 of 56 sessions that ended last" in words_of(reply)
    assert "eve terminated ada govc 192.0.2.1" in words_of(reply)
    [following] = [one["href"] for one in tags_of(reply, "a") if one.get("id") == "next"]
    assert "51 to 56 of 56" in words_of(await ada.get(following))
    story = await ada.get(
        next(one["href"] for one in tags_of(reply, "a") if "key=k54" in one["href"])
    )
    assert "1 event, the newest first" in words_of(story)
    said = words_of(await ada.get("/console/ended?reason=term"))
    assert "1 to 1 of 1" in said
    twin = json.loads((await ada.get("/console/api/v1/ended?user=eve")).body)
    assert [(row["user"], row["by"]) for row in twin["rows"]] == [("eve", "ada")]
    assert "No ended session fits" in words_of(await ada.get("/console/ended?user=nobody"))


@each("path", ["audit", "ended"])
async def test_a_store_without_an_audit_says_why(path: str, desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    reply = await ada.get(f"/console/{path}")
    assert reply.status == 200
    assert "store.url" in words_of(reply)


@each(
    "asked",
    [
        *("audit?before=x", "audit?before=-1", f"audit?before={'9' * 30}", "audit?chain=x"),
        *("audit?address=x", "ended?begin=x"),
    ],
)
async def test_what_cannot_be_read_in_a_query_is_refused_by_its_name(
    asked: str, kept: Kept
) -> None:
    ada = await kept.desk.signed_in("ada")
    reply = await ada.get(f"/console/{asked}")
    assert reply.status == 400
    assert f"{asked.partition('?')[2].partition('=')[0]}: " in words_of(reply)


@each("path", ["audit", "ended"])
async def test_sec_71_what_clients_send_stays_text(path: str, kept: Kept) -> None:
    facts = dict.fromkeys(("user", "ip", "agent", "detail", "how", "reason", "dialect"), CANARY)
    await kept.write("session ended", **facts)
    ada = await kept.desk.signed_in("ada")
    reply = await ada.get(f"/console/{path}")
    assert tags_of(reply, "img") == []
    assert CANARY in words_of(reply)


async def test_from_a_session_the_way_leads_to_its_events(kept: Kept) -> None:
    key = (await kept.desk.gate.login("bob")).session.key
    await kept.write("session opened", key=key)
    await kept.write("session opened", key="another")
    ada = await kept.desk.signed_in("ada")
    page = await ada.get(f"/console/sessions/{key}")
    [story] = [one["href"] for one in tags_of(page, "a") if one.get("id") == "story"]
    assert "1 event, the newest first" in words_of(await ada.get(story))
