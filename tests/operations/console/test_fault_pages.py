"""The page of faults: in a server that has them, seen by operators, set by administrators."""

import http.client
import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from sessiongate.faults.desk import FaultDesk
from sessiongate.faults.state import FaultState
from sessiongate.testing import Gate as WholeGate
from tests.each import each
from tests.faults.speakers import SPEAKERS
from tests.gate import Gate
from tests.operations.console.browser import Desk, faults_of, header_of, tags_of, words_of
from tests.until import PATIENCE

PAGE = "/console/faults"
ACTIONS = ("add", "scenario", "remove", "clear", "advance")
ZERTO = SPEAKERS["zerto"]


@pytest.fixture
def state(gate: Gate) -> FaultState:
    """Faults of the server that the console is of."""
    return faults_of(gate)


@pytest.fixture
def faulty(gate: Gate, state: FaultState) -> Desk:
    """A console of such a server."""
    return Desk(gate, faults=FaultDesk(state))


async def test_a_server_without_faults_has_no_page_of_them_and_no_banner(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    sessions = await ada.get("/console/sessions")
    assert "dev server" not in words_of(sessions)
    assert "menu-faults" not in [one.get("id") for one in tags_of(sessions, "a")]
    assert (await ada.get(PAGE)).status == 404
    for what in ACTIONS:
        assert (await ada.post(f"{PAGE}/{what}", rule="store.down")).status == 404


@each("path", ["sessions", "overview", "faults", "keys", "nothing", "login"])
async def test_each_page_says_that_there_are_faults_and_how_many(
    path: str, faulty: Desk, state: FaultState
) -> None:
    browser = faulty.browser() if path == "login" else await faulty.signed_in("eve")
    state.clear()
    banner = "This server is a dev server: faults on purpose, "
    for told in ("0 rules", "1 rule", "2 rules"):
        assert f"{banner}{told} " in f"{words_of(await browser.get(f'/console/{path}'))} "
        state.add({"fault": "store.down"})


async def test_rules_are_added_listed_and_removed(faulty: Desk, state: FaultState) -> None:
    ada = await faulty.signed_in("ada")
    assert "There are no rules" in words_of(await ada.get(PAGE))
    added = await ada.post(f"{PAGE}/add", rule="login.slow seconds=5 user='a b' times=1")
    assert added.status == 303
    assert "The rule is added." in words_of(await ada.get(header_of(added, "location")))
    assert (await ada.post(f"{PAGE}/add", rule='{"fault": "store.down"}')).status == 303
    page = words_of(await ada.get(PAGE))
    assert "r1 login.slow seconds=5 user=a b times=1 0 no" in page
    assert "r2 store.down 0 no" in page
    assert (await ada.post(f"{PAGE}/remove", id="r1")).status == 303
    assert [one.id for one in state.list()] == ["r2"]
    cleared = header_of(await ada.post(f"{PAGE}/clear"), "location")
    assert "Rules removed: 1." in words_of(await ada.get(cleared))
    assert state.list() == []


async def test_a_scenario_adds_all_of_its_rules(faulty: Desk, state: FaultState) -> None:
    ada = await faulty.signed_in("ada")
    await ada.get(PAGE)
    where = header_of(await ada.post(f"{PAGE}/scenario", name="restart"), "location")
    assert "The scenario is on; rules: 3." in words_of(await ada.get(where))
    assert [one.rule["fault"] for one in state.list()] == [
        "conn.close",
        "conn.refuse",
        "session.forget",
    ]


async def test_a_rule_of_several_steps_is_shown_as_it_can_be_said(
    faulty: Desk, state: FaultState
) -> None:
    state.add({"fault": "login.refuse", "times": 3, "then": [{"fault": "store.down"}]})
    ada = await faulty.signed_in("ada")
    assert 'times=3 then=[{"fault":"store.down"}] 0 no' in words_of(await ada.get(PAGE))


@each(
    ("what", "form", "why"),
    [
        ("add", {"rule": "cap.reachd"}, "did you mean cap.reached?"),
        ("add", {"rule": "login.slow 5"}, "is not of the form NAME=VALUE"),
        ("add", {"rule": "login.slow 'x"}, "cannot be split into words"),
        ("add", {}, "names none"),
        ("scenario", {"name": "cap-55"}, "did you mean cap-550?"),
        ("remove", {"id": "r9"}, "there is no rule 'r9'; there are: none"),
        ("advance", {"by": "soon"}, "must be a duration"),
        ("advance", {"by": "0"}, "must be above 0"),
        ("advance", {"by": "9999999d"}, "clock: "),
    ],
)
async def test_what_cannot_be_is_refused_with_the_way_out(
    what: str, form: dict[str, str], why: str, faulty: Desk, state: FaultState, gate: Gate
) -> None:
    ada = await faulty.signed_in("ada")
    await ada.get(PAGE)
    before = gate.clock.now()
    reply = await ada.post(f"{PAGE}/{what}", **form)
    assert reply.status == 400
    assert why in words_of(reply)
    assert (state.list(), gate.clock.now()) == ([], before)
    if what == "add":
        [field] = [one for one in tags_of(reply, "input") if one.get("id") == "rule"]
        assert field["value"] == form.get("rule", "")


async def test_time_goes_ahead_and_ends_what_is_over(faulty: Desk, gate: Gate) -> None:
    ada = await faulty.signed_in("ada")
    await ada.get(PAGE)
    where = header_of(await ada.post(f"{PAGE}/advance", by="10m"), "location")
    shown = words_of(await ada.get(where))
    assert "sessions that have ended by it: 0." in shown
    assert f"{gate.clock.now():%Y-%m-%d %H:%M:%S} UTC" in shown
    where = header_of(await ada.post(f"{PAGE}/advance", by="31m"), "location")
    gone = await ada.get(where)
    assert header_of(gone, "location").startswith("/console/login")


async def test_sec_14_an_operator_sees_faults_and_sets_none(
    faulty: Desk, state: FaultState, gate: Gate
) -> None:
    state.add({"fault": "http.status", "status": 503, "dialect": "zerto"})
    eve = await faulty.signed_in("eve")
    page = await eve.get(PAGE)
    assert "http.status status=503 dialect=zerto" in words_of(page)
    assert not [one for one in tags_of(page, "form") if PAGE in one.get("action", "")]
    before = gate.clock.now()
    for what in ACTIONS:
        form = {"rule": "store.down", "name": "restart", "id": "r1", "by": "1m"}
        assert (await eve.post(f"{PAGE}/{what}", **form)).status == 403
    assert ([one.id for one in state.list()], gate.clock.now()) == (["r1"], before)
    twin = json.loads((await eve.get("/console/api/v1/faults")).body)
    assert twin["rules"] == [
        {
            "id": "r1",
            "fault": "http.status",
            "rule": "status=503 dialect=zerto",
            "hits": 0,
            "over": False,
        }
    ]
    assert twin["now"].startswith(f"{before:%Y-%m-%dT%H:%M}")
    assert "restart" in twin["scenarios"]


async def test_sec_71_what_a_rule_says_stays_text(faulty: Desk, state: FaultState) -> None:
    canary = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
    state.add({"fault": "http.status", "status": 503, "body": canary, "user": canary})
    ada = await faulty.signed_in("ada")
    for reply in (await ada.get(PAGE), await ada.post(f"{PAGE}/add", rule=canary)):
        assert (tags_of(reply, "img"), canary in words_of(reply)) == ([], True)


async def test_sec_71_a_fault_is_set_by_the_consoles_own_form_alone(
    faulty: Desk, state: FaultState
) -> None:
    ada = await faulty.signed_in("ada")
    await ada.get(PAGE)
    assert (await ada.post(f"{PAGE}/add", csrf="0" * 64, rule="store.down")).status == 403
    foreign = ("sec-fetch-site", "cross-site")
    assert (await ada.post(f"{PAGE}/add", foreign, rule="store.down")).status == 403
    assert (await ada.get(f"{PAGE}/add?rule=store.down")).status == 404
    assert state.list() == []


@pytest.fixture(scope="module")
def whole() -> Iterator[WholeGate]:
    """A whole server, with a console."""
    with WholeGate.start(tls=False, settings={"console.listen": "127.0.0.1:0"}) as started:
        yield started


def test_what_is_set_on_the_page_is_what_clients_meet(whole: WholeGate) -> None:
    host = urlsplit(vars(whole)["_thread"].running.started.console).netloc
    name, user = next(iter(whole.users.items()))
    cookie = ""

    def ask(verb: str, path: str, **form: str) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        headers = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(verb, path, urlencode(form) if form else None, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply, text

    reply, _ = ask("POST", "/console/login", name=name, password=user.password)
    cookie = (reply.getheader("set-cookie") or "").partition(";")[0]
    found = re.search(r'name="csrf" value="(\w+)"', ask("GET", PAGE)[1])
    assert found is not None
    rule = "login.refuse dialect=zerto times=1"
    assert ask("POST", f"{PAGE}/add", csrf=found[1], rule=rule)[0].status == 303
    assert [ZERTO.login(whole).status for _ in range(2)] == [401, 200]
    [row] = json.loads(ask("GET", "/console/api/v1/faults")[1])["rules"]
    assert (row["fault"], row["hits"], row["over"]) == ("login.refuse", 1, True)
