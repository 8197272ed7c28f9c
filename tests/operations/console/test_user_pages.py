"""Users: who is there and in which state, and what an administrator does about it."""

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sessiongate.audit.event import Event, write
from sessiongate.errors import BadCredentials
from sessiongate.secret import Secret
from sessiongate.session import Client
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, T0
from tests.each import each
from tests.gate import CLIENT, Gate
from tests.operations.console.browser import Desk, header_of, tags_of, words_of


async def guessed(gate: Gate, name: str) -> None:
    """Lock this name."""
    for _ in range(3):
        with pytest.raises(BadCredentials):
            await gate.logins.login(name, Secret("wrong"), CLIENT, default="local")


async def test_everybody_is_there_who_is_known_signed_in_or_locked(desk: Desk) -> None:
    await desk.gate.login("bob")
    client = Client("192.0.2.7", "curl/8", "rest")
    await desk.gate.logins.login("bob@corp", Secret("bobbob"), client, default="local")
    await guessed(desk.gate, "eve")
    ada = await desk.signed_in("ada")
    said = json.loads((await ada.get("/console/api/v1/users")).body)
    rows = {(one["provider"], one["name"]): one for one in said["rows"]}
    assert {name for _, name in rows} == {"ada", "bob", "bob@corp", "eve", "nil"}
    assert rows["local", "bob"]["sessions"] == 1
    assert rows["local", "eve"]["locked_until"] is not None
    assert not rows["other", "bob@corp"]["local"]
    page = words_of(await ada.get("/console/users?user=EV"))
    assert "1 user" in page
    assert "locked until" in page


async def test_locked_people_stand_first_and_what_strangers_have_guessed_last(desk: Desk) -> None:
    await guessed(desk.gate, "!aaa")
    await guessed(desk.gate, "eve")
    ada = await desk.signed_in("ada")
    said = json.loads((await ada.get("/console/api/v1/users")).body)
    assert [one["name"] for one in said["rows"]] == ["eve", "ada", "bob", "nil", "!aaa"]


async def test_an_administrator_unlocks_a_colleague(desk: Desk) -> None:
    await guessed(desk.gate, "eve")
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/user?provider=local&name=eve")
    assert "locked after failed logins" in words_of(page)
    fields = {one.get("id"): one.get("name") for one in tags_of(page, "input")}
    assert fields["unlock-reason"] == "reason"
    reply = await ada.post("/console/user/unlock?provider=local&name=eve", reason="asked by phone")
    where = header_of(reply, "location")
    assert where == "/console/user?provider=local&name=eve&did=unlocked&count=0"
    assert "May try again." in words_of(await ada.get(where))
    assert (await desk.gate.login("eve")).session.principal == "eve"
    [(_, name, by, said)] = desk.users.done
    assert (said.pop("by_provider"), len(said.pop("by_key"))) == ("local", 36)
    how = "console from 192.0.2.9"
    assert (name, by, said) == ("eve", "ada", {"how": how, "detail": "asked by phone"})


async def test_of_whom_nothing_is_known_but_a_lock_nothing_is_shown_once_unlocked(
    desk: Desk,
) -> None:
    await guessed(desk.gate, "!aaa")
    ada = await desk.signed_in("ada")
    await ada.get("/console/user?provider=local&name=!aaa")
    reply = await ada.post("/console/user/unlock?provider=local&name=!aaa")
    page = await ada.get(header_of(reply, "location"))
    assert page.status == 200
    assert "May try again." in words_of(page)


async def test_who_is_unlocked_is_so_also_where_nothing_can_be_shown(desk: Desk) -> None:
    script = await desk.script("administrator")
    ada = await desk.signed_in("ada")
    await ada.get("/console/users")
    desk.users.away = True
    for ask in (script, ada):
        await guessed(desk.gate, "eve")
        where = "/console/api/v1/user/unlock" if ask is script else "/console/user/unlock"
        assert (await ask.post(f"{where}?provider=local&name=eve")).status in (200, 303)
    assert [done[1] for done in desk.users.done] == ["eve", "eve"]


