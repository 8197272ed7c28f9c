"""People of a real directory: who they are, why they are refused, and what an outage is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sessiongate.errors import BadCredentials, IdentityUnavailable
from sessiongate.identity.guard.guard import Guard, KnowsNames
from sessiongate.identity.guard.verified import VerifiedCredentials
from sessiongate.identity.ldap.provider import LdapIdentity
from sessiongate.identity.ldap.servers import LdapServers
from sessiongate.identity.ldap.settings import read as read_settings
from sessiongate.identity.plugin import PluginContext
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.testing import FakeClock, ProviderContract
from tests.identity.fakes import cheap_hasher
from tests.peers.ldap_house import provider_of
from tests.peers.ports import free_port
from tests.peers.relay import Relay
from tests.peers.slapd import (
    AD_CODES,
    AD_OUTAGES,
    DIRECTORY,
    GROUPS,
    PEOPLE,
    Slapd,
    group,
    person,
)
from tests.until import PATIENCE

pytestmark = pytest.mark.peer

ADA = ("ada", "ada's pass:word/1")


@asynccontextmanager
async def opened(slapd: Slapd, **more: object) -> AsyncIterator[LdapIdentity]:
    provider = provider_of(slapd, **more)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


async def login(provider: LdapIdentity, name: str, password: str = "") -> Principal:
    """Log in, by default with the password that everybody in the directory has."""
    user = parse_account(name).user
    password = password or (ADA[1] if user == "ada" else f"{user}'s password 1")
    return await provider.authenticate(parse_account(name), Secret(password))


async def test_it_is_a_provider(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        as_port: IdentityProvider = provider
        assert isinstance(as_port, KnowsNames)
        assert await provider.version_of(parse_account("ada")) == ""
        heard: list[str] = []
        provider.on_change(heard.append)
        await login(provider, *ADA)
        assert heard == []


class TestTheDirectoryIsAProvider(ProviderContract):
    known = ADA
    folded = ("weiß", "weiß's password 1")

    @pytest.fixture(autouse=True)
    def _slapd(self, slapd: Slapd) -> Iterator[None]:
        with Relay(slapd.tls_port) as self.relay:
            self.slapd = slapd
            yield

    async def make(self) -> IdentityProvider:
        return provider_of(self.slapd, url=f"ldaps://127.0.0.1:{self.relay.port}")

    async def cut(self) -> bool:
        self.relay.refuse = True
        self.relay.cut()
        return True


@pytest.mark.parametrize(
    "typed", ["ada", "ADA", "ada@corp.example", "CORP\\Ada", "corp.example\\ada", " ada ", "ａｄａ"]
)
async def test_every_spelling_is_one_person(slapd: Slapd, typed: str) -> None:
    async with opened(slapd) as provider:
        assert await login(provider, typed) == Principal(
            name="ada@corp.example",
            user_name="CORP\\ada",
            full_name="Ada of Corp",
            roles=("administrator",),
            provider="corp",
        )


@pytest.mark.parametrize("more", [{}, {"url": "plain"}, {"user_dn": f"uid={{user}},{PEOPLE}"}])
async def test_ldaps_start_tls_and_direct_bind(slapd: Slapd, more: dict[str, object]) -> None:
    if more.get("url") == "plain":
        more = {"url": slapd.ldap}
    async with opened(slapd, **more) as provider:
        assert (await login(provider, "bob")).roles == ("operator",)
        with pytest.raises(BadCredentials, match="wrong password"):
            await login(provider, "bob", "wrong")


async def test_direct_bind_needs_no_service_account(slapd: Slapd) -> None:
    facts = {"bind_dn": None, "bind_password": None, "user_dn": f"uid={{user}},{PEOPLE}"}
    async with opened(slapd, **facts) as provider:
        assert (await login(provider, *ADA)).roles == ("administrator",)
        with pytest.raises(BadCredentials):
            await login(provider, "nobody")
        with pytest.raises(BadCredentials):
            await login(provider, "ada@elsewhere")
        # Nobody is there to look for others.
        assert await provider.find(parse_account("ada")) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody", "unknown name"),
        ("ada@elsewhere.example", "unknown name"),
        ("*", "unknown name"),
        ("a*", "unknown name"),
        ("ada)(uid=*", "unknown name"),
        ("x)(|(uid=ada", "unknown name"),
        ("locked", "the account is locked by the directory"),
        ("expired", "the password has expired"),
        ("reset", "the password must be changed first"),
        ("off", "the account is disabled"),
        ("inactive", "the account is disabled"),
        ("retries", "the account is locked by the directory"),
    ],
)
async def test_who_is_refused_and_why(slapd: Slapd, name: str, why: str) -> None:
    async with opened(slapd) as provider:
        with pytest.raises(BadCredentials) as refused:
            await login(provider, name)
        assert str(refused.value) == why
        assert refused.value.known is (why != "unknown name")


async def test_a_password_is_wrong(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        for wrong in ("wrong", ADA[1].upper(), f"{ADA[1]} ", "*", "\0"):
            with pytest.raises(BadCredentials, match="wrong password") as refused:
                await login(provider, "ada", wrong)
            assert refused.value.known


WHY = {
    "525": "unknown name",
    "52e": "wrong password",
    "52f": "the account is restricted (code 52f)",
    "530": "not allowed to log in at this time",
    "531": "not allowed to log in from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "568": "in more groups than Active Directory lets log in (code 568)",
    "569": "not allowed to log in in this way (code 569)",
    "5a1": "refused by the directory for a reason that is not known here (code 5a1)",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked by the directory",
}


@pytest.mark.parametrize("code", AD_CODES)
async def test_active_directory_says_why(slapd: Slapd, code: str) -> None:
    async with opened(slapd) as provider:
        with pytest.raises(BadCredentials) as refused:
            await login(provider, f"ad{code}")
        assert str(refused.value) == WHY[code]
        assert refused.value.guess is (code in ("525", "52e", "775"))


@pytest.mark.parametrize("code", AD_OUTAGES)
async def test_a_controller_that_reaches_no_other_is_an_outage(slapd: Slapd, code: str) -> None:
    """Of this one account's domain: others are let in, and the breaker stays closed."""
    async with opened(slapd) as provider:
        for _ in range(2):
            with pytest.raises(IdentityUnavailable, match=f"data {code}") as outage:
                await login(provider, f"ad{code}")
            assert outage.value.answered
        assert (await login(provider, *ADA)).name == "ada@corp.example"


