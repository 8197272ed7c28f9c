"""What is rewritten and held back between a client and an upstream session, seen in VI/JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sessiongate.errors import (
    NoSession,
    NotSupported,
    OutcomeUnknown,
    UnknownObject,
    UnknownProperty,
)
from sessiongate.session import Person, Session
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.json import PREFIX
from sessiongate.wire.vim.relayed import Relayed
from sessiongate.wire.vim.relayed_json import read_address, read_relayed
from tests.end_to_end.vim_json import FOLDERS, HEADER, ref
from tests.gateway.calls.test_relay import OURS, THEIRS, Case, Client, House, start
from tests.gateway.test_accounts import session_of
from tests.until import until
from tests.wire.vim.test_relayed_json_reply import JSON, fault, ok

COLLECTOR = ("PropertyCollector", "propertyCollector")


class JsonHouse(House):
    """The same house, which speaks both."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Ask] = []
        self.answers: dict[str, Answer] = {}
        """What it answers to a method, or to the read of a property."""

    def read(self, ask: Ask) -> tuple[Relayed, str]:
        if not ask.path.startswith(PREFIX):
            return super().read(ask)
        self.sent.append(ask)
        read = read_relayed(read_address(ask.method, ask.path), ask.body)
        return read, dict(ask.headers)[HEADER]

    def refusal(self, read: Relayed) -> Answer:
        in_json = read.form is WireForm.JSON
        return fault("NotAuthenticated") if in_json else super().refusal(read)

    def answer(self, read: Relayed) -> Answer:
        if read.form is not WireForm.JSON:
            return super().answer(read)
        said = self.answers.get(read.paths[0][1] if read.method == "Fetch" else read.method)
        if said is not None:
            return said
        if made := self.made(read):
            return ok(ref("X", made))
        if read.pages:
            return ok({"token": self.token} if self.token else {})
        return ok("a") if read.method == "Fetch" else Answer(204, (), b"")


class JsonCalls:
    """A client session that calls in VI/JSON."""

    def __init__(self, case: Case, number: int = 1) -> None:
        self.case = case
        self.session: Session = session_of(Person("local", f"user-{number}"), OURS.format(number))
        self.in_soap = Client(case, self.session)
        self.left: Callable[[], None] = lambda: None

    async def call(self, method: str, kind: str, name: str, /, **arguments: Any) -> Any:
        return await self._send("POST", f"{kind}/{name}/{method}", json.dumps(arguments))

    async def fetch(self, kind: str, name: str, prop: str) -> Any:
        return await self._send("GET", f"{kind}/{name}/{prop}", "")

    async def _send(self, verb: str, path: str, body: str) -> Any:
        def when_gone(tell: Callable[[], None]) -> None:
            self.left = tell

        address = read_address(verb, f"{PREFIX}8.0.3.0/{path}")
        request = read_relayed(address, body.encode(), operation_id="op-1")
        answer = await self.case.relay.call(self.session, request, (), when_gone)
        assert answer.status < 400, answer.body
        return json.loads(answer.body) if answer.body else None

    async def name(self) -> Any:
        return await self.fetch("Folder", "group-d1", "name")

    async def view(self) -> str:
        made = await self.call("CreateContainerView", "ViewManager", "ViewManager")
        return str(made["value"])

    async def filter(self) -> str:
        spec = {"propSet": [FOLDERS], "objectSet": [{"obj": ref("Folder", "group-d1")}]}
        made = await self.call("CreateFilter", *COLLECTOR, spec=spec)
        return str(made["value"])

    async def wait(self) -> Any:
        return await self.call("WaitForUpdatesEx", *COLLECTOR)


@pytest.fixture
def house() -> JsonHouse:
    return JsonHouse()


@pytest.fixture
async def case(house: JsonHouse) -> AsyncIterator[Case]:
    one = Case(house)
    yield one
    for event in house.held.values():
        event.set()
    await one.relay.close()


async def test_sec_43_one_header_carries_the_lease_s_session(case: Case, house: JsonHouse) -> None:
    client = JsonCalls(case)
    theirs, ours = THEIRS.format(1), OURS.format(1)
    house.answers["name"] = ok(f"of {theirs}")
    assert await client.name() == f"of {ours}"
    house.answers["Rename_Task"] = ok({"key": theirs, "_typeName": "x"})
    said = await client.call("Rename_Task", "Folder", "group-d1", sessionId=ours, newName=ours)
    assert said["key"] == ours
    get, post = house.sent
    assert get.headers == post.headers == ((HEADER, "token-1"),)
    assert (get.method, get.body) == ("GET", b"")
    assert json.loads(post.body) == {"sessionId": theirs, "newName": ours}


