"""Requirement 78: what costs a stranger nothing pushes no decision out of the audit.

The real services over each store, with an audit that has room for a few events only; a flood of
each kind of refusal that a stranger can have; and then what is left.
"""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from sessiongate.audit.event import Event, merged_in, read
from sessiongate.audit.merging import PER_MINUTE, SESSIONS_PER_MINUTE, WINDOW
from sessiongate.errors import BadCredentials, SessionGateError
from sessiongate.rules.audit_chain import Chain, ChainVerdict, Link
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.service.extension_login import Extension
from sessiongate.session import Client, Ended, PresentedToken
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.store.redis.audit_reader import RedisAuditReader
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import T0
from tests.gate import CLIENT, HERE, LIMITS, PEOPLE, Gate
from tests.peers.redis import Redis
from tests.until import PATIENCE

# Twice what is counted apart at a time, and sixteen times what the audit has room for.
FLOOD = 4_000
MOST = {Chain.DECISIONS: 250, Chain.ANONYMOUS: 20}
LONG_AGO = T0 - timedelta(days=365)
BACKUP = Extension("com.example.backup", hashlib.sha256(b"a certificate").hexdigest(), "user")

_prefixes = count(1)

Read = Callable[[Chain], Awaitable[tuple[list[Link], ChainVerdict | None]]]


