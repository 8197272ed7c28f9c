"""Which call goes by which lease, how many there are, and what becomes of those that wait."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from sessiongate.errors import NotSupported, Overloaded, SessionGateError, UpstreamUnavailable
from sessiongate.gateway.credentials.backoff import Backoff
from sessiongate.gateway.leases.lease import Lease, PoolLimits
from sessiongate.gateway.leases.pool import Pool
from sessiongate.gateway.leases.standing import Standing
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from tests.each import each
from tests.until import until

SESSION = UpstreamSession(WireForm.SOAP, Secret("token"), UserSession("key", "ada", "", "en"))


BOB = Person("local", "bob")
CARL = Person("local", "carl")


class Time:
    """Of pauses, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Upstream:
    """Opens and closes leases, and knows how many there are at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.closing = asyncio.Event()
        self.closing.set()
        self.opened = 0
        self.alive: set[str] = set()
        self.most = 0
        self.at_once = 0
        self.tried = 0
        self.error: Exception | None = None

    async def open(self, _: Sequence[Lease]) -> Lease:
        self.at_once += 1
        self.tried += 1
        try:
            await self.gate.wait()
            assert self.at_once == 1, "two logins at once"
            if self.error is not None:
                raise self.error
            self.opened += 1
            lease = Lease(f"lease-{self.opened}", SESSION, asyncio.get_running_loop().time())
            self.alive.add(lease.id)
            self.most = max(self.most, len(self.alive))
            return lease
        finally:
            self.at_once -= 1

    async def close(self, lease: Lease) -> None:
        await self.closing.wait()
        self.alive.remove(lease.id)


def pool_of(
    upstream: Upstream,
    *,
    exclusive: bool,
    clones: bool = False,
    time: Time | None = None,
    **more: float,
) -> Pool:
    limits = {"size": 2, "calls": 2, "queue": 100, "queue_time": 30.0, **more}
    return Pool(
        "vc1",
        PoolLimits(
            size=int(limits["size"]),
            calls=int(limits["calls"]),
            queue=int(limits["queue"]),
            queue_time=limits["queue_time"],
            exclusive=exclusive,
        ),
        upstream.open,
        upstream.close,
        clones=clones,
        backoff=Backoff(time or Time(), spread=0.0),
    )


async def test_calls_without_state_share_leases_up_to_their_limit() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False)
    taken = [await pool.take(f"client-{number}", home=False) for number in range(4)]
    assert Counter(lease.id for lease in taken) == {"lease-1": 2, "lease-2": 2}
    fifth = asyncio.create_task(pool.take("client-4", home=False))
    await until(lambda: pool.waiting == 1)
    pool.give_back("client-0", taken[0])
    assert (await fifth) is taken[0]
    assert upstream.most == 2


async def test_what_touches_state_goes_home_until_nothing_is_left() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, calls=2)
    home = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    pool.give_back("ada", home)
    # The other one has fewer calls under way: ada goes home all the same.
    bobs = [await pool.take(f"bob-{number}", home=False) for number in range(3)]
    assert len(set(bobs)) == 2
    pool.give_back("bob-0", bobs[0])
    for wants_home in (True, False):
        again = await pool.take("ada", home=wants_home)
        assert again is home
        pool.give_back("ada", again)
    again = await pool.take("ada", home=True)
    pool.hold("ada", 0)
    assert pool.home_of("ada") is home  # its call is under way
    pool.give_back("ada", again)
    assert pool.home_of("ada") is None


async def test_calls_at_once_that_may_open_something_have_one_home() -> None:
    pool = pool_of(Upstream(), exclusive=False, calls=5)
    first, second = await asyncio.gather(*(pool.take("ada", home=True) for _ in range(2)))
    assert first is second


async def test_in_mode_session_a_lease_is_one_client_s_until_it_has_nothing_in_it() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True)
    ada = await pool.take("ada", home=False)
    assert (await pool.take("ada", home=False)) is ada
    bob = await pool.take("bob", home=False)
    assert bob is not ada
    carl = asyncio.create_task(pool.take("carl", home=False))
    await until(lambda: pool.waiting == 1)
    pool.hold("ada", 1)
    pool.give_back("ada", ada)
    pool.give_back("ada", ada)
    assert not carl.done()
    assert pool.waiting == 1
    again = await pool.take("ada", home=True)
    pool.hold("ada", 0)
    pool.give_back("ada", again)
    assert (await carl) is ada
    assert upstream.most == 2


async def test_waits_take_no_call_s_place() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1)
    lease = await pool.take("ada", home=True, wait=True)
    assert (await pool.take("ada", home=True)) is lease
    assert lease.calls == 1
    pool.give_back("ada", lease, wait=True)
    pool.give_back("ada", lease)
    assert lease.is_free


async def test_sec_59_the_queue_is_bounded_and_takes_no_longer_than_it_says() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1, queue=1, queue_time=0.05)
    lease = await pool.take("ada", home=False)
    late = asyncio.create_task(pool.take("bob", home=False))
    assert pool.oldest_wait == 0
    await until(lambda: pool.waiting == 1)
    await until(lambda: pool.oldest_wait > 0)
    with pytest.raises(Overloaded):
        await pool.take("carl", home=False)
    with pytest.raises(Overloaded):
        await late
    assert (pool.waiting, pool.meters.timeouts, pool.oldest_wait) == (0, 1, 0)
    pool.give_back("ada", lease)
    assert (await pool.take("carl", home=False)) is lease


async def test_sec_59_clients_have_turns_whatever_one_of_them_asks_for() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1)
    lease = await pool.take("first", home=False)
    order: list[str] = []

    async def call(client: str) -> None:
        got = await pool.take(client, home=False)
        order.append(client)
        await asyncio.sleep(0)
        pool.give_back(client, got)

    greedy = [asyncio.create_task(call("greedy")) for _ in range(20)]
    await until(lambda: pool.waiting == 20)
    others = [asyncio.create_task(call(f"other-{number}")) for number in range(3)]
    await until(lambda: pool.waiting == 23)
    pool.give_back("first", lease)
    await asyncio.gather(*greedy, *others)
    assert order.count("greedy") == 20
    assert max(order.index(f"other-{number}") for number in range(3)) <= 4


async def test_sec_59_users_have_turns_however_many_sessions_one_of_them_has() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1)
    lease = await pool.take("first", home=False)
    order: list[str] = []

    async def call(client: str, user: Person) -> None:
        got = await pool.take(client, home=False, user=user)
        order.append(client)
        await asyncio.sleep(0)
        pool.give_back(client, got)

    calls = [asyncio.create_task(call(f"bob-{n // 2}", BOB)) for n in range(20)]
    await until(lambda: pool.waiting == 20)
    calls += [asyncio.create_task(call(f"carl-{n // 2}", CARL)) for n in range(4)]
    await until(lambda: pool.waiting == 24)
    pool.give_back("first", lease)
    await asyncio.gather(*calls)
    assert order[:8] == [
        *("bob-0", "carl-0", "bob-1", "carl-1"),
        *("bob-2", "carl-0", "bob-3", "carl-1"),
    ]
    assert order[8:14] == [f"bob-{n}" for n in range(4, 10)]
    assert order[14:] == [f"bob-{n}" for n in range(10)]  # each had one before


async def test_sec_59_whoever_needs_another_lease_is_passed_over_and_keeps_the_turn() -> None:
    """Users whose calls may go by any lease, and one whose state is in the other."""
    pool = pool_of(Upstream(), exclusive=False, size=2, calls=1)
    home = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    any_lease = await pool.take("first", home=False)
    users = ["ada", "bob", "carl", "dan"]
    waiting = {name: asyncio.create_task(pool.take(name, home=False)) for name in users}
    await until(lambda: pool.waiting == len(users))
    pool.give_back("first", any_lease)
    assert (await waiting["bob"]) is any_lease
    pool.give_back("ada", home)
    assert (await waiting["ada"]) is home
    pool.give_back("ada", home)
    assert (await waiting["carl"]) is home
    pool.give_back("bob", any_lease)
    assert (await waiting["dan"]) is any_lease


async def test_sec_59_one_user_has_half_of_the_queue_and_others_find_a_place() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1, queue=4)
    lease = await pool.take("bob-0", home=False, user=BOB)
    calls = [asyncio.create_task(pool.take(f"bob-{n}", home=False, user=BOB)) for n in range(1, 3)]
    await until(lambda: pool.waiting == 2)
    with pytest.raises(Overloaded, match="of one user"):
        await pool.take("bob-3", home=False, user=BOB)
    calls += [asyncio.create_task(pool.take("carl", home=False, user=CARL)) for _ in range(2)]
    await until(lambda: pool.waiting == 4)
    with pytest.raises(Overloaded) as full:
        await pool.take("dan", home=False)
    assert "of one user" not in str(full.value)
    pool.give_back("bob-0", lease)
    assert (await calls[0]) is lease
    calls.append(asyncio.create_task(pool.take("bob-3", home=False, user=BOB)))
    await until(lambda: pool.waiting == 4)  # there is a place again
    await pool.close()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_a_caller_has_the_queue_of_his_own_pool_alone() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, clones=True, size=1, calls=1, queue=4)
    await pool.take("bob-0", home=False, user=BOB)
    calls = [asyncio.create_task(pool.take(f"bob-{n}", home=False, user=BOB)) for n in range(1, 5)]
    await until(lambda: pool.waiting == 4)
    with pytest.raises(Overloaded):
        await pool.take("bob-5", home=False, user=BOB)
    await pool.close()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_whoever_stops_waiting_loses_nothing_for_others() -> None:
    """Also in the very moment in which it is handed a lease."""
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1)
    lease = await pool.take("ada", home=False)
    for moment in ("before", "after"):
        waiting = asyncio.create_task(pool.take("bob", home=True))
        await until(lambda: pool.waiting == 1)
        if moment == "before":
            waiting.cancel()
            pool.give_back("ada", lease)
        else:
            pool.give_back("ada", lease)
            waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert lease.is_free
        assert pool.waiting == 0
        assert (await pool.take("ada", home=False)) is lease


async def test_sec_56_a_thousand_who_wait_cost_one_failed_login() -> None:
    upstream = Upstream()
    upstream.gate.clear()
    upstream.error = UpstreamUnavailable("down")
    time = Time()
    pool = pool_of(upstream, exclusive=False, queue=1000, time=time)
    calls = [asyncio.create_task(pool.take(f"c{number}", home=False)) for number in range(1000)]
    await until(lambda: pool.waiting == 1000)
    upstream.gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, UpstreamUnavailable) for one in outcomes)
    upstream.error = None
    time.now += 1.0
    assert (await pool.take("ada", home=False)).id == "lease-1"


async def test_sec_56_what_cannot_be_opened_is_tried_less_and_less_often() -> None:
    """Whoever comes meanwhile is told at once when to come back."""
    upstream, time = Upstream(), Time()
    upstream.error = UpstreamUnavailable("down")
    pool = pool_of(upstream, exclusive=False, time=time)
    for tries, pause in enumerate((1, 2, 4, 5, 5), start=1):
        for _ in range(10):
            with pytest.raises(UpstreamUnavailable, match="down") as told:
                await pool.take("ada", home=False)
        assert told.value.retry_after == pause
        assert upstream.tried == tries
        assert pool.is_held_back
        time.now += pause
    upstream.error = None
    await pool.take("ada", home=False)
    assert not pool.is_held_back
    upstream.error = UpstreamUnavailable("down")
    pool.lose(pool.leases[0])
    for _ in range(2):
        with pytest.raises(UpstreamUnavailable) as told:
            await pool.take("bob", home=False)
    assert told.value.retry_after == 1, "a success begins anew"


async def test_while_nothing_is_opened_what_there_is_serves_on() -> None:
    """And what waits has another opened once that may be tried, though nobody comes."""
    upstream, time = Upstream(), Time()
    pool = pool_of(upstream, exclusive=False, calls=1, time=time)
    lease = await pool.take("ada", home=False)
    upstream.error = UpstreamUnavailable("no clones")
    bob, carl = (asyncio.create_task(pool.take(who, home=False)) for who in ("bob", "carl"))
    await until(lambda: pool.waiting == 2 and not pool.opening)
    for _ in range(10):
        pool.tidy(unused=1e9, oldest=0.0, keep=0)
    assert (upstream.tried, pool.opening) == (2, False)
    pool.give_back("ada", lease)
    assert (await bob) is lease
    upstream.error = None
    time.now += 1.0
    pool.tidy(unused=1e9, oldest=1e9, keep=0)
    assert (await carl).id == "lease-2"


async def test_whoever_says_so_has_it_tried_again_at_once() -> None:
    upstream = Upstream()
    upstream.error = UpstreamUnavailable("down")
    pool = pool_of(upstream, exclusive=False)
    with pytest.raises(UpstreamUnavailable):
        await pool.take("ada", home=False)
    upstream.error = None
    pool.set_standing(Standing.OPEN)
    assert (await pool.take("ada", home=False)).id == "lease-1"


def test_pauses_of_many_do_not_end_together() -> None:
    ends = set()
    for _ in range(50):
        backoff = Backoff(Time())
        backoff.failed()
        assert 0.8 <= backoff.left <= 1.2
        ends.add(backoff.left)
    assert len(ends) > 1


async def test_leases_of_one_age_are_not_replaced_together() -> None:
    pool = pool_of(Upstream(), exclusive=False, size=100)
    now = asyncio.get_running_loop().time()
    old = [Lease(f"old-{number}", SESSION, now - 9.5e5) for number in range(50)]
    for lease in old:
        pool.add(lease)
    assert all(0.9 <= lease.patience <= 1.0 for lease in old)
    soon = [lease for lease in old if lease.patience <= 0.95]
    assert 0 < len(soon) < 50

    def replaced() -> bool:
        pool.tidy(unused=1e9, oldest=1e6, keep=0)
        return not pool.opening and not any(lease in pool.leases for lease in soon)

    await until(replaced)
    assert [lease for lease in old if lease in pool.leases] == [
        lease for lease in old if lease not in soon
    ]


async def test_an_unforeseen_fault_lets_nobody_wait_for_ever() -> None:
    upstream = Upstream()
    upstream.error = RuntimeError("a bug")
    pool = pool_of(upstream, exclusive=False)
    with pytest.raises(UpstreamUnavailable):
        await pool.take("ada", home=False)


async def test_where_another_cannot_be_opened_the_others_serve_on() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, calls=1)
    lease = await pool.take("ada", home=False)
    upstream.error = UpstreamUnavailable("no more sessions")
    waiting = asyncio.create_task(pool.take("bob", home=False))
    await until(lambda: pool.waiting == 1 and not pool.opening)
    pool.give_back("ada", lease)
    assert (await waiting) is lease


async def test_a_lost_lease_names_those_who_had_something_in_it() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, size=1, calls=5)
    lease = await pool.take("ada", home=True)
    pool.hold("ada", 2)
    await pool.take("bob", home=True)  # opens something, and has nothing yet
    await pool.take("carl", home=False)
    assert pool.lose(lease) == ["ada"]
    assert pool.lose(lease) == []
    for client in ("ada", "bob", "carl"):
        pool.give_back(client, lease)
        assert pool.home_of(client) is None
    assert (await pool.take("ada", home=True)).id == "lease-2"


async def test_a_retired_lease_takes_no_new_client_and_is_logged_out_when_it_is_empty() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, size=1)
    lease = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    pool.give_back("ada", lease)
    pool.retire(lease)
    assert upstream.alive == {"lease-1"}
    again = await pool.take("ada", home=True)
    assert again is lease
    waiting = asyncio.create_task(pool.take("bob", home=False))
    await until(lambda: pool.waiting == 1)
    pool.hold("ada", 0)
    pool.give_back("ada", again)
    assert (await waiting).id == "lease-2"
    await until(lambda: upstream.alive == {"lease-2"})


async def test_what_nobody_uses_is_logged_out_but_for_what_is_kept() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, size=3)
    taken = {client: await pool.take(client, home=False) for client in ("ada", "bob", "carl")}
    for client in ("ada", "bob"):
        pool.give_back(client, taken[client])
    pool.tidy(unused=0, oldest=1e9, keep=2)
    await until(lambda: len(upstream.alive) == 2)
    assert "lease-1" not in upstream.alive  # it had been free for longest
    pool.tidy(unused=1e9, oldest=1e9, keep=0)
    assert len(pool.leases) == 2
    pool.tidy(unused=1e9, oldest=0, keep=2)
    await until(lambda: upstream.alive == {"lease-3", "lease-4"})  # carl's call is under way


async def test_closing_logs_all_of_them_out_and_lets_nobody_wait() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, size=1, calls=1)
    await pool.take("ada", home=False)
    waiting = asyncio.create_task(pool.take("bob", home=False))
    await until(lambda: pool.waiting == 1)
    await pool.close()
    with pytest.raises(UpstreamUnavailable):
        await waiting
    assert not upstream.alive
    with pytest.raises(UpstreamUnavailable):
        await pool.take("carl", home=False)


async def test_closing_waits_for_a_login_under_way_and_logs_its_session_out() -> None:
    """Broken off, it would perhaps leave a session that nobody knows of."""
    upstream = Upstream()
    upstream.gate.clear()
    pool = pool_of(upstream, exclusive=False)
    waiting = asyncio.create_task(pool.take("ada", home=False))
    await until(lambda: upstream.at_once == 1)
    closing = asyncio.create_task(pool.close())
    with pytest.raises(UpstreamUnavailable):
        await waiting
    assert not closing.done()
    upstream.gate.set()
    await closing
    assert (upstream.opened, upstream.alive) == (1, set())


async def test_a_closing_that_takes_too_long_breaks_the_login_off() -> None:
    upstream = Upstream()
    upstream.gate.clear()
    pool = pool_of(upstream, exclusive=False)
    waiting = asyncio.create_task(pool.take("ada", home=False))
    await until(lambda: upstream.at_once == 1)
    closing = asyncio.create_task(pool.close())
    await asyncio.wait({waiting})
    closing.cancel()
    await asyncio.wait({closing})
    assert closing.cancelled()
    assert (upstream.at_once, upstream.opened) == (0, 0)


@pytest.mark.parametrize("exclusive", [False, True])
async def test_sec_57_in_a_storm_no_limit_is_exceeded_and_nothing_is_lost(exclusive: bool) -> None:
    choice = random.Random(7)
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=exclusive, size=3, calls=4, queue=5000, queue_time=0.2)
    outcomes: Counter[str] = Counter()
    over = asyncio.Event()

    async def client(name: str) -> None:
        things = 0
        for _ in range(20):
            opens = choice.random() < 0.3
            try:
                lease = await pool.take(name, home=opens or things > 0)
            except SessionGateError as error:
                outcomes[type(error).__name__] += 1
                continue
            try:
                assert lease.calls <= 4 or exclusive
                if exclusive:
                    assert set(lease.used_by) == {name}
                for _ in range(choice.randrange(3)):
                    await asyncio.sleep(0)
                if opens or things:
                    things = 0 if choice.random() < 0.6 else things + 1
                    pool.hold(name, things)
                outcomes["ok"] += 1
            finally:
                pool.give_back(name, lease)
        pool.hold(name, 0)

    async def breaker() -> None:
        for _ in range(30):
            served = outcomes["ok"]
            await until(lambda served=served: outcomes["ok"] != served or over.is_set())  # type: ignore[misc]
            if pool.leases and choice.random() < 0.5:
                lease = choice.choice(pool.leases)
                if choice.random() < 0.5:
                    pool.retire(lease)
                else:
                    pool.lose(lease)
                    upstream.alive.discard(lease.id)

    tasks = [asyncio.create_task(client(f"c{number}")) for number in range(60)]
    killed = [one for number, one in enumerate(tasks) if number % 10 == 0]
    hard = asyncio.create_task(breaker())
    await until(lambda: outcomes["ok"] > 50)
    for one in killed:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    over.set()
    await hard
    assert upstream.most <= 3
    assert outcomes["ok"] > 300
    assert pool.waiting == 0
    assert all(not lease.used_by and not lease.calls for lease in pool.leases)
    await pool.close()
    assert not upstream.alive


async def test_a_paused_pool_sends_nothing_new_and_goes_on_when_it_may() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False)
    under_way = await pool.take("ada", home=True)
    pool.set_standing(Standing.PAUSED)
    waiting = [asyncio.create_task(pool.take(name, home=True)) for name in ("ada", "bob")]
    await until(lambda: pool.waiting == 2)
    pool.give_back("ada", under_way)
    assert (pool.waiting, upstream.opened) == (2, 1)
    pool.set_standing(Standing.OPEN)
    assert {(await one).id for one in waiting} == {"lease-1"}


@each("standing", Standing)
async def test_whoever_gets_no_lease_is_told_why_and_when_to_come_back(standing: Standing) -> None:
    """A pause is short, and a pool that drains is closed for longer."""
    pool = pool_of(Upstream(), exclusive=False, size=1, calls=1)
    ada = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    pool.set_standing(standing)
    pool.limits = msgspec.structs.replace(pool.limits, queue_time=0.0)
    with pytest.raises(Overloaded) as late:
        await pool.take("bob", home=False)
    assert pool.meters.timeouts == 1
    pool.limits = msgspec.structs.replace(pool.limits, queue=0)
    with pytest.raises(Overloaded) as full:
        await pool.take("carl", home=False)
    for refused in (late.value, full.value):
        assert refused.says == str(refused) != ""
        assert refused.retry_after == {"open": 1, "paused": 15, "draining": 60}[standing.value]
        assert ("operator" in refused.says) == (standing is not Standing.OPEN)
    pool.hold("ada", 0)
    pool.give_back("ada", ada)


async def test_a_draining_pool_goes_on_for_who_has_something_there_and_for_nobody_else() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, calls=1)
    ada = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    bob = await pool.take("bob", home=False)
    assert bob is not ada
    pool.give_back("ada", ada)
    pool.give_back("bob", bob)
    pool.set_standing(Standing.DRAINING)
    await until(lambda: upstream.alive == {ada.id})
    carl = asyncio.create_task(pool.take("carl", home=False))
    again = await pool.take("ada", home=True)
    assert again is ada
    assert pool.states() == {"broken": 1, "login": 0}
    pool.hold("ada", 0)
    pool.give_back("ada", again)
    await until(lambda: not upstream.alive)
    assert pool.waiting == 1
    pool.add(await upstream.open(()))  # by a login that was under way
    await until(lambda: not upstream.alive)
    pool.set_standing(Standing.OPEN)
    assert (await carl).id in upstream.alive


async def test_a_rotation_replaces_each_lease_and_never_has_more_than_the_size() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, calls=1, size=2)
    ada, bob = [await pool.take(name, home=True) for name in ("ada", "bob")]
    pool.hold("ada", 2)
    pool.hold("bob", 1)
    pool.give_back("ada", ada)
    pool.give_back("bob", bob)
    assert pool.rotate() == 2
    # Both are in use and there is room for no third: the one with less in it goes first.
    assert (bob.retired, ada.retired) == (True, False)
    again = await pool.take("bob", home=True)
    assert again is bob
    pool.hold("bob", 0)
    pool.give_back("bob", bob)
    await until(lambda: upstream.alive == {ada.id})
    pool.tidy(unused=1e9, oldest=1e9, keep=0)
    await until(lambda: ada.retired and not pool.opening)
    assert upstream.alive == {ada.id, "lease-3"}
    carl = await pool.take("carl", home=True)
    assert carl.id == "lease-3"
    assert upstream.most == 2


async def test_a_rotation_opens_first_where_there_is_room() -> None:
    upstream = Upstream()
    upstream.gate.clear()
    pool = pool_of(upstream, exclusive=False, size=2)
    pool.add(Lease("old", SESSION, 0.0))
    upstream.alive.add("old")
    assert pool.rotate() == 1
    await until(lambda: upstream.at_once == 1)
    assert (await pool.take("ada", home=False)).id == "old"
    upstream.gate.set()
    await until(lambda: len(pool.leases) == 2)
    assert [one.id for one in pool.leases if not one.retired] == ["lease-1"]


async def test_the_only_lease_is_replaced_once_nobody_has_anything_in_it() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=False, size=1)
    ada = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    pool.rotate()
    bob = await pool.take("bob", home=True)
    assert bob is ada
    pool.hold("ada", 0)
    pool.give_back("ada", ada)
    assert not ada.retired
    pool.give_back("bob", bob)
    pool.hold("bob", 0)
    await until(lambda: not upstream.alive)
    assert (await pool.take("ada", home=True)).id == "lease-2"


async def test_the_only_lease_of_a_caller_is_not_rotated_away() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, clones=True, size=1)
    pool.add(await upstream.open(()))
    with pytest.raises(NotSupported, match="size is 1"):
        pool.rotate()
    for _ in range(2):
        pool.tidy(unused=1e9, oldest=0.0, keep=1)
    assert upstream.alive == {"lease-1"}
    assert not pool.leases[0].retired


async def test_the_last_lease_of_a_caller_goes_after_its_clone_is_there() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, clones=True, size=2)
    pool.add(await upstream.open(()))
    upstream.gate.clear()
    pool.tidy(unused=1e9, oldest=0.0, keep=1)
    await until(lambda: upstream.at_once == 1)
    assert [one.retired for one in pool.leases] == [False]
    upstream.gate.set()
    await until(lambda: upstream.alive == {"lease-2"})


async def test_an_old_lease_that_cannot_be_cloned_is_kept() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, clones=True, size=2)
    pool.add(await upstream.open(()))
    upstream.error = UpstreamUnavailable("no clones")
    pool.tidy(unused=1e9, oldest=0.0, keep=1)
    await until(lambda: not pool.opening)
    assert (await pool.take("ada", home=True)).id == "lease-1"


async def test_leases_that_go_are_none_of_those_to_keep() -> None:
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, size=3)
    for _ in range(3):
        pool.add(await upstream.open(()))
    going = await pool.take("ada", home=True)
    pool.hold("ada", 1)
    pool.retire(going)
    pool.tidy(unused=0.0, oldest=1e9, keep=1)
    await until(lambda: len(upstream.alive) == 2)
    assert sum(not one.retired for one in pool.leases) == 1


async def test_sec_57_a_lease_that_is_being_logged_out_still_counts() -> None:
    """Its session is there until the upstream has said that it is not."""
    upstream = Upstream()
    pool = pool_of(upstream, exclusive=True, size=1)
    lease = await pool.take("ada", home=False)
    upstream.closing.clear()
    pool.retire(lease)
    pool.give_back("ada", lease)
    waiting = asyncio.create_task(pool.take("bob", home=False))
    await until(lambda: pool.waiting == 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (upstream.opened, waiting.done()) == (1, False)
    upstream.closing.set()
    assert (await waiting).id == "lease-2"
    assert upstream.most == 1