async def test_what_is_opened_is_used_and_ended_by_whoever_opened_it(
    case: Case, house: JsonHouse
) -> None:
    ada, bob = JsonCalls(case, 1), JsonCalls(case, 2)
    view = await ada.view()
    for call in (
        bob.fetch("ContainerView", view, "view"),
        bob.call("DestroyView", "ContainerView", view),
        bob.call("X", "Folder", "group-d1", view={"value": view, "type": "View"}),
    ):
        with pytest.raises(UnknownObject):
            await call
    assert house.methods() == ["CreateContainerView"]
    await ada.fetch("ContainerView", view, "view")
    assert await ada.call("DestroyView", "ContainerView", view) is None
    assert case.relay.clients.objects == 0
    assert case.pool.leases[0].is_free


async def test_an_object_that_is_gone_already_is_forgotten(case: Case, house: JsonHouse) -> None:
    client = JsonCalls(case)
    view = await client.view()
    house.answers["DestroyView"] = fault("ManagedObjectNotFound")
    with pytest.raises(AssertionError):
        await client.call("DestroyView", "ContainerView", view)
    assert case.relay.clients.objects == 0


async def test_one_book_for_both_forms(case: Case, house: JsonHouse) -> None:
    client = JsonCalls(case)
    in_soap, in_json = await client.in_soap.view(), await client.view()
    await client.fetch("ContainerView", in_soap, "view")
    await client.in_soap.call("Fetch", "ContainerView", in_json, "<prop>view</prop>")
    await client.filter()
    await client.in_soap.wait()
    collectors = {one.target.name for one in house.asked if one.target.kind == COLLECTOR[0]}
    assert len(collectors - {COLLECTOR[1]}) == 1
    await client.in_soap.call("DestroyView", "ContainerView", in_json)
    with pytest.raises(UnknownObject):
        await client.call("DestroyView", "ContainerView", in_json)


async def test_sec_61_what_a_json_client_has_ends_with_it(case: Case, house: JsonHouse) -> None:
    client = JsonCalls(case)
    await client.view()
    await client.filter()
    house.hold("WaitForUpdatesEx")
    house.answers["WaitForUpdatesEx"] = fault("RequestCanceled")
    wait = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    case.relay.session_ended(client.session)
    with pytest.raises(NoSession):
        await wait
    await until(lambda: {"DestroyView", "DestroyPropertyCollector"} <= {*house.methods()})
    await until(lambda: case.pool.leases[0].is_free)
    assert len(case.relay.clients) == 0


async def test_a_wait_that_was_cancelled_by_a_stop_is_no_answer(
    case: Case, house: JsonHouse
) -> None:
    client = JsonCalls(case)
    await client.filter()
    house.hold("WaitForUpdatesEx")
    house.answers["WaitForUpdatesEx"] = fault("RequestCanceled")
    wait = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    case.relay.stop()
    with pytest.raises(Exception, match="stops"):
        await wait


async def test_sec_91_a_page_is_turned_by_whoever_began_the_read_in_json(
    case: Case, house: JsonHouse
) -> None:
    house.token = "17"
    ada, bob = JsonCalls(case, 1), JsonCalls(case, 2)
    assert (await ada.call("RetrievePropertiesEx", *COLLECTOR))["token"] == "17"
    house.token = ""
    turn = ("ContinueRetrievePropertiesEx", *COLLECTOR)
    with pytest.raises(UnknownProperty):
        await bob.call(*turn, token="17")
    await ada.call(*turn, token="17")
    with pytest.raises(UnknownProperty):
        await ada.call(*turn, token="17")
    assert house.methods().count("ContinueRetrievePropertiesEx") == 1


async def test_sec_62_a_session_that_is_over_is_replaced_for_who_had_nothing_in_it(
    case: Case, house: JsonHouse
) -> None:
    ada, bob = JsonCalls(case, 1), JsonCalls(case, 2)
    await ada.view()
    house.alive.clear()
    await bob.call("CreateFolder", "Folder", "group-d1", name="a")
    assert house.methods().count("CreateFolder") == 2
    assert case.ended == [ada.session.key]


async def test_sec_62_a_change_that_a_live_session_is_refused_is_not_sent_again(
    case: Case, house: JsonHouse
) -> None:
    client = JsonCalls(case)
    house.answers |= {"CreateFolder": fault("NotAuthenticated"), "name": fault("InvalidSession")}
    for call, times in ((client.call("CreateFolder", "Folder", "group-d1"), 1), (client.name(), 3)):
        with pytest.raises(AssertionError, match=r"NotAuthenticated|InvalidSession"):
            await call
        assert len(house.sent) == times
    assert case.ended == []


