"""Slow hashing: exact, bounded, and the same work for nobody as for somebody."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from sessiongate.errors import IdentityUnavailable, InvalidArgument, Overloaded
from sessiongate.identity.hashing import LONGEST_PASSWORD, PasswordHasher, is_stored_hash
from sessiongate.secret import Secret
from tests.identity.fakes import PASSWORD, WRONG, cheap_hasher, let_run


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
        ("e\u0301", "\u00e9"),  # the same letter to the eye
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
    assert usual._nobody.rpartition("$")[0].rpartition("$")[0] == "$argon2id$v=19$m=19456,t=2,p=1"
    assert len(usual._nobody) == len(stored)
    assert not await usual.verify_nothing(PASSWORD)
    assert usual.done == 2
    usual.close()


async def test_sec_28_the_hash_queue_is_bounded() -> None:
    """Two run, three wait, and the sixth is told at once; when one ends there is room again."""
    hasher = cheap_hasher(threads=2, waiting=3)
    release = threading.Event()
    jobs = [asyncio.create_task(hasher._run(release.wait)) for _ in range(5)]
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
    running = asyncio.create_task(hasher._run(release.wait))
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
    assert PasswordHasher(waiting=0)._room == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert PasswordHasher(waiting=0)._room == 1
