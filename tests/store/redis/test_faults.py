"""What becomes of sessions when Redis dies, hangs, is full, or is replaced: nothing."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis.asyncio import Redis as Client
from structlog.testing import capture_logs

from sessiongate.errors import Overloaded, StoreUnavailable
from sessiongate.rules.store_url import parse_redis
from sessiongate.secret import Secret
from sessiongate.session import Caps, Ended, Session
from sessiongate.store.encoding import micros
from sessiongate.store.redis import keys as rows
from sessiongate.store.redis import pipeline, scripts
from sessiongate.store.redis.client import RedisSettings
from sessiongate.store.redis.scripts import Script
from sessiongate.store.redis.store import RedisStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, a_session, a_ticket, digest_of, everyone
from sessiongate.tls import certificates
from tests.each import each
from tests.http.wires import turn
from tests.peers import redis as peer
from tests.peers.ports import free_port
from tests.peers.redis import Cluster, Redis, Watched
from tests.peers.relay import Relay
from tests.store.redis.outlasting import answered
from tests.until import PATIENCE

pytestmark = pytest.mark.peer

# Long enough for a loaded machine to answer in, short enough to be waited for.
BOUND = 1.0


@asynccontextmanager
async def opened(
    url: str, *, cache: bool = False, bound: float = BOUND
) -> AsyncIterator[RedisStore]:
    """A store that takes what is not answered within `bound` for an outage, once it is open."""
    settings = RedisSettings(parse_redis(url), cache=cache, timeout=timedelta(seconds=bound))
    store = RedisStore(settings, LIMITS)
    await answered(store.start)
    try:
        yield store
    finally:
        await store.close()


async def refused_in_time(ask: Awaitable[object]) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await ask
    # Twice the bound: a call may have waited behind one that was on its way. The rest is for others
    # on the machine.
    assert time.monotonic() - began < 10 * BOUND


@pytest.mark.parametrize("cache", [False, True])
async def test_redis_is_killed_and_comes_back(own: Redis, cache: bool) -> None:
    async with opened(own.url, cache=cache) as store:
        alive, gone = a_session(), a_session()
        for one in (alive, gone):
            await store.add(one, NO_CAPS)
        assert await store.end(gone.key) is not None
        own.kill()
        await refused_in_time(store.add(a_session(), NO_CAPS))
        await refused_in_time(store.use(alive.digest, T0))
        await refused_in_time(store.end(alive.key))
        own.start()
        used = await answered(lambda: store.use(alive.digest, T0))
        assert used is not None
        assert used.key == alive.key
        assert await store.use(gone.digest, T0) is None
        assert await store.find(gone.key, T0) is None
        # The login that was refused has left nothing that could be used.
        assert set(await everyone(store, T0)) == {alive.key}


@pytest.mark.parametrize("cache", [False, True])
async def test_redis_cannot_be_reached_in_the_middle_of_a_request(own: Redis, cache: bool) -> None:
    with Relay(own.port) as relay:
        async with opened(f"redis://127.0.0.1:{relay.port}", cache=cache) as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            relay.silent = True
            asked = [asyncio.ensure_future(store.use(session.digest, T0)) for _ in range(50)]
            for one in asked:
                await refused_in_time(one)
            relay.heal()
            used = await answered(lambda: store.use(session.digest, T0))
            assert used is not None
            assert set(await everyone(store, T0)) == {session.key}


async def test_a_line_that_breaks_between_two_requests_is_not_noticed(own: Redis) -> None:
    with Relay(own.port) as relay:
        async with opened(f"redis://127.0.0.1:{relay.port}") as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            for _ in range(3):
                relay.cut()
                assert await store.use(session.digest, T0) is not None


async def test_an_end_whose_answer_is_lost_is_still_an_end_for_who_asked(own: Redis) -> None:
    with Relay(own.port) as relay:
        async with opened(f"redis://127.0.0.1:{relay.port}") as store:
            session, ticket = a_session(), a_ticket()
            await store.put(digest_of("ticket"), ticket)
            asked: list[tuple[Script, Callable[[], Awaitable[object]]]] = [
                (scripts.PUT, partial(store.add, session, Caps(total=1))),
                (scripts.END, partial(store.end, session.key)),
                (scripts.TAKE, partial(store.take, digest_of("ticket"), "clone", T0)),
                (scripts.MARK, partial(store.claim_once, digest_of("claim_once"), T0)),
            ]
            for script, ask in asked:
                own.ask("SCRIPT", "LOAD", script.text)  # so that it is the call that has no answer
                relay.lose_answer_to = script.sha
                answer = await ask()
                assert relay.lose_answer_to is None, "no answer was lost"
                if script is not scripts.PUT:
                    assert answer
                    assert not await ask()
            assert await store.use(session.digest, T0) is None
            await store.add(idle := a_session(), Caps(total=1))
            own.ask("SCRIPT", "LOAD", scripts.REAP.text)
            relay.lose_answer_to = scripts.REAP.sha
            ended = await store.expire(T0 + LIMITS.idle, 10)
            assert [(one.key, why) for one, why in ended] == [(idle.key, Ended.IDLE)]


async def test_a_redis_that_hangs_is_waited_for_so_long_and_no_longer(own: Redis) -> None:
    async with opened(own.url) as store:
        session = a_session()
        await store.add(session, NO_CAPS)
        own.freeze()
        try:
            await refused_in_time(store.use(session.digest, T0))
            await refused_in_time(store.expire(T0 + LIMITS.idle, 10))
        finally:
            own.thaw()
        # It is as it was, but for its time, which went on.
        assert await answered(lambda: store.use(session.digest, T0)) is None


async def test_a_full_redis_takes_no_logins_and_keeps_nobody_alive(own: Redis) -> None:
    async with opened(own.url) as store:
        sessions = [a_session() for _ in range(3)]
        for one in sessions:
            await store.add(one, NO_CAPS)
        await store.put(digest_of("ticket"), a_ticket())
        own.ask("CONFIG", "SET", "maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            await store.add(a_session(), NO_CAPS)
        assert await store.use(sessions[0].digest, T0) is not None
        assert await store.take(digest_of("ticket"), "clone", T0) is not None
        assert await store.end(sessions[0].key) is not None
        assert await store.use(sessions[0].digest, T0) is None
        assert len(await store.expire(T0 + LIMITS.idle, 10)) == 2
        own.ask("CONFIG", "SET", "maxmemory", 0)
        assert await store.count() == 0
        await store.add(a_session(at=T0 + LIMITS.idle), Caps(total=1))


async def rows_left(store: RedisStore, own: Redis) -> tuple[int, bytes]:
    """How many places are taken, and which rows there are, once all that was sent is answered."""
    for _ in range(10):  # more trips than any call takes
        await store.count()
    return await store.count(), own.ask("KEYS", "*:s:*")


async def test_a_login_that_is_broken_off_leaves_neither_row_nor_place(own: Redis) -> None:
    broken_off = 0
    async with opened(own.url) as store:
        for turns in range(1, 12):
            await asyncio.gather(store.count(), after_a_turn(store.count))  # two lines are open
            # What takes back is known to the server, and what keeps is not: it takes a trip more.
            own.ask("SCRIPT", "FLUSH")
            for script in (scripts.DROP, scripts.SETTLE):
                own.ask("SCRIPT", "LOAD", script.text)
            session = a_session()
            opening = asyncio.create_task(store.add(session, NO_CAPS))
            for _ in range(turns):
                await turn()
            opening.cancel()
            try:
                await opening
            except asyncio.CancelledError:
                broken_off += 1
            else:  # Redis has answered all of it within these turns
                assert await store.end(session.key) is not None
        assert await rows_left(store, own) == (0, b"")
    assert broken_off > 4


async def after_a_turn(ask: Callable[[], Awaitable[object]]) -> None:
    await turn()
    await turn()
    await ask()


async def test_a_login_for_which_there_is_half_the_room_leaves_nothing(
    own: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(own.url) as store:
        with monkeypatch.context() as narrow:
            narrow.setattr(pipeline, "MOST_WAITING", 1)
            with pytest.raises(Overloaded):
                await store.add(a_session(), NO_CAPS)
        assert await rows_left(store, own) == (0, b"")


async def logged_in(store: RedisStore) -> Session:
    """A session that nobody has tried to open before, as each login's is."""
    session = a_session()
    await store.add(session, NO_CAPS)
    return session


