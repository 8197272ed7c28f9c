"""Several servers of one directory: who is asked, who is left alone, what is used again."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, IdentityUnavailable, StoreUnavailable
from sessiongate.identity.ldap.connection import LdapAddress, NoAnswer, Unsure
from sessiongate.identity.ldap.filter import Has
from sessiongate.identity.ldap.messages import Result
from sessiongate.identity.ldap.servers import (
    IDLE,
    LdapAccess,
    LdapServer,
    LdapServers,
    diagnostic_of,
)
from sessiongate.secret import Secret
from tests.peers.ldap_house import made_of, provider_of, table_of
from tests.peers.relay import Relay
from tests.peers.slapd import SUFFIX, Slapd

EVERYBODY = Has("objectClass")
COOL_DOWN = 30.0


class Ticks:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def relays(slapd: Slapd) -> Iterator[tuple[Relay, Relay]]:
    """Two servers of the same directory, each with a line of its own."""
    with Relay(slapd.tls_port) as one, Relay(slapd.tls_port) as other:
        yield one, other


def servers_of(
    slapd: Slapd, relays: tuple[Relay, ...], ticks: Ticks, **more: object
) -> LdapServers:
    url = [f"ldaps://127.0.0.1:{relay.port}" for relay in relays]
    settings = provider_of(slapd, url=url, operation_timeout="1s", **more)._settings
    return LdapServers("corp", settings.addresses, settings.means, ticks)


async def look(server: LdapServer) -> str:
    entries, _ = await server.search(SUFFIX, EVERYBODY, ["dc"], subtree=False)
    return entries[0].dn


async def who(server: LdapServer) -> int:
    await look(server)
    return server.address.port


@pytest.mark.peer
async def test_the_first_that_works_is_asked(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    one, other = relays
    servers = servers_of(slapd, relays, ticks)
    assert await servers.ask(who) == one.port
    one.refuse = True
    one.cut()
    assert await servers.ask(who) == other.port
    # It is back, and left alone until it has cooled down.
    one.heal()
    tried = one.accepted
    assert await servers.ask(who) == other.port
    assert one.accepted == tried
    ticks.now += COOL_DOWN
    assert await servers.ask(who) == one.port
    servers.close()


@pytest.mark.peer
async def test_where_all_are_down_all_are_tried_again_at_once(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    one, other = relays
    servers = servers_of(slapd, relays, ticks)
    one.refuse = other.refuse = True
    with pytest.raises(IdentityUnavailable) as outage:
        await servers.ask(who)
    assert str(outage.value).count("ldaps://") == 2
    other.refuse = False
    assert await servers.ask(who) == other.port
    servers.close()


@pytest.mark.peer
async def test_a_refusal_is_an_answer_and_nobody_else_is_asked(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    servers = servers_of(slapd, relays, ticks)
    asked: list[int] = []

    async def refuse(server: LdapServer) -> None:
        asked.append(server.address.port)
        raise BadCredentials("no")

    for _ in range(2):
        with pytest.raises(BadCredentials):
            await servers.ask(refuse)
    assert asked == [relays[0].port] * 2


async def test_what_fails_without_asking_does_not_say_that_a_server_is_back(ticks: Ticks) -> None:
    """Such as a store that is down, where a try is counted before the bind."""
    means = LdapAccess(None, "", None, connect_limit=1, limit=1, cool_down=COOL_DOWN)
    servers = LdapServers("corp", [LdapAddress("192.0.2.1", 389, False)], means, ticks)

    async def away(_: LdapServer) -> str:
        raise NoAnswer("no route to host")

    async def uncounted(_: LdapServer) -> str:
        raise StoreUnavailable("the store is down")

    async def wrong(_: LdapServer) -> str:
        raise BadCredentials("wrong")

    with pytest.raises(IdentityUnavailable):
        await servers.ask(away)
    with capture_logs() as logs:
        with pytest.raises(StoreUnavailable):
            await servers.ask(uncounted)
        assert logs == []
        with pytest.raises(BadCredentials):
            await servers.ask(wrong)
    assert [line["event"] for line in logs] == ["directory answers again"]


@pytest.mark.peer
async def test_a_server_that_cannot_tell_is_not_down_and_the_next_is_asked(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    servers = servers_of(slapd, relays, ticks)
    asked: list[int] = []

    async def unsure(server: LdapServer) -> int:
        asked.append(server.address.port)
        if server.address.port == relays[0].port:
            raise Unsure("no logon servers")
        return server.address.port

    for _ in range(2):
        assert await servers.ask(unsure) == relays[1].port
    assert asked == [relays[0].port, relays[1].port] * 2


@pytest.mark.peer
@pytest.mark.parametrize(("others", "answered"), [(Unsure, True), (NoAnswer, False)])
async def test_where_one_answered_and_could_not_tell_the_directory_is_not_down(
    slapd: Slapd,
    relays: tuple[Relay, Relay],
    ticks: Ticks,
    others: type[NoAnswer],
    answered: bool,
) -> None:
    servers = servers_of(slapd, relays, ticks)

    async def ask(server: LdapServer) -> None:
        raise (NoAnswer if server.address.port == relays[1].port else others)("why")

    with pytest.raises(IdentityUnavailable) as outage:
        await servers.ask(ask)
    assert outage.value.answered is answered


@pytest.mark.peer
async def test_a_connection_is_used_again_until_it_is_too_old(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    one, _ = relays
    servers = servers_of(slapd, relays, ticks)
    for _ in range(5):
        await servers.ask(look)
        ticks.now += IDLE / 2
    assert one.accepted == 1
    ticks.now += IDLE
    await servers.ask(look)
    assert one.accepted == 2
    servers.close()
    await servers.ask(look)
    assert one.accepted == 3
    servers.close()


@pytest.mark.peer
async def test_one_dead_line_takes_the_older_ones_with_it(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    one, _ = relays
    servers = servers_of(slapd, relays, ticks)

    async def twice(server: LdapServer) -> str:
        connection = await server._as_service()
        await look(server)
        server._keep(connection)
        return await look(server)

    await servers.ask(twice)
    assert one.accepted == 2
    one.freeze()
    # One wait for the frozen line, not one for each of the two.
    assert await servers.ask(look) == SUFFIX
    assert one.accepted == 3
    servers.close()


@pytest.mark.peer
async def test_a_service_account_is_tried_again_after_the_cool_down(
    slapd: Slapd, relays: tuple[Relay, Relay], ticks: Ticks
) -> None:
    one, _ = relays
    servers = servers_of(slapd, relays[:1], ticks, bind_password=Secret("wrong"))
    for _ in range(3):
        with pytest.raises(IdentityUnavailable, match="service account is refused"):
            await servers.ask(look)
    assert one.accepted == 1
    ticks.now += COOL_DOWN
    with pytest.raises(IdentityUnavailable):
        await servers.ask(look)
    assert one.accepted == 2


@pytest.mark.peer
async def test_without_a_service_account_nobody_searches_as_it(slapd: Slapd) -> None:
    table = table_of(slapd, bind_dn=None, bind_password=None, user_dn="{user}@{domain}")
    assert made_of(table).domains == ("corp.example", "corp")
    provider = provider_of(slapd, bind_dn=None, bind_password=None, user_dn="{user}@{domain}")
    settings = provider._settings
    with pytest.raises(NoAnswer, match="no service account"):
        await LdapServer(settings.addresses[0], settings.means).search(SUFFIX, EVERYBODY, [])


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [("", "no reason given"), ("a\0\nb\x1b[31m", "a  b [31m"), ("x" * 500, "x" * 200)],
)
def test_what_a_server_says_is_one_line(diagnostic: str, text: str) -> None:
    assert diagnostic_of(Result(1, diagnostic)) == text
