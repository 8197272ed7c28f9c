"""Slow hashing: exact, bounded, and the same work for nobody as for somebody."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from sessiongate.errors import IdentityUnavailable, InvalidArgument, Overloaded
from sessiongate.identity.guard.fair_turns import FairTurns
from sessiongate.identity.local.hashing import LONGEST_PASSWORD, PasswordCheck, PasswordHasher
from sessiongate.identity.local.stored_hash import is_stored_hash, make_hash, unmatched_hash
from sessiongate.secret import Secret
from tests.identity.fakes import PASSWORD, WRONG, cheap_hasher, let_run
from tests.ranks import ALIKE, TIMES, chance_of_longer
from tests.until import PATIENCE


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    hasher = cheap_hasher()
    yield hasher
    hasher.close()


async def test_a_thread_that_may_not_step_back_hashes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def forbidden(_which: int, _who: int, priority: int) -> None:
        asked.append(priority)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.setpriority", forbidden, raising=False)
    hasher = cheap_hasher()
    stored = await hasher.hash(PASSWORD)
    assert await hasher.verify(stored, PASSWORD)
    assert asked
    hasher.close()


async def test_a_password_verifies_against_its_hash_only(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)
    assert is_stored_hash(stored)
    assert "horse" not in stored
    assert await hasher.verify(stored, PASSWORD)
    assert not await hasher.verify(stored, WRONG)
    assert stored != await hasher.hash(PASSWORD), "each hash has a salt of its own"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a" * 72 + "b", "a" * 72 + "c"),  # bcrypt stops at 72
        ("a" * 1000, "a" * 999),
        ("before\0after", "before\0other"),
        ("before\0", "before"),
        ("Password", "password"),
        ("e\u0301", "e"),
        ("\ufb01sh", "fish"),  # NFKC would make them one
        ("\u212b", "a"),
        (" secret", "secret"),
        ("x:y", "x"),
        ("\ud800", "\ud801"),  # what JSON can carry and UTF-8 cannot
        ("a" * LONGEST_PASSWORD, "a" * (LONGEST_PASSWORD - 1)),
    ],
)
async def test_sec_27_passwords_are_not_cut_or_changed(
    hasher: PasswordHasher, one: str, other: str
) -> None:
    stored = await hasher.hash(Secret(one))
    assert await hasher.verify(stored, Secret(one))
    assert not await hasher.verify(stored, Secret(other))


async def test_sec_27_an_endless_password_is_refused_at_the_same_cost(
    hasher: PasswordHasher,
) -> None:
    endless = Secret("a" * (LONGEST_PASSWORD + 1))
    with pytest.raises(InvalidArgument, match="password"):
        await hasher.hash(endless)
    before = hasher.done
    assert not await hasher.verify(await hasher.hash(Secret("a" * LONGEST_PASSWORD)), endless)
    assert hasher.done == before + 2


async def test_sec_24_nobody_costs_as_much_as_somebody() -> None:
    usual = PasswordHasher()
    stored = await usual.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert unmatched_hash(usual.cost).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(unmatched_hash(usual.cost)) == len(stored)
    assert not await usual.verify_nothing(PASSWORD)
    assert usual.done == 2
    usual.close()


# 24, 83: in what time


class WorkTime:
    """A clock of the processor time of this process, on which sleeping takes no time but passes it.

    What others on the machine take is not in it, so it says of a way what it takes when nobody is
    in its way. How alike that is on the clock on the wall, `test_sec_logins` says.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._slept = 0.0
        monkeypatch.setattr("sessiongate.identity.local.hashing.time", self)
        monkeypatch.setattr("asyncio.sleep", self.give_way)

    def perf_counter(self) -> float:
        return time.process_time() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds

    async def give_way(self, seconds: float) -> None:
        self._slept += seconds
        await let_run(1)


async def spans_of(
    ways: dict[str, Callable[[], Awaitable[object]]], clock: WorkTime
) -> dict[str, list[float]]:
    """How long each way takes, 100 times in turns: a machine that is busy is so for all of them."""
    for ask in ways.values():
        for _ in range(5):
            await ask()
    spans: dict[str, list[float]] = {how: [] for how in ways}
    chance = random.Random(83)
    for _ in range(100):
        for how in chance.sample(sorted(ways), len(ways)):
            before = clock.perf_counter()
            await ways[how]()
            spans[how].append(clock.perf_counter() - before)
    return spans


@pytest.mark.slow
async def test_sec_83_hashes_of_three_costs_and_none_are_refused_in_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A few milliseconds, above what all else takes: today's hash takes 27.
    dear, middle, cheap = (
        PasswordHasher(1, memory_kib=memory, passes=passes)
        for memory, passes in ((6144, 2), (3072, 2), (8, 1))
    )
    stored = [await one.hash(PASSWORD) for one in (dear, middle, cheap)]
    first, second, third = stored
    aim = dear.cost
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "unknown": lambda: cheap.verify_nothing(WRONG, dearest=aim),
        "dear": lambda: cheap.check(first, WRONG, dearest=aim),
        "middle": lambda: cheap.check(second, WRONG, dearest=aim),
        "cheap": lambda: cheap.check(third, WRONG, dearest=aim),
        "disabled": lambda: cheap.check(third, PASSWORD, dearest=aim, admit=False),
        "locked": lambda: cheap.pretend(WRONG, dearest=aim),
    }
    clock = WorkTime(monkeypatch)
    for _ in range(TIMES):
        spans = await spans_of(ways, clock)
        told = {how: chance_of_longer(some, spans["unknown"]) for how, some in spans.items()}
        if all(one == ALIKE for one in told.values()):
            break
    else:
        pytest.fail(f"told apart each time: {told}")
    for hasher in (dear, middle, cheap):
        hasher.close()