async def test_a_user_is_disabled_with_a_reason_and_let_in_again(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/user?provider=local&name=bob")
    await ada.post("/console/user/disable?provider=local&name=bob", reason="has left")
    assert desk.users.people["bob"].disabled
    assert desk.users.done[-1][3].get("detail") == "has left"
    assert "disabled: may not log in" in words_of(
        await ada.get("/console/user?provider=local&name=bob")
    )
    await ada.post("/console/user/enable?provider=local&name=bob")
    assert not desk.users.people["bob"].disabled


async def test_the_last_administrator_stays(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/user?provider=local&name=ada")
    reply = await ada.post("/console/user/disable?provider=local&name=ada")
    assert reply.status == 400
    assert "the last administrator" in words_of(reply)


@each(
    ("form", "says"),
    [
        ({"role": "operator"}, "This is not your password."),
        ({"role": "operator", "password": "wrong"}, "This is not your password."),
        ({"role": "none", "password": "adaada"}, "role: unknown."),
    ],
)
async def test_sec_71_a_role_changes_by_the_password_alone(
    form: dict[str, str], says: str, desk: Desk
) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/user?provider=local&name=bob")
    reply = await ada.post("/console/user/role?provider=local&name=bob", **form)
    assert (reply.status, says in words_of(reply)) == (400, True)
    assert desk.users.people["bob"].role == "user"


async def test_with_the_password_it_changes(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/user?provider=local&name=bob")
    given = {"role": "operator", "password": "adaada"}
    reply = await ada.post("/console/user/role?provider=local&name=bob", **given)
    assert "did=role" in header_of(reply, "location")
    assert desk.users.people["bob"].role == "operator"


async def test_sec_14_an_operator_sees_users_and_changes_none(desk: Desk) -> None:
    await guessed(desk.gate, "bob")
    eve = await desk.signed_in("eve")
    page = await eve.get("/console/user?provider=local&name=bob")
    assert page.status == 200
    assert not [one for one in tags_of(page, "form") if "/user/" in one.get("action", "")]
    for what in ("unlock", "disable", "enable", "role", "password"):
        reply = await eve.post(f"/console/user/{what}?provider=local&name=bob", role="operator")
        assert reply.status == 403
    assert "add-user" not in [one.get("id") for one in tags_of(await eve.get("/console/users"))]
    assert (await eve.get("/console/users/add")).status == 403
    assert (await eve.post("/console/users/add", name="mal", role="operator")).status == 403
    assert desk.users.done == []


async def test_nobody_is_said_to_be_nobody(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert (await ada.get("/console/user?provider=local&name=nobody")).status == 404
    assert "Nobody fits" in words_of(await ada.get("/console/users?user=zzz"))


NEW = {"name": "Carl", "full_name": "Carl C", "role": "operator", "reason": "has joined"}
LONG = "a long password"


async def test_a_user_is_added_and_shown(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/users")
    assert "add-user" in [one.get("id") for one in tags_of(page, "a")]
    page = await ada.get("/console/users/add")
    assert "A password has at least 12 characters" in words_of(page)
    reply = await ada.post("/console/users/add", new=LONG, again=LONG, password="adaada", **NEW)
    where = header_of(reply, "location")
    assert where == "/console/user?provider=local&name=carl&did=user-added&count=0"
    assert "Added, and may log in now." in words_of(await ada.get(where))
    said = {"how": "console from 192.0.2.9", "detail": "has joined"}
    [(did, name, by, told)] = desk.users.done
    assert (told.pop("by_provider"), len(told.pop("by_key"))) == ("local", 36)
    assert (did, name, by, told) == ("added operator", "carl", "ada", said)


@each(
    ("form", "says"),
    [
        ({"new": LONG, "again": "another one"}, "The two new passwords differ."),
        ({"new": "short", "again": "short"}, "must have at least 12 characters"),
        ({"new": LONG, "again": LONG, "password": "wrong"}, "This is not your password."),
        ({"new": LONG, "again": LONG, "role": "none"}, "role: unknown."),
        ({"new": LONG, "again": LONG, "provider": "ldap"}, "must be one of: local"),
    ],
)
async def test_sec_71_nobody_is_added_by_a_form_that_does_not_do(
    form: dict[str, str], says: str, desk: Desk
) -> None:
    ada = await desk.signed_in("ada")
    await ada.get("/console/users/add")
    reply = await ada.post("/console/users/add", **{**NEW, "password": "adaada", **form})
    assert (reply.status, says in words_of(reply)) == (400, True)
    fields = {one.get("name"): one.get("value") for one in tags_of(reply, "input")}
    assert fields["name"] == "Carl", "what was typed stands there again"
    assert not fields["new"]
    assert desk.users.done == []


async def test_without_a_file_of_users_nobody_is_added_here(desk: Desk) -> None:
    desk.users.files = ()
    ada = await desk.signed_in("ada")
    assert "add-user" not in [one.get("id") for one in tags_of(await ada.get("/console/users"))]
    assert (await ada.get("/console/users/add")).status == 404


async def test_a_password_is_set_by_ones_own(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    where = "/console/user/password?provider=local&name=bob"
    await ada.get("/console/user?provider=local&name=bob")
    for own, new, again, says in (
        ("wrong", LONG, LONG, "This is not your password."),
        ("adaada", LONG, "another", "The two new passwords differ."),
        ("adaada", "short", "short", "must have at least 12 characters"),
    ):
        reply = await ada.post(where, password=own, new=new, again=again)
        assert (reply.status, says in words_of(reply)) == (400, True)
    assert desk.users.passwords == {}
    reply = await ada.post(where, password="adaada", new=f" {LONG} ", again=f" {LONG} ")
    assert "did=password" in header_of(reply, "location")
    assert desk.users.passwords == {"bob": f" {LONG} "}, "spaces count"


async def test_what_users_did_last_and_what_they_leave_is_shown(gate: Gate, tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = SqliteStore(path, LIMITS)
    await store.start()
    about_bob: dict[str, Any] = {"result": "ok", "user": "bob", "provider": "local"}
    for event in (
        *(Event(at=T0, event="session opened", how="login", **about_bob) for _ in range(4)),
        *(
            Event(at=T0, event="session ended", reason=reason, **about_bob)
            for reason in ("logout", "idle", "idle", "terminated")
        ),
        Event(at=T0 + timedelta(minutes=1), event="login refused", result="refused", user="BOB"),
        *(
            Event(at=T0, event="session opened", result="ok", user=user, provider=provider)
            for user, provider in (("dora@corp", "ldap"), ("removed", "local"))
        ),
    ):
        await store.audit.write(write(event), event.at)
    gate.clock.tick(timedelta(minutes=2))
    ada = await Desk(gate, audit=lambda: nullcontext(AuditFile(path))).signed_in("ada")
    [bob] = json.loads((await ada.get("/console/api/v1/users?user=bob")).body)["rows"]
    assert bob["last_login"] == "2026-01-01T00:00:00Z"
    assert bob["last_refusal"] == "2026-01-01T00:01:00Z"
    assert bob["left_share"] == 0.75
    assert "75 %" in words_of(await ada.get("/console/users?user=bob"))
    page = words_of(await ada.get("/console/user?provider=local&name=bob"))
    assert "75 % of the sessions" in page
    everybody = json.loads((await ada.get("/console/api/v1/users")).body)["rows"]
    [dora] = [one for one in everybody if one["name"] == "dora@corp"]
    assert (dora["provider"], dora["local"], dora["sessions"]) == ("ldap", False, 0)
    assert "removed" not in [one["name"] for one in everybody]
    await store.close()
