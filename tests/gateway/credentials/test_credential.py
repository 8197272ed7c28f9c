"""A stored password is tried no more often than an account can bear."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import UpstreamUnavailable
from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.passwords import REFUSED, LoginAttempts
from sessiongate.gateway.credentials.rest_logins import RestLogins
from sessiongate.gateway.credentials.sealing import LeaseKey
from sessiongate.gateway.credentials.shared_refusals import SharedRefusals
from sessiongate.secret import Secret
from sessiongate.store.embedded.notes import MemoryNotes
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import Exchange
from sessiongate.wire.vim.client import REFUSED_LOGINS
from tests.each import each
from tests.upstream.fakes import Asked, FakeServer, http, kind_vcenter, saying, soap_fault

LONG = timedelta(seconds=30)


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    """A credential, its clock, and what its password file says."""

    def __init__(self, server: FakeServer, attempts: LoginAttempts | None = None) -> None:
        self.server = server
        self.time = Time()
        self.meters = UpstreamMeters()
        self.password, self.next = "right", ""
        self.told: list[tuple[str, str]] = []
        self.exchange = Exchange(server.url, Trust(verify=False))
        self.credential = Credential(
            "vc1",
            "svc",
            (lambda: Secret(self.password), lambda: Secret(self.next or self.password)),
            self.exchange,
            LONG,
            self.time,
            self.meters,
            attempts=attempts,
            settings=("upstream.vc1.password_file", "upstream.vc1.next_password_file"),
            tell=self._tell,
        )

    async def _tell(self, account: str, why: str) -> None:
        self.told.append((account, why))

    async def refused(self) -> str:
        with pytest.raises(UpstreamUnavailable) as raised:
            await self.credential.login()
        assert self.password not in str(raised.value)
        assert raised.value.retry_after >= 1
        return str(raised.value)

    @property
    def asked(self) -> int:
        return len(self.server.asked)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    async with FakeServer(kind_vcenter) as server:
        one = Case(server)
        yield one
        await one.exchange.close()


async def test_it_logs_in_by_soap_alone(case: Case) -> None:
    opened = await case.credential.login()
    assert opened.user.key == "52a67ed8"
    assert case.server.paths() == ["/sdk"]


async def test_sec_58_a_refused_password_is_tried_once_in_a_quarter_of_an_hour(case: Case) -> None:
    case.password = "wrong"
    for _ in range(1000):
        assert "refused" in await case.refused()
    assert case.asked == 1
    assert case.meters.logins == {"refused": 1}
    assert case.credential.is_held_back
    case.time.now += REFUSED - 1
    await case.refused()
    assert case.asked == 1
    case.time.now += 1
    await case.refused()
    assert case.asked == 2


async def test_a_refusal_names_the_setting_the_rule_and_the_way_out(case: Case) -> None:
    assert case.credential.problem == ""
    case.password = "wrong"
    with capture_logs() as logs:
        said = await case.refused()
    problem = case.credential.problem
    assert said == f"vc1: {problem}"
    assert problem.startswith("upstream.vc1.password_file: the password of the service account was")
    assert "tried once in 15 minutes" in problem
    assert "another one there is noticed within seconds" in problem
    assert "`sessiongate pools resume vc1`" in problem
    (line,) = (one for one in logs if one["log_level"] == "error")
    assert line["why"] == problem
    assert case.told == [("svc", problem)]
    case.next = "wrong too"
    await case.refused()
    both = "upstream.vc1.password_file and upstream.vc1.next_password_file: "
    assert case.credential.problem.startswith(both)
    case.password = "right"
    await case.credential.login()
    assert case.credential.problem == ""


async def test_sec_58_two_tables_of_one_account_spend_one_guess_together() -> None:
    async with FakeServer(kind_vcenter) as server:
        attempts = LoginAttempts(Time())
        cases = [Case(server, attempts) for _ in range(2)]
        for case in cases:
            case.password = "wrong"
        await asyncio.gather(*(case.refused() for case in (*cases, *cases)))
        assert len(server.asked) == 1
        for case in cases:
            await case.exchange.close()


async def test_another_password_is_tried_at_once(case: Case) -> None:
    case.password = "wrong"
    await case.refused()
    case.password = "right"
    assert (await case.credential.login()).user.key
    assert not case.credential.is_held_back


@each("password", ["bell\x07", "\ud800", "\uffff"], ["bell", "surrogate", "no letter"])
async def test_a_password_that_no_request_can_carry_is_refused_without_being_sent(
    password: str,
) -> None:
    """It is nothing that whoever calls has done: no refusal of theirs."""
    async with FakeServer(kind_vcenter) as server:
        case = Case(server)
        case.password = password
        for _ in range(3):
            assert "cannot carry" in await case.refused()
        assert case.asked == 0
        assert case.credential.is_held_back
        assert case.meters.logins == {"refused": 1}
        case.password = "right"
        assert (await case.credential.login()).user.key
        await case.exchange.close()


async def test_the_next_password_is_tried_once_where_the_first_is_refused(case: Case) -> None:
    """While the account gets a new one, either may be right."""
    case.password, case.next = "old", "right"
    with capture_logs() as logs:
        assert (await case.credential.login()).user.key
        assert case.asked == 2
        # From now on that one is the first to be tried, and the other is left alone.
        assert (await case.credential.login()).user.key
        case.time.now += REFUSED
        assert (await case.credential.login()).user.key
    assert case.asked == 4
    assert case.meters.logins == {"refused": 1}
    assert sum("make it the first" in one["event"] for one in logs) == 1
    assert not any(case.next in str(one) or case.password in str(one) for one in logs)
    case.password = "right"  # as it is to be afterwards
    assert (await case.credential.login()).user.key
    assert case.asked == 5


@each("fault", sorted(REFUSED_LOGINS))
async def test_sec_58_each_kind_of_refused_login_is_one_of_the_password(fault: str) -> None:
    def old(asked: Asked) -> bytes:
        return soap_fault(fault) if b">old<" in asked.body else kind_vcenter(asked)

    async with FakeServer(old) as server:
        case = Case(server)
        case.password = "old"
        for _ in range(3):
            assert "was refused" in await case.refused()
        assert case.asked == 1
        case.next = "right"
        assert (await case.credential.login()).user.key
        await case.exchange.close()


async def test_sec_58_where_both_are_refused_each_was_tried_once(case: Case) -> None:
    case.password, case.next = "old", "newer"
    for _ in range(100):
        assert "refused" in await case.refused()
    assert case.asked == 2
    assert case.credential.is_held_back
    case.next = "right"
    assert (await case.credential.login()).user.key
    assert case.asked == 3, "the one that was refused is not tried again"


async def test_where_an_upstream_is_away_the_next_password_is_not_tried(case: Case) -> None:
    case.password, case.next = "old", "right"
    case.server.script = saying(http(503, "busy"))
    await case.refused()
    assert case.asked == 1


async def test_a_changed_password_is_noticed_by_looking_for_it(case: Case) -> None:
    assert not case.credential.has_new_password()
    case.password = "wrong"
    await case.refused()
    assert not case.credential.has_new_password()
    assert case.credential.is_held_back
    case.password = "right"
    assert case.credential.has_new_password()
    assert not case.credential.is_held_back
    assert case.asked == 1


async def test_whoever_says_so_has_it_tried_again(case: Case) -> None:
    case.password = "wrong"
    await case.refused()
    case.credential.resume()
    await case.refused()
    assert case.asked == 2


AWAY = {
    "an error of something in front": http(503, "busy"),
    "a fault of the service": soap_fault("SystemError"),
    "nonsense": http(200, "hello"),
}


@each("answer", AWAY.values(), AWAY.keys())
async def test_an_upstream_that_is_away_says_nothing_of_the_password(answer: bytes) -> None:
    """When it is asked again is the pool's concern."""
    async with FakeServer(saying(answer)) as server:
        case = Case(server)
        for count in (1, 2, 3):
            await case.refused()
            assert case.asked == count == case.meters.logins["unavailable"]
            assert not case.credential.is_held_back
        server.script = kind_vcenter
        assert (await case.credential.login()).user.key
        await case.exchange.close()


