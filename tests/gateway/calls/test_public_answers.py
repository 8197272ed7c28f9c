"""What an upstream tells strangers: how often it is asked, and whose answers are handed on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sessiongate.errors import NotSupported, Overloaded, UnknownAddress, UpstreamUnavailable
from sessiongate.gateway.calls.public_answers import (
    CACHE_TIME,
    MOST_VERSIONS,
    REFUSAL_CACHE_TIME,
    PublicAnswers,
)
from sessiongate.gateway.leases.tokens_in_use import TokensInUse
from sessiongate.secret import Secret
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim import service_versions
from sessiongate.wire.vim.json import PREFIX
from tests.each import each
from tests.loop_time import LoopTime
from tests.upstream.fakes import Asked, FakeServer, envelope, http, json_fault, soap_fault

LISTED = ("8.0.3.0", "8.0.2.0", "7.0.3.2", "6.7", "6.5")
HTML = http(502, "<html>Bad gateway</html>", kind="text/html")


def listing(*versions: str) -> bytes:
    older = "".join(f"<version>{one}</version>" for one in versions[1:])
    return http(
        200,
        f'<namespaces version="1.0"><!-- theirs --><namespace><name>urn:vim25</name>'
        f"<version>{versions[0]}</version><priorVersions>{older}</priorVersions></namespace>"
        "<namespace><name>urn:other</name><version>9.9</version></namespace></namespaces>",
        kind="text/xml",
    )


class House:
    """A vCenter that says which version it was asked for."""

    def __init__(self) -> None:
        self.list = listing(*LISTED)
        self.instead: dict[str, bytes] = {}
        """Answers of another kind, by version; "" for none."""
        self.pages: dict[str, bytes] = {}
        """Other addresses."""
        self.asked = Counter[str]()

    def __call__(self, asked: Asked) -> bytes:
        if asked.path in self.pages:
            self.asked[asked.path] += 1
            return self.pages[asked.path]
        if asked.path == service_versions.PATH:
            self.asked["list"] += 1
            return self.list
        if asked.path.startswith(PREFIX):
            release = asked.path.removeprefix(PREFIX).partition("/")[0]
            self.asked[f"{release} in JSON"] += 1
            content = http(200, f'{{"version":"{release}"}}', kind="application/json")
            return self.instead.get(release, content)
        version = asked.headers.get("soapaction", "").removeprefix('"urn:vim25/').strip('"')
        self.asked[version] += 1
        if version in self.instead:
            return self.instead[version]
        return http(200, envelope(f"<content>{version}</content>"), kind="text/xml")


class Case:
    def __init__(self, house: House, server: FakeServer, time: LoopTime) -> None:
        self.house = house
        self.server = server
        self.time = time
        self.paused = False
        self.exchange = Exchange(server.url, Trust(verify=False))
        self.tokens = TokensInUse()
        self.public = PublicAnswers(
            "vc1", self.exchange, timedelta(seconds=30), lambda: self.paused, self.tokens
        )

    async def content(self, version: str, action: str = '"urn:vim25/{}"') -> str:
        answer = await self.public.service_content(action.format(version))
        if answer.status != 200:
            return str(answer.status)
        return answer.body.decode().partition("<content>")[2].partition("<")[0]

    async def refused(self, version: str) -> str:
        with pytest.raises(UpstreamUnavailable) as told:
            await self.content(version)
        return str(told.value)


@pytest.fixture
async def case(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    house = House()
    async with FakeServer(house) as server:
        one = Case(house, server, LoopTime(monkeypatch))
        yield one
        await one.exchange.close()


async def test_an_answer_serves_everybody_for_ten_minutes(case: Case) -> None:
    for _ in range(2):
        told = await asyncio.gather(*(case.content("8.0.3.0") for _ in range(50)))
        assert set(told) == {"8.0.3.0"}
        case.time.tick(CACHE_TIME - 1)
    assert case.house.asked == {"list": 1, "8.0.3.0": 1}
    case.time.tick(2)
    await case.content("8.0.3.0")
    assert case.house.asked == {"list": 2, "8.0.3.0": 2}


async def test_each_version_of_the_list_has_its_own_answer_and_others_that_before_them(
    case: Case,
) -> None:
    for version in LISTED:
        assert await case.content(version) == version
        assert await case.content(version, "urn:vim25/{}") == version
    asked = Counter(case.house.asked)
    for other, nearest in (
        *(("99", ""), ("9.0.0.0", "8.0.3.0"), ("8.0.3.0.1", ""), ("8.0.2.9", "8.0.2.0")),
        *(("6.6", "6.5"), ("4.1", ""), ("8..0", ""), (".", ""), ("urn", ""), ("7." + "9" * 18, "")),
    ):
        assert await case.content(other) == nearest, other
    assert await case.content("", "RetrieveServiceContent") == ""
    assert case.house.asked == asked + Counter({"": 1})


async def test_made_up_versions_cost_the_upstream_one_question(case: Case) -> None:
    assert await case.content("8.0.3.0") == "8.0.3.0"
    for number in range(2000):
        made_up = (f"{number % 900 + 10}.{number}", f"3.{number % 999}", f"x{number}")
        for version in made_up:
            assert await case.content(version) in ("", "8.0.3.0")
        assert await case.content("8.0.3.0") == "8.0.3.0"
    assert case.house.asked == {"list": 1, "8.0.3.0": 1, "": 1}


async def test_what_is_refused_is_not_asked_for_again_at_once(case: Case) -> None:
    case.house.instead = {"": soap_fault("InvalidRequest"), "6.7": soap_fault("SystemError")}
    assert await case.content("8.0.3.0") == "8.0.3.0"
    for _ in range(3):
        for _ in range(100):
            assert [await case.content(one) for one in ("", "6.7")] == ["500", "500"]
        assert await case.content("8.0.3.0") == "8.0.3.0"
        case.time.tick(REFUSAL_CACHE_TIME + 0.1)
    assert case.house.asked == {"list": 1, "8.0.3.0": 1, "": 3, "6.7": 3}
    case.house.instead = {}
    assert await case.content("6.7") == "6.7"


FOREIGN = {
    "a redirect": http(302, "", "Location: https://elsewhere.example/", kind="text/xml"),
    "a page for a fault": http(500, "<html/>", kind="text/html"),
    "a page that is right": http(200, "<html>Log in</html>", kind="text/html"),
    "another document": http(200, "<a/>", kind="text/xml"),
    "a gateway's": HTML,
    "a busy one's": http(503, "busy", kind="text/plain"),
    "a gateway's, said to be XML": http(504, "<a/>", kind="text/xml"),
    "what is packed": http(200, "x", "Content-Encoding: gzip", kind="text/xml"),
    "none": b"",
}


@pytest.mark.parametrize("answer", FOREIGN.values(), ids=FOREIGN.keys())
async def test_sec_66_what_something_in_front_answers_is_not_handed_on_nor_asked_for_at_once(
    answer: bytes, case: Case
) -> None:
    case.house.list = answer
    case.house.instead = {"": answer}
    for _ in range(100):
        assert "vc1" in await case.refused("8.0.3.0")
        with pytest.raises(UpstreamUnavailable):
            await case.public.versions()
    assert case.house.asked == {"list": 1, "": 1}
    case.house.list, case.house.instead = listing(*LISTED), {}
    case.time.tick(REFUSAL_CACHE_TIME + 0.1)
    assert await case.content("8.0.3.0") == "8.0.3.0"


async def test_without_a_list_now_the_one_before_counts(case: Case) -> None:
    await case.content("6.7")
    case.house.list = HTML
    case.time.tick(CACHE_TIME + 1)
    assert await case.content("6.7") == "6.7"
    assert case.house.asked == {"list": 2, "6.7": 2}


async def test_a_list_that_changes_brings_versions_and_takes_them(case: Case) -> None:
    await case.content("6.5")
    case.house.list = listing("9.0.0.0", "6.7")
    case.time.tick(CACHE_TIME + 1)
    assert await case.content("6.5") == ""
    assert await case.content("9.0.0.0") == "9.0.0.0"


async def test_a_list_without_an_end_is_cut(case: Case) -> None:
    case.house.list = listing(*(f"8.{number}" for number in range(500, 0, -1)))
    for number in range(500, 0, -1):
        await case.content(f"8.{number}")
    assert len(case.house.asked) == MOST_VERSIONS + 2  # the list, and what is for all others


async def test_while_it_is_paused_nothing_is_asked_and_good_answers_serve_on(case: Case) -> None:
    case.house.instead = {"6.7": soap_fault("SystemError")}
    assert (await case.content("8.0.3.0"), await case.content("6.7")) == ("8.0.3.0", "500")
    asked = Counter(case.house.asked)
    case.paused = True
    case.time.tick(CACHE_TIME + 1)
    assert await case.content("8.0.3.0") == "8.0.3.0"
    assert (await case.public.versions()).status == 200
    for version in ("6.7", "6.5"):
        with pytest.raises(Overloaded):
            await case.content(version)
    assert case.house.asked == asked


async def test_who_hangs_up_keeps_no_other_waiting(case: Case) -> None:
    case.server.gate.clear()
    first, second = (asyncio.create_task(case.content("8.0.3.0")) for _ in range(2))
    await case.server.has_read(1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    case.server.gate.set()
    assert await second == "8.0.3.0"
    assert case.house.asked == {"list": 1, "8.0.3.0": 1}


@each("listed", [(), ("6.7",), LISTED])
def test_the_nearest_version_is_no_newer(listed: tuple[str, ...]) -> None:
    found = service_versions.nearest("7.0", listed)
    assert found == ("6.7" if listed else "")
    assert service_versions.nearest("seven", listed) == ""


async def test_in_json_each_release_of_the_list_has_its_answer_and_no_other_is_asked_for(
    case: Case,
) -> None:
    for _ in range(2):
        for release in ("8.0.3.0", "8.0.2.0"):
            answer = await case.public.content_in_json(release)
            assert answer.body == f'{{"version":"{release}"}}'.encode()
    for number in range(200):
        with pytest.raises(UnknownAddress):
            await case.public.content_in_json(f"9.{number}.0.0")
    assert case.house.asked == {"list": 1, "8.0.3.0 in JSON": 1, "8.0.2.0 in JSON": 1}


async def test_without_a_list_nobody_knows_which_releases_there_are(case: Case) -> None:
    case.house.list = HTML
    for asking in (case.public.content_in_json("8.0.3.0"), case.public.releases()):
        with pytest.raises(UpstreamUnavailable):
            await asking
    assert case.house.asked == {"list": 1}


async def test_what_is_no_vi_json_is_not_handed_on(case: Case) -> None:
    case.house.instead = {
        "8.0.3.0": HTML,
        "8.0.2.0": http(404, "<html>", kind="text/html"),
        "7.0.3.2": json_fault("InvalidRequest"),
    }
    with pytest.raises(UpstreamUnavailable):
        await case.public.content_in_json("8.0.3.0")
    with pytest.raises(NotSupported):
        await case.public.content_in_json("8.0.2.0")
    assert (await case.public.content_in_json("7.0.3.2")).status == 500


async def test_a_description_is_asked_for_once_and_is_the_upstream_s(case: Case) -> None:
    path = "/sdk/vim-types.xsd"
    case.house.pages[path] = http(200, f"<schema>{'x' * 2_000_000}</schema>", kind="text/xml")
    for _ in range(3):
        said = await asyncio.gather(*(case.public.description(path) for _ in range(5)))
        assert {len(one.body) for one in said} == {2_000_017}
    assert case.house.asked[path] == 1
    case.time.tick(CACHE_TIME + 1)
    await case.public.description(path)
    assert case.house.asked[path] == 2


async def test_what_is_no_description_is_told_apart_from_there_being_none(case: Case) -> None:
    path = "/sdk/core-types.xsd"
    case.house.pages[path] = http(404, "no such page")
    with pytest.raises(UnknownAddress):
        await case.public.description(path)
    case.time.tick(REFUSAL_CACHE_TIME + 1)
    for page in (HTML, http(200, "<html>hello"), http(200, "{}"), http(500, "<schema/>")):
        case.house.pages[path] = page
        with pytest.raises(UpstreamUnavailable):
            await case.public.description(path)
        case.time.tick(REFUSAL_CACHE_TIME + 1)
    asked = case.house.asked.total()
    for other in ("/sdk/other.xsd", "/sdk", "/mob", "/sdk/../mob"):
        with pytest.raises(UnknownAddress):
            await case.public.description(other)
    assert case.house.asked.total() == asked


async def test_sec_92_what_shows_a_session_of_ours_is_told_to_nobody(case: Case) -> None:
    case.tokens.hand_out(Secret("canary-of-ours"))
    said = http(200, envelope("<content>canary-of-ours</content>"), kind="text/xml")
    case.house.instead[LISTED[0]] = said
    assert "shows a session" in await case.refused(LISTED[0])