BROKEN = {
    "no JSON": Answer(200, JSON, b"{"),
    "a page of HTML": Answer(200, (("content-type", "text/html"),), b"<html>"),
    "packed": Answer(200, (*JSON, ("content-encoding", "gzip")), b"{}"),
    "something in front": Answer(502, (), b"<html>"),
    "something in front, in JSON": ok({"error": "no route"}, 503),
    "nothing that we know": Answer(302, (), b""),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_sec_66_a_broken_reply_is_an_outcome_that_nobody_knows_and_harms_nobody_else(
    answer: Answer, case: Case, house: JsonHouse
) -> None:
    ada, bob = JsonCalls(case, 1), JsonCalls(case, 2)
    view = await bob.view()
    house.answers |= {"CreateFolder": answer, "name": answer}
    with pytest.raises(OutcomeUnknown):
        await ada.call("CreateFolder", "Folder", "group-d1", name="a")
    assert house.methods().count("CreateFolder") == 1
    with pytest.raises(OutcomeUnknown):
        await ada.name()
    await bob.fetch("ContainerView", view, "view")
    assert case.ended == []


SHOWN: dict[str, Any] = {
    "a view": ref("View", "session[x]view-of-another"),
    "a view inside": {"a": [{"type": "View", "value": "session[x]view-of-another"}]},
    "a session": {"_typeName": "UserSession", "key": "a"},
    "letters as numbers": Answer(200, JSON, b'{"type":"View","value":"sess\\u0069on[x]"}'),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN.keys())
async def test_sec_60_what_shows_or_may_hide_anothers_things_is_held_back_in_json(
    shown: Any, case: Case, house: JsonHouse
) -> None:
    answer = shown if isinstance(shown, Answer) else ok(shown)
    house.answers |= {"name": answer, "Rename_Task": answer}
    with pytest.raises(NotSupported, match="shows"):
        await JsonCalls(case).name()
    with pytest.raises(OutcomeUnknown, match="shows"):
        await JsonCalls(case).call("Rename_Task", "Folder", "group-d1")
    house.answers["name"] = ok("session[x]view-of-another")
    assert await JsonCalls(case).name() == "session[x]view-of-another"


async def test_sec_60_what_a_whole_session_has_is_shown_without_others_things(
    case: Case, house: JsonHouse
) -> None:
    client = JsonCalls(case)
    own = await client.view()
    house.answers["viewList"] = ok([ref("View", own), ref("View", "session[x]of-another")])
    shown = await client.fetch("ViewManager", "ViewManager", "viewList")
    assert shown == [ref("View", own)]
    steps = [{"type": "ViewManager", "path": "viewList"}]
    spec = {"objectSet": [{"obj": ref("ViewManager", "ViewManager"), "selectSet": steps}]}
    with pytest.raises(UnknownProperty):
        await client.call("RetrievePropertiesEx", *COLLECTOR, specSet=[spec])


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("Logout", "Folder"),
        ("VslmLogout", "VslmSessionManager"),
        ("ExecuteSoap", "Folder"),
        ("AcquireGenericServiceTicket", "SessionManager"),
        ("Login", "SessionManager"),
    ],
)
async def test_sec_38_what_opens_or_ends_a_session_is_never_sent_in_json(
    method: str, kind: str, case: Case, house: JsonHouse
) -> None:
    with pytest.raises(NotSupported):
        await JsonCalls(case).call(method, kind, "a")
    assert house.asked == []


async def test_an_upstream_without_vi_json_says_so(case: Case, house: JsonHouse) -> None:
    house.answers["name"] = Answer(404, (("content-type", "text/html"),), b"<html>")
    with pytest.raises(NotSupported, match="VI/JSON"):
        await JsonCalls(case).name()


async def test_a_change_is_written_down_with_the_client_s_word_for_it(
    case: Case, house: JsonHouse
) -> None:
    await JsonCalls(case).call("CreateFolder", "Folder", "group-d1", name="a")
    await JsonCalls(case).name()
    assert len(case.audit.told) == 1
    assert "CreateFolder of Folder" in repr(case.audit.told)
    assert "op-1" in repr(case.audit.told)
    assert "ok" in repr(case.audit.told)


async def test_a_client_that_leaves_a_wait_in_json_has_it_cancelled(
    case: Case, house: JsonHouse
) -> None:
    client = JsonCalls(case)
    await client.filter()
    house.hold("WaitForUpdatesEx")
    wait: asyncio.Task[Any] = start(client.wait())
    await until(lambda: "WaitForUpdatesEx" in house.methods())
    client.left()
    with pytest.raises(Exception, match="left"):
        await wait
    await until(lambda: "CancelWaitForUpdates" in house.methods())
    own = next(one for one in house.asked if one.method == "WaitForUpdatesEx").target
    assert house.asked[-1].target == own