async def test_logins_whose_answers_are_lost_are_few() -> None:
    """Each may have opened a session that nobody knows of."""
    async with FakeServer(saying(b""), hangs_up=True) as server:
        case = Case(server)
        for count, pause in enumerate((1, 30, 60, 300, 300), start=1):
            await case.refused()
            await case.refused()
            assert case.asked == count
            assert case.credential.is_held_back
            case.time.now += pause * 1.2
        await case.exchange.close()


def _said(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [one["event"] for one in logs if "answers" in one["event"]]


@each("answer", [b"", *AWAY.values()], ["no answer", *AWAY])
async def test_an_upstream_that_opens_no_session_is_in_the_log_once_and_so_is_its_end(
    answer: bytes,
) -> None:
    """It takes connections, so nothing else has it."""
    async with FakeServer(saying(answer)) as server:
        case = Case(server)
        with capture_logs() as logs:
            for _ in range(3):
                await case.refused()
                case.time.now += 400
        assert _said(logs) == ["the upstream answers no login"]
        (line,) = (one for one in logs if one["event"] == "the upstream answers no login")
        assert line["upstream"] == "vc1"
        assert line["why"].startswith("login: ")
        server.script = kind_vcenter
        with capture_logs() as logs:
            await case.credential.login()
            await case.credential.login()
        assert _said(logs) == ["the upstream answers logins again"]
        await case.exchange.close()


async def test_so_is_an_automation_api_that_opens_none(case: Case) -> None:
    logins = RestLogins("vc1", case.exchange, LONG, case.meters, case.credential)
    case.server.script = saying(http(503, "busy"))
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(UpstreamUnavailable):
                await logins.login("/api/session")
            case.time.now += 400
    assert _said(logs) == ["the upstream answers no login"]
    case.server.script = saying(http(201, '"token-of-the-automation-api"'))
    with capture_logs() as logs:
        await logins.login("/api/session")
    assert _said(logs) == ["the upstream answers logins again"]


async def test_one_that_cannot_be_connected_to_is_in_the_log_by_its_connection(
    case: Case,
) -> None:
    await case.server.stop()
    with capture_logs() as logs:
        await case.refused()
    assert [one["event"] for one in logs] == ["upstream cannot be reached"]


async def test_sec_58_what_one_process_has_had_refused_no_other_tries() -> None:
    async with FakeServer(kind_vcenter) as server:
        notes, key = MemoryNotes(), LeaseKey(bytes(32))
        cases = [Case(server) for _ in range(2)]
        for case in cases:
            case.credential.refusals = SharedRefusals(notes, key, case.time)
            assert case.credential.problem == ""
            case.password = "wrong"
        for case in (*cases, *cases):
            assert "refused" in await case.refused()
        assert len(server.asked) == 1
        (told,) = await notes.all()
        assert Secret("wrong").digest().hex() not in told
        assert "to another process, or before the start" in cases[1].credential.problem
        # A clock that was set back by a year holds nothing back for longer than the rule says.
        assert await SharedRefusals(notes, key, lambda: -3e7).left(
            "soap", Secret("wrong").digest(), REFUSED
        ) == pytest.approx(REFUSED)
        # Another password is tried, and so is the same one once somebody says so.
        cases[1].password = "right"
        assert (await cases[1].credential.login()).user.key
        await SharedRefusals(notes, key, cases[0].time).forget()
        cases[0].credential.resume()
        await cases[0].refused()
        assert len(server.asked) == 3
        for case in cases:
            case.time.now += REFUSED + 1
            await case.exchange.close()


async def test_sec_58_what_one_table_has_had_refused_no_other_of_the_account_tries() -> None:
    async with FakeServer(kind_vcenter) as server:
        attempts = LoginAttempts(Time())
        cases = [Case(server, attempts) for _ in range(2)]
        for case in (*cases, *cases):
            case.password = "wrong"
            assert "refused" in await case.refused()
        assert len(server.asked) == 1
        for case in cases:
            await case.exchange.close()
