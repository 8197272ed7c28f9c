"""Redis is killed, silent, slow or replaced under running servers: 503, and nothing is lost."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from sessiongate.store.redis.cache import FLUSH_EVERY
from tests.end_to_end.many import one_at_each, running, shared_settings, wait_for
from tests.end_to_end.serving import OTHER, USER, Client, Reply, Server
from tests.peers import redis as peer
from tests.peers.redis import Redis, Watched
from tests.peers.relay import Relay
from tests.security.dialects import DIALECTS, MANAGERS, Asker, Dialect
from tests.until import is_quick, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peer]

MakeServer = Callable[..., Server]

# Long enough for a loaded machine to answer in, short enough to be waited for.
TIMEOUT = 1

# A call may have waited behind one that was on its way; and the machine has its own pace.
BOUND = 2 * TIMEOUT + 1.5

# What a busy machine may make of that now and then. Far less than hanging takes.
LOADED = 5 * BOUND

STORE = f'timeout = "{TIMEOUT}s"\n'

# Which session lives is not a question that can be answered without a store, so none of these may
# be answered by "there is none" either.
FORMS = {
    "zerto": (503, b'"Message"'),
    "vi-json": (503, b'"_typeName":"SystemError"'),
    "soap": (503, b"<faultcode>"),
    "api": (503, b'"error_type":"SERVICE_UNAVAILABLE"'),
    "rest": (503, b"com.vmware.vapi.std.errors.service_unavailable"),
    "json-rpc": (200, b"com.vmware.vapi.std.errors.service_unavailable"),
    "zerto-appliance": (503, b"temporarily_unavailable"),
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Redis]:
    """A Redis that the test may kill."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path / "redis") as made:
        yield made


def must_be_an_outage(dialect: Dialect, reply: Reply) -> None:
    status, holds = FORMS[dialect.name]
    assert not dialect.worked(reply)
    assert reply.status == status, reply
    assert holds in reply.body, reply
    if status == 503:
        assert int(reply.header("retry-after") or 0) > 0
    for secret in (b"redis", b"127.0.0.1", b"Traceback"):
        assert secret not in reply.body.lower()


def all_is_refused(at: Asker, tokens: dict[Dialect, str]) -> None:
    """Checks, logins and logouts of every dialect: in time, in its form, and never a yes."""
    for dialect, token in tokens.items():
        asks: list[Callable[[], Reply]] = [
            partial(dialect.check, at, dialect.carry(token)),
            # A length that a session's own token has: the forged one is asked for too.
            partial(dialect.check, at, dialect.carry("0" * min(len(token), 40))),
            partial(dialect.login, at, *USER),
            partial(dialect.logout, at, dialect.carry(token)),
        ]
        for ask in asks:
            assert is_quick(partial(_asks_in_vain, dialect, ask), BOUND)


def _asks_in_vain(dialect: Dialect, ask: Callable[[], Reply]) -> None:
    must_be_an_outage(dialect, ask())


def logged_in(at: Asker) -> dict[Dialect, str]:
    return {dialect: dialect.token(at, USER) for dialect in DIALECTS}


@pytest.mark.parametrize("cache", [False, True], ids=["exact", "cache"])
def test_sec_48_redis_is_killed_and_started_again(
    cache: bool, own: Redis, make_server: MakeServer
) -> None:
    store = f"{STORE}cache = {str(cache).lower()}\n"
    server = make_server(settings=shared_settings(own.url, store=store))
    with one_at_each(server) as clients:
        alive, ended = logged_in(clients[0]), logged_in(clients[1])
        for dialect, token in ended.items():
            assert dialect.worked(dialect.logout(clients[0], dialect.carry(token)))
        for client in clients:
            assert all(dialect.is_alive(client, token) for dialect, token in alive.items())
        own.kill()
        for client in clients:
            if cache:  # it may answer until it knows that ends are not heard of any more
                wait_until(partial(_is_an_outage, client, alive), LOADED)
            all_is_refused(client, alive)
        own.start()
        for client in clients:
            wait_until(partial(_answers, client))
            for dialect in DIALECTS:
                assert dialect.is_alive(client, alive[dialect])
                assert not dialect.is_alive(client, ended[dialect])
                assert dialect.worked(dialect.login(client, *OTHER))
    assert len(wait_for(server, "worker started", 2)) == 2  # none was restarted for it
    server.stop()


def _is_an_outage(client: Client, tokens: dict[Dialect, str]) -> bool:
    dialect = DIALECTS[0]
    return dialect.check(client, dialect.carry(tokens[dialect])).status == 503


def _answers(client: Client) -> bool:
    return DIALECTS[0].login(client, *OTHER).status == 200


