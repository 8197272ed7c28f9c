"""Users: who is there and in which state, and what an administrator does about it."""

import json

import pytest

from sessiongate.errors import BadCredentials
from sessiongate.secret import Secret
from sessiongate.session import Client
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
    for what in ("unlock", "disable", "enable", "role"):
        reply = await eve.post(f"/console/user/{what}?provider=local&name=bob", role="operator")
        assert reply.status == 403
    assert desk.users.done == []


async def test_nobody_is_said_to_be_nobody(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    assert (await ada.get("/console/user?provider=local&name=nobody")).status == 404
    assert "Nobody fits" in words_of(await ada.get("/console/users?user=zzz"))
