"""The document of the twins: held against the lines that it is of, and against what they answer."""

import asyncio
import io
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from requests import PreparedRequest, Session
from requests import Response as Answer
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from sessiongate.errors import SessionGateError
from sessiongate.faults.desk import FaultDesk
from sessiongate.http.message import Request
from sessiongate.operations.console.document import document
from sessiongate.operations.console.page import Action, Page, Values, Visit
from sessiongate.rules.access import KNOWN
from sessiongate.session import CONSOLE, Client
from tests.drawn_requests import MODES, check_replies, one_in, operations_of
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import HOST, Desk, Script, faults_of, told_by

T = TypeVar("T")

TWINS = "/console/api/v1/"

ALWAYS = {"seen", "did", "count", "key", "all"}
"""What the pages' own links carry besides, and a form that is shown again."""


@pytest.fixture
def whole(gate: Gate) -> Desk:
    """A console with every page that there may be."""
    desk = Desk(gate, faults=FaultDesk(faults_of(gate)))
    desk.pools.names = ["vc1"]
    return desk


async def test_the_document_is_served_to_scripts_and_valid(whole: Desk) -> None:
    # Nearly half a second of the processor, which is not for all who collect tests.
    from openapi_spec_validator import OpenAPIV31SpecValidator, validate

    script = await whole.script("operator")
    reply = await script.get(f"{TWINS}openapi.json")
    told = told_by(reply)
    validate(told, cls=OpenAPIV31SpecValidator)
    assert told == document(whole.lines)
    assert (await whole.browser().get(f"{TWINS}openapi.json")).status == 401


def test_it_has_each_page_and_action_and_nothing_else(whole: Desk) -> None:
    wanted = {
        (f"{TWINS}{one.path}", "get" if isinstance(one, Page) else one.verb.lower())
        for one in whole.lines
    }
    paths = document(whole.lines)["paths"]
    assert {(path, verb) for path, item in paths.items() for verb in item} == wanted
    told = [one for item in paths.values() for one in item.values()]
    names = [one["operationId"] for one in told]
    assert len(set(names)) == len(names)
    assert all(one["summary"] != "." for one in told), "each says what it does"


def test_it_says_which_take_a_person(whole: Desk) -> None:
    paths = document(whole.lines)["paths"]
    by_person = {
        path.removeprefix(TWINS)
        for path, item in paths.items()
        for one in item.values()
        if one["security"] == [{"cookie": []}]
    }
    assert by_person == {"users/add", "user/enable", "user/role", "user/password"}


class Noted(Values):
    """Values, and the names that somebody asked for."""

    def __init__(self, **given: str) -> None:
        super().__init__(list(given.items()))
        self.names: set[str] = set()

    def first(self, name: str) -> str:
        self.names.add(name)
        return super().first(name)

    def exact(self, name: str) -> str:
        self.names.add(name)
        return super().exact(name)

    def all(self, name: str) -> list[str]:
        self.names.add(name)
        return super().all(name)


async def test_it_names_every_value_that_a_page_or_an_action_reads(whole: Desk) -> None:
    opened = await whole.gate.login("ada", Client("192.0.2.7", "Mozilla", CONSOLE))
    parts = {"key": opened.session.key, "name": "vc1", "id": "r1"}
    for one in whole.lines:
        query, form = Noted(), Noted(all="yes", user="ada", password="adaada", count="2")
        values = (query, form) if isinstance(one, Action) else (query, Values())
        client = Client("192.0.2.9", "curl/8", CONSOLE)
        now = whole.gate.clock.now()
        visit = Visit(opened.session, KNOWN, client, now, *values, parts)
        with suppress(SessionGateError):
            await (one.act(visit) if isinstance(one, Action) else one.look(visit))
        declared = {asked.name for asked in one.asks}
        read = (query.names | form.names) - ALWAYS
        assert read <= declared, one.path


class InProcess(HTTPAdapter):
    """Takes requests to the console without a socket."""

    def __init__(self, desk: Desk, run: asyncio.Runner) -> None:
        super().__init__()
        self._desk = desk
        self._run = run

    def send(self, request: PreparedRequest, *_more: Any, **_by_name: Any) -> Answer:
        path, _, query = str(request.path_url).partition("?")
        headers = [("host", HOST), *((n.lower(), str(v)) for n, v in request.headers.items())]
        body: Any = request.body or b""
        sent: bytes = body.encode() if isinstance(body, str) else body
        asked = Request(str(request.method), path, query, headers, sent, "192.0.2.9", False)
        reply = self._run.run(self._desk.handler(asked))
        raw = HTTPResponse(
            io.BytesIO(reply.body),
            HTTPHeaderDict(reply.headers),
            reply.status,
            version=11,
            preload_content=False,
        )
        return self.build_response(request, raw)


class Asked:
    """A console with sessions and tokens, that schemathesis asks."""

    def __init__(self, folder: Path, run: asyncio.Runner) -> None:
        self._run = run
        gate = Gate(folder)
        self.desk = Desk(gate, faults=FaultDesk(faults_of(gate)))
        self.desk.pools.names = ["vc1"]
        self._do(gate.login("bob"))
        self.script: Script = self._do(self.desk.script("administrator"))
        self.session = Session()
        self.session.mount("http://", InProcess(self.desk, run))
        self.operations = list(operations_of(document(self.desk.lines)))

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return self._run.run(what)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with asyncio.Runner() as run:
        yield Asked(tmp_path, run)


EXAMPLES = one_in(50, 2)


@pytest.mark.slow
@pytest.mark.hypothesis
@each("mode", MODES)
def test_every_answer_to_a_script_is_one_that_the_document_declares(
    asked: Asked, mode: str
) -> None:
    headers = {"Authorization": f"Bearer {asked.script.shown}"}

    def send(case: Any) -> Any:
        return case.call(base_url=f"http://{HOST}", headers=headers, session=asked.session)

    for operation in asked.operations:
        check_replies(operation, mode, EXAMPLES, send)


async def test_what_a_script_sends_in_any_form_is_read_alike(whole: Desk) -> None:
    script = await whole.script("administrator")
    bob = {"provider": "local", "name": "bob"}
    for sent in (
        script.send(f"{TWINS}user/disable", bob),
        script.post(f"{TWINS}user/disable", **bob),
        script.post(f"{TWINS}user/disable?provider=local&name=bob"),
    ):
        known = whole.users.people["bob"]
        whole.users.people["bob"] = msgspec.structs.replace(known, disabled=False)
        assert (await sent).status == 200
        assert whole.users.people["bob"].disabled


async def test_rules_of_faults_are_deleted_by_their_addresses(whole: Desk) -> None:
    script = await whole.script("administrator")
    for _ in range(3):
        assert (await script.send(f"{TWINS}faults/add", {"rule": "store.down"})).status == 200
    assert (await script.ask("DELETE", f"{TWINS}faults/r1")).status == 200
    assert (await script.ask("DELETE", f"{TWINS}faults/r1")).status == 404
    assert told_by(await script.ask("DELETE", f"{TWINS}faults"))["count"] == 2