@pytest.mark.parametrize("cache", [False, True], ids=["exact", "cache"])
def test_sec_48_redis_goes_silent_in_the_middle_of_requests(
    cache: bool, own: Redis, make_server: MakeServer
) -> None:
    """As behind a firewall that has forgotten the connection: no error, and no answer either."""
    with Relay(own.port) as relay:
        store = f"{STORE}cache = {str(cache).lower()}\n"
        url = f"redis://127.0.0.1:{relay.port}"
        server = make_server(settings=shared_settings(url, workers=1, store=store))
        alive = logged_in(server)
        relay.silent = True

        def ask(dialect: Dialect) -> None:
            must_be_an_outage(dialect, dialect.login(server, *USER))

        def ask_all() -> None:
            with running([partial(ask, dialect) for dialect in DIALECTS]):
                pass

        # All at once wait no longer than one.
        assert is_quick(ask_all, BOUND + 1)
        waits: list[Callable[[], None]] = [
            partial(all_is_refused, server, {one: token}) for one, token in alive.items()
        ]
        with running(waits):
            pass
        relay.heal()
        with server.connected() as client:
            wait_until(partial(_answers, client))
        assert all(dialect.is_alive(server, token) for dialect, token in alive.items())
        server.stop()


def test_a_slow_redis_is_waited_for_and_a_very_slow_one_is_not(
    own: Redis, make_server: MakeServer
) -> None:
    server = make_server(settings=shared_settings(own.url, workers=1, store=STORE))
    with server.connected() as client:
        tokens = logged_in(client)
        for dialect, token in tokens.items():
            own.ask("CLIENT", "PAUSE", TIMEOUT * 300, "ALL")
            began = time.monotonic()
            assert dialect.is_alive(client, token)
            assert time.monotonic() - began > TIMEOUT * 0.2
        own.freeze()
        try:
            waited = []
            for dialect, token in list(tokens.items())[:3]:
                began = time.monotonic()
                must_be_an_outage(dialect, dialect.check(client, dialect.carry(token)))
                waited.append(time.monotonic() - began)
        finally:
            own.thaw()
        # One that comes behind a call that fails is not waited for again.
        assert max(waited) > TIMEOUT * 0.9
        assert min(waited) < BOUND
        assert max(waited) < LOADED
        wait_until(partial(_answers, client))
        assert all(dialect.is_alive(client, token) for dialect, token in tokens.items())
    server.stop()


def test_a_fail_over_by_sentinel_under_a_running_server(
    tmp_path: Path, make_server: MakeServer
) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Watched(tmp_path / "watched") as watched:
        server = make_server(settings=shared_settings(watched.url, store=STORE + "cache = true\n"))
        with one_at_each(server) as clients:
            alive, ended = logged_in(clients[0]), logged_in(clients[1])
            for dialect, token in ended.items():
                assert dialect.worked(dialect.logout(clients[0], dialect.carry(token)))
            watched.in_step()
            watched.primary.kill()
            for client in clients:
                wait_until(partial(_answers, client))
                for dialect in DIALECTS:
                    assert dialect.is_alive(client, alive[dialect])
                    assert not dialect.is_alive(client, ended[dialect])
            # Ends are felt by the new primary's channel: without it each would be forgotten by the
            # next flush. The middle one, since a busy machine holds up some.
            took = []
            for dialect, token in alive.items():
                assert dialect.worked(dialect.logout(clients[0], dialect.carry(token)))
                began = time.monotonic()
                wait_until(lambda d=dialect, t=token: not d.is_alive(clients[1], t))  # type: ignore[misc]
                took.append(time.monotonic() - began)
            assert median(took) < FLUSH_EVERY / 2
        assert len(wait_for(server, "worker started", 2)) == 2
        server.stop()


def test_who_is_disabled_during_an_outage_is_out_after_it(
    own: Redis, make_server: MakeServer
) -> None:
    server = make_server(settings=shared_settings(own.url, store=STORE))
    with one_at_each(server) as clients:
        tokens = {at: DIALECTS[0].token(at, USER) for at in clients}
        other = DIALECTS[0].token(clients[0], OTHER)
        own.kill()
        disabled = server.run("users", "disable", USER[0])
        assert "Traceback" not in disabled.err
        own.start()
        wait_until(partial(_answers, clients[0]))
        for token in tokens.values():
            for at in clients:
                wait_until(lambda a=at, t=token: not DIALECTS[0].is_alive(a, t))  # type: ignore[misc]
        assert DIALECTS[0].is_alive(clients[1], other)
    server.stop()


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_sec_48_headers_that_are_no_text_open_nothing(dialect: Dialect, shared: Server) -> None:
    token = dialect.token(shared, USER)
    carried = dialect.carry(token)
    for raw in ("\xff\xfe", f"{token}\xff", f"\xc3{token}", "\x80" * len(token)):
        (name,) = carried
        value = carried[name].replace(token, raw)
        reply = dialect.check(shared, {name: value})
        assert not dialect.worked(reply), raw
    for credential in ("Basic \xff\xfe", "Basic /////w==", "\xff"):
        reply = shared.request("POST", "/v1/session/add", {"Authorization": credential})
        assert reply.status in (400, 401)
    assert dialect.is_alive(shared, token)


def test_what_redis_did_not_hear_is_no_logout(own: Redis, make_server: MakeServer) -> None:
    """A logout that got 503 may be tried again, and then it counts."""
    server = make_server(settings=shared_settings(own.url, workers=1, store=STORE))
    dialect = MANAGERS[0]
    with server.connected() as client:
        token = dialect.token(client, USER)
        own.freeze()
        try:
            must_be_an_outage(dialect, dialect.logout(client, dialect.carry(token)))
        finally:
            own.thaw()
        wait_until(partial(_answers, client))
        dialect.logout(client, dialect.carry(token))
        assert not dialect.is_alive(client, token)
    server.stop()