@pytest.mark.slow
async def test_sec_83_the_time_goes_by_the_password_and_not_by_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password of two forms costs twice as much, whoever is named."""
    dear, cheap = (PasswordHasher(1, memory_kib=memory, passes=2) for memory in (4096, 8))
    stored, wrong = await cheap.hash(Secret("\u00e9")), Secret("\u00e8")
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "unknown": lambda: cheap.verify_nothing(wrong, dearest=dear.cost),
        "cheap": lambda: cheap.check(stored, wrong, dearest=dear.cost),
        "locked": lambda: cheap.pretend(wrong, dearest=dear.cost),
        "one form": lambda: cheap.verify_nothing(WRONG, dearest=dear.cost),
    }
    clock = WorkTime(monkeypatch)
    for _ in range(TIMES):
        spans = await spans_of(ways, clock)
        told = {how: chance_of_longer(some, spans["unknown"]) for how, some in spans.items()}
        if told["cheap"] == ALIKE and told["locked"] == ALIKE and told["one form"] < 0.2:
            break
    else:
        pytest.fail(f"not as it should be in any round: {told}")
    dear.close()
    cheap.close()


async def test_sec_83_which_password_is_to_be_stored_anew(hasher: PasswordHasher) -> None:
    dear = PasswordHasher(1, memory_kib=64, passes=2)
    assert await hasher.check(await hasher.hash(PASSWORD), PASSWORD) == PasswordCheck(True)
    assert await hasher.check(await dear.hash(PASSWORD), PASSWORD) == PasswordCheck(
        True, stale=True
    )
    decomposed = make_hash("e\u0301".encode(), hasher.cost)
    for typed in ("e\u0301", "\u00e9"):
        assert await hasher.check(decomposed, Secret(typed)) == PasswordCheck(True, stale=True)
        assert await hasher.check(
            await hasher.hash(Secret(typed)), Secret("\u00e9")
        ) == PasswordCheck(True)
    dear.close()


# 76: whose turn it is

OWNER, FLOOD = "192.0.2.1", "203.0.113.9"


class Held:
    """A hasher of one thread, held until it is let go, and who was served in what order."""

    def __init__(self, waiting: int = 8) -> None:
        self.hasher = cheap_hasher(threads=1, waiting=waiting)
        self.release = threading.Event()
        self.served: list[str] = []

    def ask(self, address: str) -> "asyncio.Task[object]":
        def work() -> None:
            self.release.wait(PATIENCE)
            self.served.append(address)

        return asyncio.create_task(self.hasher._run(work, address))


async def test_sec_76_one_address_that_floods_costs_another_one_turn() -> None:
    """Ninety from one address, then one from another, which is the second to be served."""
    held = Held(waiting=64)
    flood = [held.ask(FLOOD) for _ in range(90)]
    await let_run(1)
    assert held.hasher.pending == 65, "one runs, and the queue is full"
    owner = held.ask(OWNER)
    await let_run(1)
    assert held.hasher.pending == 65, "the last of the many has given way"
    held.release.set()
    await owner
    assert held.served.index(OWNER) <= 2
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(one, Overloaded) for one in outcomes) == 90 - 64
    held.hasher.close()


@pytest.mark.parametrize("way", ["a right password", "a session or a try of another process"])
async def test_sec_76_who_came_in_before_is_next_while_hundreds_of_addresses_flood(
    way: str,
) -> None:
    """One login each from 120 networks: the queue is full, and nobody has more than another."""
    held = Held(waiting=64)
    held.release.set()
    if way == "a right password":
        password = Secret("right")
        assert (await held.hasher.check(held.hasher.hash_now(password), password, OWNER)).right
    else:
        held.hasher.welcome(OWNER)
    held.release.clear()
    flood = [held.ask(f"198.51.{number}.1") for number in range(120)]
    await let_run(1)
    assert held.hasher.pending == 65
    owner = held.ask(OWNER)
    await let_run(1)
    held.release.set()
    await owner
    assert held.served.index(OWNER) <= 2
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(one, Overloaded) for one in outcomes) == 120 - 64
    held.hasher.close()


async def test_sec_76_locked_names_take_no_place_and_no_work() -> None:
    held = Held()
    await held.hasher.verify_nothing(WRONG, FLOOD)
    done = held.hasher.done
    locked = [asyncio.create_task(held.hasher.pretend(WRONG, FLOOD)) for _ in range(8)]
    await let_run()
    assert held.hasher.pending == 0
    for one in [*(held.ask(OWNER) for _ in range(9)), *locked]:
        held.release.set()
        await one
    assert held.hasher.done == done + 9
    held.hasher.close()


async def test_sec_24_76_a_locked_name_waits_its_turn_like_any_other() -> None:
    """While others of its address are before it, and where they would be told to come back."""
    held = Held(waiting=3)
    await held.hasher.verify_nothing(WRONG)
    before = [held.ask(FLOOD) for _ in range(3)]
    locked = asyncio.create_task(held.hasher.pretend(WRONG, FLOOD))
    await let_run()
    assert not locked.done(), "the thread is not free yet"
    with pytest.raises(Overloaded):
        await held.hasher.pretend(WRONG, FLOOD)
    held.release.set()
    await locked
    assert [one.done() for one in before] == [True, True, True]
    held.hasher.close()


async def test_a_locked_name_that_hangs_up_leaves_nothing_behind() -> None:
    held = Held()
    await held.hasher.verify_nothing(WRONG)
    running = held.ask(OWNER)
    gone = [asyncio.create_task(held.hasher.pretend(WRONG, FLOOD)) for _ in range(4)]
    await let_run()
    for one in gone:
        one.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    held.release.set()
    await running
    await held.hasher.pretend(WRONG, FLOOD)
    assert held.hasher.pending == 0
    held.hasher.close()


async def test_closing_keeps_nobody_waiting() -> None:
    held = Held()
    await held.hasher.verify_nothing(WRONG)
    running = held.ask(OWNER)
    waiting = held.ask(OWNER)
    locked = asyncio.create_task(held.hasher.pretend(WRONG, FLOOD))
    await let_run()
    held.hasher.close()
    held.release.set()
    await asyncio.gather(running, locked)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_sec_28_the_hash_queue_is_bounded() -> None:
    """Two run, three wait, and the sixth is told at once; when one ends there is room again."""
    hasher = cheap_hasher(threads=2, waiting=3)
    release = threading.Event()
    jobs = [asyncio.create_task(hasher._run(lambda: release.wait(PATIENCE))) for _ in range(5)]
    await let_run(1)
    assert hasher.pending == 5
    with pytest.raises(Overloaded):
        await hasher.verify_nothing(WRONG)
    release.set()
    await asyncio.gather(*jobs)
    assert not await hasher.verify_nothing(WRONG)
    assert hasher.pending == 0
    hasher.close()


async def test_sec_28_the_loop_runs_on_while_passwords_are_hashed() -> None:
    hasher = PasswordHasher(threads=1)
    jobs = asyncio.gather(*(hasher.verify_nothing(WRONG) for _ in range(4)))
    turns = 0
    while not jobs.done():
        await let_run(1)
        turns += 1
    assert turns > 100
    hasher.close()


async def test_a_place_in_the_queue_is_given_back_when_its_client_hangs_up() -> None:
    hasher = cheap_hasher(threads=1, waiting=1)
    release = threading.Event()
    running = asyncio.create_task(hasher._run(lambda: release.wait(PATIENCE)))
    waiting = asyncio.create_task(hasher.verify_nothing(WRONG))
    await let_run(1)
    assert hasher.pending == 2
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert hasher.pending == 1
    release.set()
    await running
    assert hasher.done == 1
    hasher.close()


async def test_sec_24_a_full_queue_does_not_tell_whose_a_name_is() -> None:
    """Ours are hashed here, and others' are asked of a directory: both say the same."""
    hasher, turns = cheap_hasher(threads=1, waiting=0), FairTurns(1, 0, PATIENCE, "corp")
    release = threading.Event()
    job = asyncio.create_task(hasher._run(lambda: release.wait(PATIENCE)))
    await let_run(1)
    with pytest.raises(Overloaded) as ours:
        await hasher.verify_nothing(WRONG)
    async with turns.turn(""):
        with pytest.raises(Overloaded) as theirs:
            async with turns.turn(""):
                pass
    assert ours.value.says == theirs.value.says != ""
    release.set()
    await job
    hasher.close()


async def test_cost_comes_from_the_stored_hash(hasher: PasswordHasher) -> None:
    dearer = PasswordHasher(1, memory_kib=16, passes=2)
    stored = await dearer.hash(PASSWORD)
    assert "m=16,t=2" in stored
    assert await hasher.verify(stored, PASSWORD)
    dearer.close()


async def test_a_broken_hash_is_not_a_wrong_password(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(PASSWORD)
    for broken in ("", "plain", stored.replace("m=8", "m=0")):
        with pytest.raises(IdentityUnavailable):
            await hasher.verify(broken, PASSWORD)


async def test_a_closed_hasher_takes_no_work(hasher: PasswordHasher) -> None:
    hasher.close()
    with pytest.raises(Overloaded):
        await hasher.verify_nothing(WRONG)
    assert hasher.pending == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=9999999,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$2b$12$abcdefghijklmnopqrstuv",
    ],
)
def test_what_is_no_hash_of_ours_is_seen(text: str) -> None:
    assert not is_stored_hash(text)


async def test_threads_are_one_fewer_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert PasswordHasher()._free == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert PasswordHasher()._free == 1