async def test_the_directory_locks_by_itself(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        assert (await login(provider, "eve")).name == "eve@corp.example"
        for _ in range(3):
            with pytest.raises(BadCredentials, match="wrong password"):
                await login(provider, "eve", "wrong")
        with pytest.raises(BadCredentials, match="locked"):
            await login(provider, "eve")


async def test_letters_that_mean_something_elsewhere(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        found = await login(provider, "odd, (one)*", "odd's password 1")
        assert found.name == "odd, (one)*@corp.example"
    async with opened(slapd, user_dn=f"uid={{user}},{PEOPLE}") as provider:
        assert (await login(provider, "odd, (one)*", "odd's password 1")).full_name == "Odd"


@pytest.mark.parametrize("more", [{}, {"user_dn": f"uid={{user}},{PEOPLE}"}])
@pytest.mark.parametrize("name", ["weiß", "weiss"])
@pytest.mark.parametrize("spelled", ["{}", "CORP\\{}", " {}@corp.example "])
async def test_a_name_is_asked_for_as_it_was_typed(
    slapd: Slapd, more: dict[str, object], name: str, spelled: str
) -> None:
    """Both fold to one name here, and are two people there."""
    async with opened(slapd, **more) as provider:
        typed = spelled.format(name)
        found = await login(provider, typed, f"{name}'s password 1")
        assert found.user_name == f"CORP\\{name}"
        assert found.full_name == f"{name.capitalize()} of Corp"
        assert await provider.find(parse_account(typed)) == found
        with pytest.raises(BadCredentials, match="wrong password"):
            await login(provider, typed, "another password")


async def test_a_group_is_asked_for_as_it_was_written(tmp_path: Path) -> None:
    groups = [group("straße", "uid=ada"), group("strasse", "uid=bob")]
    roles = {f"cn=Straße,{GROUPS}": "operator"}
    with Slapd(tmp_path, entries=[*DIRECTORY, *groups]) as own:
        for depth in (0, 8):
            more = {"groups": roles, "groups_attribute": "seeAlso", "group_depth": depth}
            async with opened(own, **more) as provider:
                assert (await login(provider, *ADA)).roles == ("operator",)
                assert (await login(provider, "bob")).roles == ("user",)


async def test_sec_31_empty_names_and_passwords_never_bind(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        before = slapd.binds()
        with pytest.raises(BadCredentials, match="empty password"):
            await provider.authenticate(parse_account("ada"), Secret(""))
        with pytest.raises(BadCredentials, match="no text"):
            await provider.authenticate(parse_account("ada"), Secret("\ud800"))
        for name in ("", " ", "@corp.example", "CORP\\"):
            with pytest.raises(BadCredentials):
                parse_account(name)
        # Only the question itself.
        assert slapd.binds() == before + 1


async def test_sec_32_a_name_of_another_domain_is_nobody_here(slapd: Slapd) -> None:
    for more in ({}, {"domains": None}):
        async with opened(slapd, **more) as provider:
            with pytest.raises(BadCredentials, match="unknown name"):
                await login(provider, "ada@other.example")
            assert await provider.find(parse_account("ada@other.example")) is None


async def test_sec_21_tries_count_for_one_name(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        spellings = ("ada", "ADA", "CORP\\ada", "ada@corp.example.", "Ada@CORP")
        names = {provider.name_of(parse_account(typed)) for typed in spellings}
        assert names == {"ada@corp.example"}
        assert (await login(provider, *ADA)).name in names
        assert provider.name_of(parse_account("ada@other")) == "ada@other"
    async with opened(slapd, domains=None) as provider:
        assert provider.name_of(parse_account("Ada")) == "ada"
        assert (await login(provider, *ADA)).name == "ada"


async def test_sec_24_an_unknown_name_costs_the_same_binds(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        await login(provider, *ADA)
        costs = []
        for name, password in (("ada", "wrong"), ("nobody", "wrong"), ("ada@other", "wrong")):
            before = slapd.binds()
            with pytest.raises(BadCredentials):
                await login(provider, name, password)
            costs.append(slapd.binds() - before)
        assert costs == [2, 2, 2]  # the try, and the question


async def test_find_needs_no_password(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        found = await provider.find(parse_account("CORP\\ada"))
        assert found == await login(provider, *ADA)
        for name in ("nobody", "off", "locked", "*"):
            assert await provider.find(parse_account(name)) is None


@pytest.mark.parametrize(
    "typed", ["alan", "CORP\\ALAN", "a.turing@corp.example", "alan@corp.example"]
)
async def test_active_directory_s_names(slapd: Slapd, typed: str) -> None:
    async with opened(slapd, style="ad") as provider:
        found = await login(provider, typed, "alan's password 1")
        assert (found.name, found.user_name) == ("alan@corp.example", "CORP\\Alan")


async def test_a_name_that_two_have_is_nobody(slapd: Slapd) -> None:
    both = "(|(uid={user})(mail={user}@{domain}))"
    async with opened(slapd, user_filter=both) as provider:
        assert (await login(provider, "twin")).name == "twin@corp.example"
        with pytest.raises(BadCredentials, match="more than one"):
            await login(provider, "twins", "twin's password 1")
        assert await provider.find(parse_account("twins")) is None


async def test_groups_in_groups_give_roles_and_loops_end(slapd: Slapd) -> None:
    cases: list[tuple[dict[str, object], tuple[str, ...]]] = [
        ({}, ("operator",)),
        # One round above the direct groups finds `night` only.
        ({"group_depth": 1}, ("user",)),
        ({"group_depth": 2}, ("operator",)),
        ({"groups": {f"cn=shift,{GROUPS}": "shift"}, "group_depth": 0}, ("shift",)),
        ({"groups": None}, ("user",)),
        ({"groups": None, "default_role": None}, ()),
        ({"group_base_dn": PEOPLE, "group_depth": 5}, ("user",)),
        ({"groups_attribute": "seeAlso"}, ("operator",)),
    ]
    for more, roles in cases:
        async with opened(slapd, **more) as provider:
            assert (await login(provider, "bob")).roles == roles, more


async def test_several_groups_give_several_roles(slapd: Slapd) -> None:
    roles = {f"cn=staff,{GROUPS}": "staff", f"cn=admins,{GROUPS}": "administrator"}
    async with opened(slapd, groups=roles) as provider:
        assert (await login(provider, *ADA)).roles == ("staff", "administrator")
        assert (await login(provider, "carol")).roles == ("staff",)


async def test_sec_11_who_is_removed_or_disabled_is_out_at_the_next_login(tmp_path: Path) -> None:
    with Slapd(
        tmp_path, entries=[*DIRECTORY, person("zoe", "zoe's password 1"), group("z", "uid=zoe")]
    ) as own:
        async with opened(own, groups={f"cn=z,{GROUPS}": "operator"}) as provider:
            assert (await login(provider, "zoe")).roles == ("operator",)
            own.delete(f"cn=z,{GROUPS}")
            assert (await login(provider, "zoe")).roles == ("user",)
            own.modify(f"uid=zoe,{PEOPLE}", "replace: userPassword", "userPassword: other")
            with pytest.raises(BadCredentials):
                await login(provider, "zoe")
            assert (await login(provider, "zoe", "other")).name == "zoe@corp.example"
            own.delete(f"uid=zoe,{PEOPLE}")
            with pytest.raises(BadCredentials, match="unknown"):
                await login(provider, "zoe", "other")
            assert await provider.find(parse_account("zoe")) is None


@pytest.mark.parametrize("more", [{"base_dn": "dc=not,dc=here"}, {"name_attribute": "description"}])
async def test_wrong_settings_are_an_outage(slapd: Slapd, more: dict[str, object]) -> None:
    async with opened(slapd, **more) as provider:
        with pytest.raises(IdentityUnavailable):
            await login(provider, *ADA)


@pytest.mark.parametrize(("name", "answered"), [("busy", False), ("unwilling", True)])
async def test_what_says_nothing_about_the_password_is_an_outage(
    slapd: Slapd, name: str, answered: bool
) -> None:
    """`reached` is for the breaker: one odd account must not cut off everybody else."""
    async with opened(slapd) as provider:
        with pytest.raises(IdentityUnavailable) as outage:
            await login(provider, name)
        assert outage.value.answered == answered
        assert (await login(provider, *ADA)).name == "ada@corp.example"


async def test_a_service_account_that_is_refused_is_an_outage_and_is_not_hammered(
    slapd: Slapd,
) -> None:
    async with opened(slapd, bind_password=Secret("wrong")) as provider:
        before = slapd.binds()
        for _ in range(5):
            with pytest.raises(IdentityUnavailable, match="service account is refused"):
                await login(provider, *ADA)
        assert slapd.binds() - before == 2  # one try, and the question


async def test_a_directory_that_is_not_there_is_an_outage(slapd: Slapd) -> None:
    async with opened(slapd, url=f"ldaps://127.0.0.1:{free_port()}") as provider:
        with pytest.raises(IdentityUnavailable, match="no connection"):
            await login(provider, *ADA)


# Where in the talk the line is cut, by the bytes that the client has sent: before TLS, within its
# handshake, and in the bind, the searches and the second bind that follow.
CUTS = (0, 100, 600, 700, 900, 1200, 1500)

PROMISED = 1
"""Seconds that a login may take."""
LOADED = 20
"""How many times as much it may be on a busy machine: without a limit it would be for ever."""


async def healed(provider: LdapIdentity) -> Principal:
    """Log in, where an answer may come too late on a busy machine."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(IdentityUnavailable):
                return await login(provider, *ADA)


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
@pytest.mark.parametrize("how", ["silent_after", "cut_after"])
async def test_a_line_cut_in_the_middle_is_an_outage_and_heals(
    slapd: Slapd, scheme: str, how: str
) -> None:
    target = slapd.tls_port if scheme == "ldaps" else slapd.plain_port
    with Relay(target) as relay:
        limits = {"operation_timeout": "300ms", "connect_timeout": "300ms"}
        limits["timeout"] = f"{PROMISED}s"
        url = f"{scheme}://127.0.0.1:{relay.port}"
        outages = 0
        for cut in CUTS:
            async with opened(slapd, url=url, **limits) as provider:
                relay.sent = 0
                setattr(relay, how, cut)
                async with asyncio.timeout(PROMISED * LOADED):
                    try:
                        await login(provider, *ADA)
                    except IdentityUnavailable:
                        outages += 1
                relay.heal()
                assert (await healed(provider)).name == "ada@corp.example"
        # The last of the cuts may lie behind the end.
        assert outages >= len(CUTS) - 2


async def test_a_login_as_a_whole_has_a_limit(slapd: Slapd) -> None:
    with Relay(slapd.tls_port) as relay:
        relay.silent = True
        url = [f"ldaps://127.0.0.1:{relay.port}"] * 2 + ["ldaps://localhost:1"]
        async with opened(slapd, url=url, timeout="200ms") as provider:
            async with asyncio.timeout(0.2 * LOADED):
                with pytest.raises(IdentityUnavailable, match=r"no answer within 0\.2 s"):
                    await login(provider, *ADA)


async def test_a_line_that_dies_while_it_is_unused_costs_nobody_a_login(slapd: Slapd) -> None:
    with Relay(slapd.tls_port) as relay:
        url = f"ldaps://127.0.0.1:{relay.port}"
        async with opened(slapd, url=url, operation_timeout="1500ms") as provider:
            await login(provider, *ADA)
            relay.cut()
            assert (await login(provider, *ADA)).name == "ada@corp.example"
            relay.freeze()  # worse: nobody says that it is dead
            assert (await login(provider, *ADA)).name == "ada@corp.example"


async def test_a_login_that_is_given_up_leaves_nothing_half_said(slapd: Slapd) -> None:
    async with opened(slapd) as provider:
        given_up = 0
        for turns in range(1, 40, 3):
            task = asyncio.create_task(login(provider, "bob"))
            for _ in range(turns):
                await asyncio.sleep(0)
            given_up += task.cancel()
            await asyncio.wait([task])
            assert (await login(provider, *ADA)).name == "ada@corp.example"
        assert given_up >= 2  # how far a turn gets is up to the loop


async def test_many_at_once_get_each_their_own(slapd: Slapd) -> None:
    async with opened(slapd, connections=2) as provider:
        names = ["ada", "bob", "carol", "dave"] * 8
        found = await asyncio.gather(*(login(provider, name) for name in names))
        assert [one.name for one in found] == [f"{name}@corp.example" for name in names]


async def test_verified_logins_cost_the_directory_next_to_nothing(slapd: Slapd) -> None:
    """A thousand logins a minute of one service account, scaled to two hundred."""
    clock = FakeClock()

    async def dummy(_: Secret) -> None:
        """Not reached: nobody is locked."""

    async with opened(slapd) as provider:
        table = VerifiedCredentials(clock, timedelta(minutes=5))
        guard = Guard("corp", provider, clock, dummy=dummy, verified=table)
        before = slapd.binds()
        for _ in range(200):
            found = await guard.authenticate(
                parse_account("CORP\\dave"), Secret("dave's password 1")
            )
            assert found.name == "dave@corp.example"
        used = slapd.binds() - before - 1
        assert 1 <= used <= 12
        assert used == 2  # the service account, and dave


class Silent(LdapServers):
    """A directory that answers all but its first question."""

    asked = 0

    async def ask(self, question: Callable[[Any], Awaitable[Any]]) -> Any:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        return None


async def test_sec_76_waiting_for_a_connection_is_no_outage() -> None:
    """The time-out of a login runs from when the directory is asked, not from when it waits."""
    context = PluginContext(Path("/nowhere"), cheap_hasher())
    table: dict[str, object] = {
        "url": "ldaps://127.0.0.1",
        "base_dn": "dc=x",
        "bind_dn": "cn=y",
        "bind_password": "z",
        "connections": 1,
        "timeout": "50ms",
    }
    settings = read_settings("corp", table, context)
    provider = LdapIdentity(
        "corp", settings, servers=Silent("corp", settings.addresses, settings.means)
    )
    ada = parse_account("CORP\\ada")
    first, second = await asyncio.gather(
        provider.find(ada), provider.find(ada), return_exceptions=True
    )
    assert isinstance(first, IdentityUnavailable)
    assert second is None
