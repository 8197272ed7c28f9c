"""Sessions as files: all that fit, no formula, and nobody waits for them."""

import asyncio
import csv
import io
import json

import msgspec

from sessiongate.session import Client
from sessiongate.testing.clock import T0
from sessiongate.testing.sessions import NO_CAPS, a_session
from tests.each import each
from tests.operations.console.browser import Desk, header_of, text_of

MANY = 400


async def test_an_export_has_all_that_fit(desk: Desk) -> None:
    await desk.gate.login("bob", Client("192.0.2.7", "govc/0.37", "vi-json"))
    ada = await desk.signed_in("ada")
    reply = await ada.get("/console/sessions/export.csv?user=bob")
    assert header_of(reply, "content-disposition") == 'attachment; filename="sessions.csv"'
    [row] = csv.DictReader(io.StringIO(text_of(reply)))
    assert (row["user"], row["roles"], row["user_agent"]) == ("bob", "user", "govc/0.37")
    reply = await ada.get("/console/sessions/export.json?user=bob")
    assert [one["user"] for one in json.loads(reply.body)["sessions"]] == ["bob"]
    assert json.loads(reply.body)["more"] is False


FORMULAS = [
    *("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", '"=1+1'),
    *("x;=1+1;", "x;;=1+1", "x; =1+1", 'x;"=1+1";', "x\t=1+1", "x,=1+1", 'x",=1+1'),
]


@each("agent", FORMULAS)
async def test_sec_42_what_a_client_sends_begins_no_cell_of_an_export(
    agent: str, desk: Desk
) -> None:
    await desk.gate.login("bob", Client("192.0.2.7", agent, "vi-json"))
    ada = await desk.signed_in("ada")
    text = text_of(await ada.get("/console/sessions/export.csv?user=bob"))
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            assert not [one for one in row if one.lstrip(' "').startswith(("=", "+", "-", "@"))]
    assert "bob" in text


@each("kind", ["csv", "json"])
async def test_sec_73_others_have_their_turn_while_an_export_is_made(kind: str, desk: Desk) -> None:
    for _ in range(MANY):
        await desk.gate.store.add(msgspec.structs.replace(a_session(at=T0)), NO_CAPS)
    ada = await desk.signed_in("ada")
    export = asyncio.create_task(ada.get(f"/console/sessions/export.{kind}"))
    turns = 0
    while not export.done():
        turns += 1
        await asyncio.sleep(0)
    assert export.result().status == 200
    assert turns >= MANY // 20