@pytest.mark.slow
async def test_a_sentinel_puts_the_replica_in_the_primarys_place(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Watched(tmp_path) as watched:
        async with opened(watched.url, cache=True) as store:
            alive, gone = a_session(), a_session()
            for one in (alive, gone):
                await store.add(one, NO_CAPS)
            assert await store.use(gone.digest, T0) is not None
            watched.in_step()
            assert await store.end(gone.key) is not None
            # The end is on the replica before it is acknowledged.
            watched.primary.kill()
            new = await answered(lambda: logged_in(store))
            assert await store.use(alive.digest, T0) is not None
            assert await store.use(gone.digest, T0) is None
            assert await store.use(new.digest, T0) is not None
            assert b"role:master" in watched.replica.ask("INFO", "replication")


async def test_without_a_replica_in_step_ends_go_on_and_it_is_said(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Watched(tmp_path) as watched:
        async with opened(watched.url) as store:
            sessions = [a_session() for _ in range(3)]
            for one in sessions:
                await store.add(one, NO_CAPS)
            with capture_logs() as logs:
                assert await store.end(sessions[0].key) is not None
                assert logs == []
                watched.replica.stop()
                for one in sessions[1:]:
                    assert await store.end(one.key) is not None
            assert [one["event"] for one in logs] == [
                "no replica is in step: a fail-over now would undo ends"
            ]


async def test_a_cluster_of_which_nothing_is_left_comes_back(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Cluster(tmp_path) as own:
        async with opened(own.url, cache=True) as store:
            session = a_session()
            await store.add(session, NO_CAPS)
            for server in own.servers:
                server.kill()
            for _ in range(3):
                await refused_in_time(store.use(session.digest, T0))
            for server in own.servers:
                server.start()
            assert await answered(lambda: store.use(session.digest, T0)) is not None


async def test_a_node_of_a_cluster_is_killed_and_comes_back(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Cluster(tmp_path) as own:
        async with opened(own.url) as store:
            sessions = [a_session() for _ in range(20)]
            for one in sessions:
                await store.add(one, NO_CAPS)
            await store.end(sessions[0].key)
            own.servers[1].kill()
            asked = [store.use(one.digest, T0) for one in sessions]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert [one for one in answers if isinstance(one, StoreUnavailable)]
            own.servers[1].start()
            for one in sessions:
                used = await answered(lambda one=one: store.use(one.digest, T0))  # type: ignore[misc]
                assert (used is None) == (one is sessions[0])
            assert len(await everyone(store, T0)) == 19


async def test_a_cluster_moves_its_slots_under_way(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Cluster(tmp_path) as own:
        async with opened(own.url, bound=PATIENCE) as store:
            sessions = [a_session() for _ in range(10)]
            for one in sessions:
                await store.add(one, NO_CAPS)
            for name in ("sg:{book}:due", f"sg:s:{sessions[0].digest.hex()}"):
                slot = own.slot_of(name)
                source, target = own.begin_to_move(slot)
                # In the middle: the keys are still at the one, new ones go to the other.
                assert await store.use(sessions[0].digest, T0) is not None
                moved = own.move_keys(slot, source, target)
                assert moved
                own.end_to_move(slot, target)
                assert await store.use(sessions[0].digest, T0) is not None
                await store.add(a_session(), NO_CAPS)
            assert len(await everyone(store, T0)) == await store.count() == 12
            assert await store.end(sessions[0].key) is not None
            assert len(await store.expire(T0 + LIMITS.idle, 100)) == 11


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:{port}",
        "redis+cluster://127.0.0.1:{port}",
        "redis+sentinel://127.0.0.1:{port}/gate",
    ],
)
async def test_a_store_that_is_not_there_says_what_to_do(url: str) -> None:
    settings = RedisSettings(parse_redis(url.format(port=free_port())), cache=True)
    store = RedisStore(settings, LIMITS)
    with pytest.raises(StoreUnavailable, match=r"see that it runs.*store\.url"):
        await store.start()
    with pytest.raises(StoreUnavailable, match="is not open"):
        await store.use(digest_of("any"), T0)


# Ways in


async def works(settings: RedisSettings) -> None:
    store = RedisStore(settings, LIMITS)
    await store.start()
    try:
        session = a_session()
        await store.add(session, NO_CAPS)
        for _ in range(2):
            assert await store.use(session.digest, T0) is not None
        await store.put(digest_of("ticket"), a_ticket())
        assert await store.take(digest_of("ticket"), "clone", T0) is not None
        await store.audit.write(b"{}", T0)
        assert set(await everyone(store, T0)) == {session.key}
        assert await store.change(session)
        assert await store.end(session.key) is not None
        assert await store.expire(T0 + LIMITS.idle, 10) == []
    finally:
        await store.close()


async def test_the_rights_that_the_page_names_are_enough(own: Redis) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "redis.md").read_text(encoding="utf-8")
    [rights] = re.findall(r"`(~sg:\* [^`]+)`", page)
    own.ask("ACL", "SETUSER", "gate", "on", ">the password", *rights.split())
    servers = parse_redis(f"redis://gate@127.0.0.1:{own.port}")
    with capture_logs() as logs:
        await works(RedisSettings(servers, password=Secret("the password"), cache=True))
    assert logs == []
    for password in (None, Secret("xyzzy")):
        with pytest.raises(StoreUnavailable, match=r"store\.password") as refused:
            await works(RedisSettings(servers, password=password))
        assert "xyzzy" not in str(refused.value)


async def test_by_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    ours = certificates.ensure(tmp_path / "ours", ["127.0.0.1"], datetime.now(UTC))
    others = certificates.ensure(tmp_path / "others", ["127.0.0.1"], datetime.now(UTC))
    port = free_port()
    options = [
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(ours.certificate), "--tls-key-file", str(ours.key)),
        *("--tls-ca-cert-file", str(ours.ca)),
    ]
    with Redis(tmp_path / "redis", options):
        servers = parse_redis(f"rediss://127.0.0.1:{port}")
        await works(RedisSettings(servers, certificate_authority=ours.ca, cache=True))
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await works(RedisSettings(servers, certificate_authority=others.ca))
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await works(RedisSettings(servers))


async def test_by_a_socket_of_the_machine(tmp_path: Path) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with TemporaryDirectory() as short, Redis(tmp_path, ("--unixsocket", f"{short}/redis")):
        await works(RedisSettings(parse_redis(f"redis+unix://{short}/redis?db=3"), cache=True))


_HEAD = rows.HEAD.pack(rows.LIVE, micros(T0), micros(T0), 0)
JUNK = {
    "another form": b"junk",
    "a good head before another form": _HEAD + b"\xc1",
    "facts of another number": _HEAD + b"[1]",
    "times of no calendar": rows.HEAD.pack(0, 1e300, 1e300, 0) + rows.facts(a_session()),
}


@each("found", JUNK.values(), JUNK.keys())
async def test_a_row_that_cannot_be_read_is_that_sessions_trouble_alone(
    own: Redis, found: bytes
) -> None:
    """As one of a later release is. All lists were refused, and no session was reaped any more."""
    async with Client(port=own.port) as client:
        await client.flushall()
    async with opened(own.url, bound=PATIENCE) as store:
        bad, good = a_session(), a_session()
        await store.add(bad, NO_CAPS)
        await store.add(good, NO_CAPS)
        async with Client(port=own.port) as client:
            await client.set(f"sg:s:{bad.digest.hex()}", found)
            async with opened(own.url, bound=PATIENCE) as other:
                await other.add(torn := a_session(), NO_CAPS)
            await client.delete(f"sg:s:{torn.digest.hex()}")
            await client.sadd(f"sg:s:{torn.digest.hex()}", "another kind")
        with capture_logs() as logs:
            for _ in range(2):
                assert list(await everyone(store, T0)) == [good.key]
        assert [one["event"] for one in logs] == ["a row in the store cannot be read"]
        with pytest.raises(StoreUnavailable):
            await store.use(bad.digest, T0)
        assert await store.use(good.digest, T0) is not None
        late = T0 + LIMITS.idle + timedelta(seconds=1)
        assert [one.key for one, _ in await store.expire(late, 100)] == [good.key]
