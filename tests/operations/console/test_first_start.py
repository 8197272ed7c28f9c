"""The first administrator, by a link that works once."""

from datetime import timedelta

from sessiongate.errors import InvalidArgument
from sessiongate.secret import Secret
from tests.each import each
from tests.gate import Gate
from tests.operations.console.browser import SET_UP, Desk, header_of, text_of, words_of


def added() -> tuple[list[tuple[str, str]], "Adding"]:
    people: list[tuple[str, str]] = []
    return people, Adding(people)


class Adding:
    def __init__(self, people: list[tuple[str, str]]) -> None:
        self._people = people

    async def __call__(self, name: str, password: Secret) -> None:
        if len(password.reveal()) < 12:
            raise InvalidArgument("password", "must have at least 12 characters")
        self._people.append((name, password.reveal()))


LINK = f"/console/setup/{SET_UP}"
GOOD = {"name": "root", "password": "correct horse ", "again": "correct horse "}


async def test_sec_30_the_set_up_link_works_once(gate: Gate) -> None:
    people, add = added()
    desk = Desk(gate, has_users=False, add=add)
    browser = desk.browser()
    page = await browser.get(LINK)
    assert page.status == 200
    assert "at least 12 characters" in words_of(page)
    reply = await browser.post(LINK, **GOOD)
    assert header_of(reply, "location") == "/console/login?did=added"
    assert people == [("root", "correct horse ")]
    assert (await browser.get(LINK)).status == 404
    assert (await browser.post(LINK, **GOOD)).status == 404
    assert len(people) == 1


async def test_sec_30_it_is_over_after_half_an_hour(gate: Gate) -> None:
    people, add = added()
    browser = Desk(gate, has_users=False, add=add).browser()
    gate.clock.tick(timedelta(minutes=30) - timedelta(microseconds=1))
    assert (await browser.get(LINK)).status == 200
    gate.clock.tick(timedelta(microseconds=1))
    assert (await browser.post(LINK, **GOOD)).status == 404
    assert people == []


async def test_sec_30_it_is_over_as_soon_as_there_is_a_user(gate: Gate) -> None:
    people, add = added()
    desk = Desk(gate, has_users=False, add=add)
    desk.has_users = True
    assert (await desk.browser().post(LINK, **GOOD)).status == 404
    desk.has_users = False
    assert (await desk.browser().post(LINK, **GOOD)).status == 404
    assert people == []


async def test_sec_30_no_other_link_does(gate: Gate) -> None:
    people, add = added()
    browser = Desk(gate, has_users=False, add=add).browser()
    for token in ("", "x", SET_UP[:-1], f"{SET_UP}x", SET_UP.upper()):
        assert (await browser.post(f"/console/setup/{token}", **GOOD)).status == 404
    foreign = await browser.post(LINK, ("sec-fetch-site", "cross-site"), **GOOD)
    assert foreign.status == 403
    assert people == []


@each(
    ("form", "says"),
    [
        ({"again": "another"}, "The two passwords differ."),
        ({"name": ""}, "A name and a password are needed."),
        ({"password": "short", "again": "short"}, "at least 12 characters"),
    ],
)
async def test_what_does_not_do_is_said_and_the_link_stays(
    form: dict[str, str], says: str, gate: Gate
) -> None:
    people, add = added()
    browser = Desk(gate, has_users=False, add=add).browser()
    reply = await browser.post(LINK, **{**GOOD, **form})
    assert reply.status == 400
    assert says in words_of(reply)
    assert form.get("password", "correct") not in text_of(reply)
    assert people == []
    assert (await browser.get(LINK)).status == 200
