"""What we are known by at upstreams is found in whatever goes to a client."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from itertools import pairwise
from typing import Any

import pytest

from sessiongate.gateway.leases.tokens_in_use import PLACEHOLDER_KEY, TokenShown, TokensInUse
from sessiongate.secret import Secret
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.each import each
from tests.loop_time import LoopTime
from tests.until import until

KEY = "52a67ed8-0f0b-1714-4534-86a177fc51{:02d}"
OURS = "11111111-2222-3333-4444-555555555555"
TOKEN = "7bea00000000000000000000000000000canary{:02d}"
TICKET = "cst-VCT-52a67ed8-0f0b-1714-4534-{:04}"
REST = "3f0c0000000000000000000000canary{:02d}"


def session(number: int) -> UpstreamSession:
    """One whose token is in quotes, as a vCenter sets its cookie."""
    user = UserSession(KEY.format(number), "svc", "", "en")
    rest = RestSession("/api/session", Secret(REST.format(number)))
    return UpstreamSession(WireForm.SOAP, Secret(f'"{TOKEN.format(number)}"'), user, rest)


def tokens_of(count: int) -> TokensInUse:
    tokens = TokensInUse()
    for number in range(count):
        tokens.put(f"lease-{number}", session(number))
    return tokens


@pytest.mark.parametrize("leases", [1, 2, 40])
def test_sec_92_a_token_is_found_wherever_it_stands(leases: int) -> None:
    tokens = tokens_of(leases)
    around = random.Random(leases)
    for form in (KEY, TOKEN, REST):
        for at in range(64):
            one = form.format(around.randrange(leases)).encode()
            before, after = around.randbytes(at), around.randbytes(around.randrange(40))
            assert tokens.found_in(before + one + after), (form, at)
            assert not tokens.found_in(before + one[:-1]), (form, at)
            assert not tokens.found_in(one[1:] + after), (form, at)


def test_what_has_a_part_of_one_shows_none() -> None:
    tokens = tokens_of(8)
    half = TOKEN.format(3)[:20].encode()
    assert not tokens.found_in(half * 50)
    assert tokens.found_in(half * 50 + TOKEN.format(3)[20:].encode())
    for nothing in (b"", b"a", bytes(1000)):
        assert not tokens.found_in(nothing)
    assert "canary" not in repr(tokens)


def test_sec_92_keys_are_replaced_and_tokens_end_a_reply() -> None:
    for count in (2, 9):
        tokens = tokens_of(count)
        body = f"<a>{KEY.format(0)}</a><b>{KEY.format(1)}</b>".encode()
        said = tokens.cleaned(body, KEY.format(0), OURS)
        assert said == f"<a>{OURS}</a><b>{PLACEHOLDER_KEY}</b>".encode()
        for form in (TOKEN, REST):
            with pytest.raises(TokenShown):
                tokens.cleaned(f"x{form.format(1)}".encode(), KEY.format(0), OURS)
            with pytest.raises(TokenShown):
                tokens.require_none_in(["text/xml", f"a; b={form.format(1)}"])
        tokens.require_none_in(["text/xml; charset=utf-8", "é"])


def test_what_is_over_is_forgotten_and_what_is_like_it_is_not() -> None:
    tokens = tokens_of(9)
    for number in range(8):
        tokens.drop(f"lease-{number}")
        assert not tokens.found_in(KEY.format(number).encode())
        assert tokens.found_in(KEY.format(8).encode())
    tokens.drop("lease-8")
    tokens.drop("lease-8")
    assert not tokens.found_in(KEY.format(8).encode())


def test_one_session_of_two_tables_is_looked_for_as_long_as_one_has_it() -> None:
    tokens = tokens_of(1)
    tokens.put("other", session(0))
    tokens.drop("lease-0")
    assert tokens.found_in(TOKEN.format(0).encode())


def test_a_lease_that_has_got_another_token_is_known_by_that() -> None:
    tokens = tokens_of(1)
    tokens.put("lease-0", session(1))
    assert tokens.found_in(REST.format(1).encode())
    assert not tokens.found_in(REST.format(0).encode())
    tokens.put("lease-0", None)
    assert not tokens.found_in(REST.format(1).encode())
    with tokens.holding(Secret("cst-0123456789")):
        assert tokens.found_in(b'{"ticket":"cst-0123456789"}')
    assert not tokens.found_in(b'{"ticket":"cst-0123456789"}')


@pytest.mark.parametrize("leases", [0, 9])
async def test_sec_92_a_ticket_that_somebody_else_has_is_looked_for_until_it_is_old(
    leases: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing, tokens = LoopTime(monkeypatch), tokens_of(leases)
    tokens.hand_out(Secret(TICKET.format(1)))
    passing.tick(300)
    tokens.hand_out(Secret(TICKET.format(2)))
    await asyncio.sleep(0)
    assert [tokens.found_in(TICKET.format(one).encode()) for one in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    passing.tick(301)
    await until(lambda: not tokens.found_in(TICKET.format(1).encode()))
    assert tokens.found_in(TICKET.format(2).encode())
    passing.tick(300)
    await until(lambda: not tokens.found_in(TICKET.format(2).encode()))


async def test_sec_92_a_ticket_is_found_among_words_that_all_tickets_have() -> None:
    tokens = tokens_of(9)
    for number in range(20):
        tokens.hand_out(Secret(TICKET.format(number)))
    alike = b"cst-VCT-" * 40
    for cut in range(50):
        for around in (alike[cut:], b"x" * cut + alike, b"x" * (cut + 200)):
            assert not tokens.found_in(around + TICKET.format(20).encode() + around)
            for known in (TICKET.format(19), TOKEN.format(8), REST.format(8)):
                assert tokens.found_in(around + known.encode() + around), (cut, known)
                assert tokens.found_in(around + known.encode()), (cut, known)
                assert tokens.found_in(known.encode() + around), (cut, known)


def cost(work: Callable[[], object]) -> float:
    """Seconds of this thread, at best."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took)