class Place:
    """A gate over one kind of store, and what is in its audit when that is settled."""

    def __init__(self, gate: Gate, read_chain: Read) -> None:
        self.gate = gate
        self._read = read_chain

    async def events(self, chain: Chain = Chain.DECISIONS) -> list[Event]:
        links, _ = await self._read(chain)
        return [read(bytes(link.payload)) for link in links]

    async def verdict(self, chain: Chain = Chain.DECISIONS) -> ChainVerdict | None:
        return (await self._read(chain))[1]

    async def tidy(self) -> None:
        """Rounds of the janitor from a minute later on, until they have had their effect."""
        self.gate.clock.tick(WINDOW)
        self.gate.journal.prune(MOST, LONG_AGO)
        # All that was noted before it is in when this is.
        await self.gate.store.audit.write(
            b'{"at":"2026-01-01T00:00:00Z","event":"end","result":""}', T0
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            self.gate.journal.prune(MOST, LONG_AGO)
            kept = [len(await self.events(chain)) for chain in Chain]
            if all(number <= most for number, most in zip(kept, MOST.values(), strict=True)):
                return
            assert time.monotonic() < deadline, kept


STORES = ["memory", "sqlite", pytest.param("redis", marks=pytest.mark.peer)]


@pytest.fixture(params=STORES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    store: MemoryStore | SqliteStore | RedisStore
    if request.param == "memory":
        store = MemoryStore(LIMITS)
    elif request.param == "sqlite":
        store = SqliteStore(tmp_path / "sessions.db", LIMITS)
    else:
        redis: Redis = request.getfixturevalue("redis")
        settings = RedisSettings(parse_redis(redis.url), prefix=f"flood{next(_prefixes)}")
        store = RedisStore(settings, LIMITS)
    await store.start()

    async def read_chain(chain: Chain) -> tuple[list[Link], ChainVerdict | None]:
        if isinstance(store, MemoryStore):
            return [Link(0, one, b"") for one in store.audit.payloads_of(chain)], None
        if isinstance(store, SqliteStore):
            file = AuditFile(tmp_path / "sessions.db")
            return list(file.all(chain)), file.verify(None, chain, merged_in)

        def ask() -> tuple[list[Link], ChainVerdict]:
            with RedisAuditReader(settings) as reader:
                return list(reader.all(chain)), reader.verify(None, chain, merged_in)

        return await asyncio.to_thread(ask)

    gate = Gate(tmp_path, extensions={BACKUP.key: BACKUP}, store=store)  # type: ignore[arg-type]
    yield Place(gate, read_chain)
    await store.close()


Attack = Callable[[Gate, Client, int], Awaitable[object]]

SAML = PresentedToken("saml", Secret("<not a token/>"))

# Each is one request of somebody who has shown nothing; the number is the attacker's to choose.
ATTACKS: dict[str, Attack] = {
    "clone tickets": lambda gate, client, number: gate.call(
        None, "CloneSession", client, clone_ticket=Secret(f"cst-{number}")
    ),
    "tokens": lambda gate, client, number: gate.call(None, "LoginByToken", client, SAML),
    "no token at all": lambda gate, client, number: gate.call(None, "LoginByToken", client),
    "extensions": lambda gate, client, number: gate.call(
        None, "LoginExtensionByCertificate", client, extension_key=f"com.example.x{number}"
    ),
    "extensions by subject": lambda gate, client, number: gate.call(
        None, "LoginExtensionBySubjectName", client, extension_key=f"com.example.x{number}"
    ),
    "local tickets from elsewhere": lambda gate, client, number: gate.call(
        None, "AcquireLocalTicket", client, user_name=f"name{number}"
    ),
    "names that do not exist": lambda gate, client, number: gate.logins.login(
        f"name{number}", Secret("x"), client, default="local"
    ),
    "names that are none": lambda gate, client, number: gate.logins.login(
        "\\" * (number % 200 + 2), Secret("x"), client, default="local"
    ),
    "empty passwords": lambda gate, client, number: gate.logins.login(
        f"name{number}", Secret(""), client, default="local"
    ),
    "locales": lambda gate, client, number: gate.logins.login(
        "bob", Secret("x"), client, locale=f"x{number}", default="local"
    ),
    "one unknown name that is locked": lambda gate, client, number: gate.logins.login(
        "nobody", Secret("x"), client, default="local"
    ),
    "basic credentials that are vouched for": lambda gate, client, number: (
        gate.logins.verify_credentials(f"name{number}", Secret("x"), client, provider="local")
    ),
}


async def flood(gate: Gate, attack: Attack, client: Client, times: int = FLOOD) -> None:
    refused = 0
    for number in range(times):
        try:
            await attack(gate, client, number)
        except SessionGateError:
            refused += 1
        if number % 1_000 == 999:
            gate.journal.prune(MOST, LONG_AGO)
    assert refused == times


# What becomes of a kind is no matter of the store, so that two of them go through each.
OVER = [("memory", kind) for kind in ATTACKS]
OVER += [("sqlite", kind) for kind in ("clone tickets", "names that do not exist")]


@pytest.mark.parametrize(
    ("place", "kind"),
    [*OVER, pytest.param("redis", "clone tickets", marks=pytest.mark.peer)],
    indirect=["place"],
)
async def test_sec_78_a_flood_of_anonymous_refusals_pushes_no_decision_out(
    place: Place, kind: str
) -> None:
    gate = place.gate
    for name in ("ada", "bob", "eve"):
        await gate.login(name)
    with pytest.raises(BadCredentials):
        await gate.logins.login("bob", Secret("wrong"), CLIENT, default="local")
    before = (await place.events())[:4]
    assert [one.user for one in before] == ["ada", "bob", "eve", "bob"]
    with capture_logs() as logs:
        await flood(gate, ATTACKS[kind], Client("203.0.113.5", "flood", "vi-json"))
        await place.tidy()
    assert (await place.events())[:4] == before
    kept = await place.events(Chain.ANONYMOUS)
    assert 0 < len(kept) <= MOST[Chain.ANONYMOUS]
    assert kept[-1].merged >= FLOOD - PER_MINUTE - 6
    assert (kept[-1].ip, kept[-1].event) == ("203.0.113.5", "login refused")
    assert len(logs) <= PER_MINUTE + 6  # the log is no place to fill a disk either
    assert sum(1 + line.get("merged", 0) for line in logs) == FLOOD
    verdict = await place.verdict(Chain.ANONYMOUS)
    if verdict is not None:
        assert (verdict.broken_at, verdict.merged) == (None, sum(one.merged for one in kept))
        assert verdict.pruned == verdict.last - len(kept) > 0


async def test_sec_78_nor_does_one_from_more_addresses_than_anybody_can_count(
    place: Place,
) -> None:
    gate = place.gate
    await gate.login("ada")
    before = (await place.events())[:1]
    for number in range(FLOOD):
        client = Client(f"2001:db8:{number // 500:x}:{number % 500:x}::1", "flood", "soap")
        with suppress(SessionGateError):
            await gate.tickets.clone(Secret("cst-none"), client)
    await place.tidy()
    assert (await place.events())[:1] == before
    assert len(await place.events(Chain.ANONYMOUS)) <= MOST[Chain.ANONYMOUS]


async def test_sec_78_a_name_that_exists_keeps_its_refusals_under_the_flood(place: Place) -> None:
    """Also where the guesser has made sure that his address has nothing left to spend."""
    gate, client = place.gate, Client("203.0.113.5", "flood", "vi-json")
    await flood(gate, ATTACKS["clone tickets"], client, PER_MINUTE + 1)
    for _ in range(40):
        with suppress(SessionGateError):
            await gate.logins.login("bob", Secret("wrong"), client, default="local")
    await flood(gate, ATTACKS["names that do not exist"], client, 1_000)
    await place.tidy()
    told = [(one.user, one.reason, one.merged) for one in await place.events() if one.user]
    # Three wrong tries lock a name here. The first of each is there, then how many more.
    assert sorted(told) == [
        ("bob", "BadCredentials", 0),
        ("bob", "BadCredentials", 1),
        ("bob", "LockedOut", 0),
        ("bob", "LockedOut", 35),
    ]


# Each is the name bob to the guard, and all of one kind are different texts.
SPELLINGS: dict[str, Callable[[int], str]] = {
    "soft hyphens": lambda number: "b" + "\u00ad" * number + "ob",
    "spaces without width": lambda number: "bo" + "\u200b" * number + "b",
    "case": lambda number: "".join(
        letter.upper() if number >> place & 1 else letter for place, letter in enumerate("bob")
    ),
    "white space": lambda number: " " * number + "bob" + "\t" * (number % 3),
    "wide letters": lambda number: "\uff42ob" + "\u00ad" * number,
    "no domain": lambda number: ".\\" * (number % 2) + "\u2060" * number + "bob",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("password", ["wrong", ""], ids=["wrong", "empty"])
async def test_sec_78_spellings_of_a_name_that_exists_are_one_name(
    gate: Gate, spelling: str, password: str
) -> None:
    client, journal = Client("203.0.113.5", "flood", "vi-json"), gate.journal
    await gate.login("bob")  # so that the guard knows of him
    await flood(gate, ATTACKS["clone tickets"], client, PER_MINUTE)
    for number in range(300):
        with suppress(SessionGateError):
            await gate.logins.login(
                SPELLINGS[spelling](number), Secret(password), client, default="local"
            )
    journal.flush()
    told = [read(one) for one in gate.store.audit.payloads_of(Chain.DECISIONS)][1:]
    assert len(told) <= 4  # two reasons, each with its first and the number of the others
    assert sum(1 + one.merged for one in told) == 300
    assert {one.user for one in told if one.merged} == {"bob"}


async def test_sec_78_strangers_who_vary_everything_leave_decisions_alone(gate: Gate) -> None:
    """Names that exist, addresses, dialects, agents, ways in, and spellings, all at once."""
    for name in ("ada", "bob", "eve"):
        await gate.login(name)
    opened = list(gate.store.audit.payloads_of(Chain.DECISIONS))
    names = sorted(PEOPLE)
    for number in range(FLOOD):
        client = Client(
            f"2001:db8:{number // 500:x}:{number % 500:x}::1",
            f"agent {number}",
            ("vi-json", "soap", "zerto", "rest", "openid")[number % 5],
        )
        name = names[number % 4] + "\u200b" * (number % 90)
        how = (gate.logins.login, gate.logins.verify_credentials)[number % 2]
        who: dict[str, Any] = (
            {"default": "local"} if how == gate.logins.login else {"provider": "local"}
        )
        with suppress(SessionGateError):
            await how(name, Secret("" if number % 3 else "wrong"), client, **who)
    gate.journal.flush()
    kept = gate.store.audit.payloads_of(Chain.DECISIONS)
    assert kept[: len(opened)] == opened
    told = [read(one) for one in kept[len(opened) :]]
    assert len(told) <= 5 * PER_MINUTE + 2 * PER_MINUTE
    assert sum(1 + one.merged for one in told) == FLOOD


async def test_sec_78_somebody_known_who_is_denied_over_and_over_does_not_clear_his_traces(
    place: Place,
) -> None:
    gate = place.gate
    bob = await gate.login("bob")
    for _ in range(1_000):
        with suppress(SessionGateError):
            await gate.call(bob.session, "UpdateServiceMessage", message="x")
        with suppress(SessionGateError):
            await gate.call(bob.session, "ImpersonateUser", user_name="ada")
        with suppress(SessionGateError):
            await gate.call(bob.session, "Login", user_name="bob", password=Secret("bobbob"))
    await place.tidy()
    told = [one for one in await place.events() if one.user == "bob"]
    merged = sorted((one.event, one.merged) for one in told if one.merged)
    assert [event for event, _ in merged] == [
        *("login refused", "permission denied", "permission denied")
    ]
    assert told[0].event == "session opened"
    assert sum(1 + one.merged for one in told[1:]) == 3_000


async def test_sec_78_one_account_in_a_loop_leaves_a_day_of_others_alone(gate: Gate) -> None:
    """Each opening and end is still in a number, and an ordinary script is told one by one."""
    first = await gate.login("ada")
    for turn in range(1_000):
        opened = await gate.login("bob")
        if turn % 2:
            with suppress(SessionGateError):
                await gate.call(opened.session, "UpdateServiceMessage", message="x")
        await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    await gate.sessions.end(first.session.key, Ended.TERMINATED, by="root")
    gate.journal.flush()
    told = [read(one) for one in gate.store.audit.payloads_of(Chain.DECISIONS)]
    others = [(one.event, one.user, one.subject) for one in told if one.user != "bob"]
    assert others == [("session opened", "ada", ""), ("session ended", "root", "ada")]
    mine = [one for one in told if one.user == "bob"]
    assert len(mine) <= 2 * (SESSIONS_PER_MINUTE + 1) + PER_MINUTE + 2
    counts: Counter[str] = Counter()
    for one in mine:
        counts[one.event] += 1 + one.merged
    assert counts == {"session opened": 1_000, "session ended": 1_000, "permission denied": 500}
    openings = [one for one in mine if one.event == "session opened"]
    assert [one.merged for one in openings] == [0] * SESSIONS_PER_MINUTE + [799]
    assert (openings[0].key, openings[-1].key) == (mine[0].key, "")


async def test_sec_78_what_one_account_does_over_and_over_leaves_others_alone(gate: Gate) -> None:
    """A script that becomes somebody else for each call, or changes the message without end."""
    first = await gate.login("bob")
    for number in range(500):
        ada = await gate.login("ada")
        await gate.call(ada.session, "UpdateServiceMessage", message=f"{number}")
        await gate.call(ada.session, "ImpersonateUser", user_name="bob")
    gate.journal.flush()
    told = [read(one) for one in gate.store.audit.payloads_of(Chain.DECISIONS)]
    assert (told[0].event, told[0].key) == ("session opened", first.session.key)
    for event, subject in (("service message changed", ""), ("user impersonated", "bob")):
        acts = [one for one in told if one.event == event]
        assert [one.merged for one in acts] == [0] * SESSIONS_PER_MINUTE + [299]
        assert {(one.user, one.subject) for one in acts} == {("ada", subject)}


async def test_sec_78_local_tickets_for_anybody_who_asks_are_merged_too(place: Place) -> None:
    for _ in range(300):
        await place.gate.call(None, "AcquireLocalTicket", HERE, user_name="ada")
    await place.tidy()
    told = [one for one in await place.events() if one.event == "local ticket issued"]
    assert told[-1].subject == "ada"
    assert told[-1].merged > 100


async def test_sec_78_what_is_merged_is_written_after_a_minute_and_at_a_stop(gate: Gate) -> None:
    client, journal = Client("203.0.113.5", "flood", "vi-json"), gate.journal
    await flood(gate, ATTACKS["clone tickets"], client, 300)
    journal.prune(MOST, LONG_AGO)
    assert [one.merged for one in map(read, gate.store.audit.payloads) if one.merged] == []
    # Also without a janitor: the next refusal finds that the minute is over.
    gate.clock.tick(WINDOW)
    await flood(gate, ATTACKS["clone tickets"], client, 1)
    merged = [one for one in map(read, gate.store.audit.payloads) if one.merged]
    assert [one.merged for one in merged] == [300 - PER_MINUTE - 1]
    assert merged[0].since is not None
    await flood(gate, ATTACKS["clone tickets"], client, 300)
    journal.flush()
    merged = [one for one in map(read, gate.store.audit.payloads) if one.merged]
    assert [one.merged for one in merged][1:] == [301 - PER_MINUTE - 1]
    assert journal.meters.merged == 2 * (300 - PER_MINUTE - 1) + 1


async def test_sec_78_copies_get_what_the_audit_gets(tmp_path: Path) -> None:
    copies: list[bytes] = []
    gate = Gate(tmp_path, ship=copies.append)
    for number in range(1_000):
        with suppress(SessionGateError):
            await ATTACKS["clone tickets"](gate, CLIENT, number)
    gate.journal.flush()
    assert copies == gate.store.audit.payloads
    assert len(copies) == PER_MINUTE + 1
    assert sum(1 + merged_in(line) for line in copies) == 1_000


async def test_a_refusal_of_an_extension_that_exists_is_about_somebody(gate: Gate) -> None:
    gate = Gate(gate.folder, extensions={BACKUP.key: BACKUP})
    shown = msgspec.structs.replace(CLIENT, certificate=b"another certificate")
    with pytest.raises(BadCredentials):
        await gate.call(None, "LoginExtensionByCertificate", shown, extension_key=BACKUP.key)
    assert [read(one).user for one in gate.store.audit.payloads_of(Chain.DECISIONS)] == [BACKUP.key]
    assert gate.store.audit.payloads_of(Chain.ANONYMOUS) == []