def is_dearer(work: Callable[[], object], than: Callable[[], object], times: float) -> bool:
    """Whether it costs so many times as much, each time that this is tried.

    Who else uses the machine may take more from the one than from the other, but not each time.
    """
    return all(cost(work) >= times * cost(than) for _ in range(3))


MIB = 1 << 20
PRINT = "-tp-40-3F-9A-11-0C-3D-77-1B-40-5F"
"""How tickets of one server end."""
TIMES_DEARER = 15
"""Than a text that has nothing in common with any token."""


@each(
    "text",
    [
        "cst-VCT-",
        TICKET.format(7)[:24],
        TICKET.format(7) + PRINT[:-1] + "x",
        TICKET.format(7)[-24:],
        PRINT,
        PRINT[-24:],
        PRINT[-25:] + "-------",
    ],
)
async def test_sec_73_what_others_write_makes_no_search_long(text: str) -> None:
    """Anybody may write into a note of a machine what all tickets have, or his own one."""
    tokens = tokens_of(20)
    for number in range(1000):
        tokens.hand_out(Secret(TICKET.format(number) + PRINT))
    around = random.Random(0)
    other = around.randbytes(MIB)
    body = text.encode() * (MIB // len(text))
    assert not tokens.found_in(other)
    assert not tokens.found_in(body)
    assert not is_dearer(
        lambda: tokens.found_in(body), lambda: tokens.found_in(other), TIMES_DEARER
    )


def test_sec_73_keys_of_many_sessions_are_replaced_in_one_search() -> None:
    """A list of logins has some, and 2,000 users may be there."""
    tokens = TokensInUse()
    for number in range(2000):
        user = UserSession(f"52a67ed8-0f0b-1714-{number:04}-86a177fc5100", "svc", "", "en")
        tokens.put(str(number), UpstreamSession(WireForm.SOAP, Secret(f"{number:040}"), user))
    around = random.Random(0)
    other = around.randbytes(MIB)
    key = b"52a67ed8-0f0b-1714-0042-86a177fc5100"
    body = (b"x" * 9000 + key) * 100
    assert tokens.cleaned(body, "-", "-") == body.replace(key, PLACEHOLDER_KEY.encode())
    assert not is_dearer(
        lambda: tokens.cleaned(body, "-", "-"), lambda: tokens.found_in(other), TIMES_DEARER
    )


@each("leases", [1, 40])
async def test_sec_92_a_large_body_is_searched_in_turns_as_in_one(leases: int) -> None:
    tokens = tokens_of(leases)
    around = random.Random(leases)
    key, theirs = KEY.format(0).encode(), "a key of the client"
    for at in (0, (1 << 18) - 50, (1 << 18) - 36, (1 << 18) - 3, 1 << 18, (1 << 20) - 36):
        body = bytearray(around.randbytes(1 << 20))
        body[at : at + 36] = key
        whole = bytes(body)
        said = await tokens.cleaned_in_turns(whole, theirs, OURS)
        assert said == whole.replace(key, PLACEHOLDER_KEY.encode()), at
        body[at : at + 32] = REST.format(0).encode()
        with pytest.raises(TokenShown):
            await tokens.cleaned_in_turns(bytes(body), theirs, OURS)
        with pytest.raises(TokenShown):
            await tokens.require_none_in_turns(bytes(body))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    await tokens.require_none_in_turns(bytes(1 << 22))
    other.cancel()
    assert turns > 10


async def test_of_many_tickets_the_newest_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    passing, tokens = LoopTime(monkeypatch), tokens_of(1)
    loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    later = loop.call_later

    def call_later(*what: Any) -> asyncio.TimerHandle:
        timers.append(later(*what))
        return timers[-1]

    monkeypatch.setattr(loop, "call_later", call_later)
    for number in range(1200):
        tokens.hand_out(Secret(TICKET.format(number)))
    # As many timers wait as there are texts.
    assert [one.cancelled() for one in timers] == [True] * 200 + [False] * 1000
    shown = [tokens.found_in(TICKET.format(number).encode()) for number in range(1200)]
    assert shown == [False] * 200 + [True] * 1000
    passing.tick(601)
    await until(
        lambda: not any(tokens.found_in(TICKET.format(one).encode()) for one in range(1200))
    )
    assert tokens.found_in(TOKEN.format(0).encode())


async def pieces_of(*pieces: bytes) -> AsyncGenerator[bytes]:
    for piece in pieces:
        yield piece


async def passed(tokens: TokensInUse, *pieces: bytes) -> tuple[bytes, bool]:
    """What of these pieces goes out, and whether that is all of it."""
    out = b""
    try:
        async for piece in tokens.passed(pieces_of(*pieces)):
            out += piece
    except TokenShown:
        return out, False
    return out, True


@pytest.mark.parametrize("leases", [1, 20])
async def test_sec_92_none_of_a_token_goes_out_that_comes_in_pieces(leases: int) -> None:
    tokens = tokens_of(leases)
    whole = b"x" * 50 + TOKEN.format(0).encode() + b"y" * 50
    for cut in range(len(whole)):
        out, is_all = await passed(tokens, whole[:cut], b"", whole[cut:])
        assert not is_all
        assert out.strip(b"x") == b"", cut
    single = [whole[at : at + 1] for at in range(len(whole))]
    out, is_all = await passed(tokens, *single)
    assert (out.strip(b"x"), is_all) == (b"", False)


@each("length", (39, 4096, 9000, 16384))
async def test_sec_92_none_of_a_token_goes_out_that_comes_over_large_pieces(length: int) -> None:
    """Also where a piece is large and a token is longer than that, as one of Zerto's may be."""
    chance = random.Random(length)
    token = chance.randbytes(length // 2 + 1).hex()[:length].encode()
    user = UserSession("", "svc", "", "en")
    tokens = TokensInUse()
    tokens.put("lease", UpstreamSession(WireForm.SOAP, Secret(token.decode()), user))
    edges = sorted({0, 1, 2, length // 3, length // 2, length - 2, length - 1, length})
    for around in (0, 1, 20000):
        whole = b"x" * around + token + b"y" * around
        for first in edges:
            for second in edges[edges.index(first) :]:
                cuts = (0, around + first, around + second, len(whole))
                pieces = (whole[begin:end] for begin, end in pairwise(cuts))
                out, is_all = await passed(tokens, *pieces)
                assert (out.strip(b"x"), is_all) == (b"", False), (around, first, second)


async def test_no_piece_that_goes_out_is_empty() -> None:
    """One that is ends a body that is sent in chunks."""
    for length in (39, 9000):
        tokens = tokens_of(1)
        tokens.hand_out(Secret("t" * length))
        for size in (length - 1, length, max(length, 4096)):
            sent = (b"a" * size, b"b" * size)
            out = [piece async for piece in tokens.passed(pieces_of(*sent))]
            assert all(out)
            assert b"".join(out) == b"".join(sent)


async def test_what_shows_none_goes_through_as_it_came() -> None:
    around = random.Random(0)
    for tokens in (TokensInUse(), tokens_of(3)):
        for sizes in ((), (0,), (1, 1, 1), (39, 40, 41), (5000, 3, 0, 70000)):
            sent = [around.randbytes(size) for size in sizes]
            assert await passed(tokens, *sent) == (b"".join(sent), True)
