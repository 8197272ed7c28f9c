"""What only Active Directory does, played by a server that answers as told.

It is no directory: it shows what we ask, and what we make of answers that slapd cannot give.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sessiongate.errors import BadCredentials, IdentityUnavailable, LockedOut
from sessiongate.identity.guard.attempt import Attempt, TakesAttempts
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.identity.guard.attempts import LocalAttempts
from sessiongate.identity.ldap import messages
from sessiongate.identity.ldap.groups import IN_CHAIN
from sessiongate.rules.accounts import parse_account, plain_letters
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.testing import FakeClock
from tests.each import each
from tests.identity.ldap.test_messages import tlv
from tests.peers.ldap_house import made_of

DN = "CN=Ada Lovelace,OU=People,DC=corp,DC=example"
GROUP = "CN=vCenter Admins,OU=Groups,DC=corp,DC=example"
PASSWORD = Secret("right")

Facts = dict[str, Sequence[str]]
ADA: tuple[str, Facts] = (
    DN,
    {
        "sAMAccountName": ["Ada"],
        "displayName": ["Ada Lovelace"],
        "userAccountControl": ["512"],
        "msDS-PrincipalName": ["CORP\\Ada"],
    },
)


def without(name: str, **more: Sequence[str]) -> tuple[str, Facts]:
    """Ada without one of her attributes, or with others."""
    return DN, {key: values for key, values in ADA[1].items() if key != name} | more


def ended(operation: int, code: int = 0, text: str = "") -> bytes:
    return tlv(operation, tlv(10, bytes([code])), tlv(4), tlv(4, text.encode()))


def found(*entries: tuple[str, Facts], code: int = 0) -> list[bytes]:
    """The answers to a search."""
    answers = []
    for dn, facts in entries:
        attributes = [
            tlv(0x30, tlv(4, name.encode()), tlv(0x31, *(tlv(4, one.encode()) for one in values)))
            for name, values in facts.items()
        ]
        answers.append(tlv(messages.ENTRY, tlv(4, dn.encode()), tlv(0x30, *attributes)))
    return [*answers, ended(messages.FOUND, code)]


def who(identity: str) -> bytes:
    """The answer to "Who am I?"."""
    parts = (tlv(10, b"\0"), tlv(4), tlv(4), tlv(0x8B, identity.encode()))
    return tlv(messages.EXTENDED_DONE, *parts)


Play = Callable[[int, bytes], list[bytes]]
"""The operation and its bytes in, the answers out."""


def playing(
    people: list[bytes], groups: list[bytes], bound: bytes, told: bytes = b""
) -> tuple[Play, list[bytes]]:
    """A directory with these answers, and the list of all it was asked. `told`: who is bound."""
    asked: list[bytes] = []

    def play(operation: int, body: bytes) -> list[bytes]:
        asked.append(body)
        if operation == messages.BIND:
            return [bound if PASSWORD.reveal().encode() in body else ended(messages.BOUND, 49)]
        if operation == messages.EXTENDED:
            assert messages.WHO_AM_I.encode() in body
            return [told or who("u:CORP\\ada")]
        return groups if IN_CHAIN.encode() in body else people

    return play, asked


@asynccontextmanager
async def serving(play: Play) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        data = b""
        try:
            while more := await reader.read(65536):
                data += more
                while (taken := messages.take(data)) is not None:
                    request, length = taken
                    data = data[length:]
                    number = tlv(2, bytes([request.number]))
                    if request.operation != messages.UNBIND:
                        answers = play(request.operation, request.body)
                        writer.write(b"".join(tlv(0x30, number, one) for one in answers))
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def login(
    people: list[bytes],
    groups: list[bytes],
    *,
    typed: str = "CORP\\Ada",
    bound: bytes = ended(messages.BOUND),
    told: bytes = b"",
    **more: object,
) -> tuple[Principal, list[bytes]]:
    play, asked = playing(people, groups, bound, told)
    async with serving(play) as url:
        table: dict[str, object] = {
            "style": "ad",
            "url": url,
            "start_tls": False,
            "base_dn": "DC=corp,DC=example",
            "user_dn": "{user}@{domain}",
            "domains": ["corp.example", "CORP"],
            "groups": {GROUP.lower(): "administrator"},
            **more,
        }
        provider = made_of(table).provider
        try:
            return await provider.authenticate(parse_account(typed), PASSWORD), asked
        finally:
            await provider.close()


async def test_a_direct_bind_by_upn_and_groups_in_groups() -> None:
    principal, asked = await login(found(ADA), found((GROUP, {})))
    assert principal == Principal(
        name="ada@corp.example",
        user_name="CORP\\Ada",
        full_name="Ada Lovelace",
        roles=("administrator",),
        provider="corp",
    )
    bind, _, people, groups = asked
    assert b"Ada@corp.example" in bind
    assert b"sAMAccountName" in people
    # (member:1.2.840.113556.1.4.1941:=DN), as MS-ADTS 3.1.1.3.4.4.3 has it.
    chain = tlv(0x81, IN_CHAIN.encode()) + tlv(0x82, b"member") + tlv(0x83, DN.encode())
    assert tlv(0xA9, chain) in groups
    # And of those, the groups of the settings: else there may be more than one answer may hold.
    assert tlv(0xA3, tlv(4, b"cn"), tlv(4, b"vcenter admins")) in groups


@pytest.mark.parametrize(
    ("typed", "upn"),
    [
        ("ada", "ada@corp.example"),
        ("SALES\\ada", "ada@sales.example"),
        ("ada@sales.example", "ada@sales.example"),
    ],
)
async def test_a_short_name_stands_for_its_own_suffix(typed: str, upn: str) -> None:
    more: dict[str, Any] = {"domain_map": {"SALES": "sales.example"}}
    principal, asked = await login(found(ADA), found(), typed=typed, **more)
    assert upn.encode() in asked[0]
    assert principal.name == "ada@corp.example"
    assert principal.roles == ()


@pytest.mark.parametrize(
    ("people", "kind", "why"),
    [
        (found(), IdentityUnavailable, "may not read"),
        (found(ADA, ADA), BadCredentials, "more than one"),
        (found(ADA, code=4), BadCredentials, "more than one"),
        (found(code=1), IdentityUnavailable, "code 1"),
        (found(without("sAMAccountName")), IdentityUnavailable, "no account name"),
        (
            found(without("", sAMAccountName=["a\\b\\c"])),
            IdentityUnavailable,
            "no account name",
        ),
        (found((DN, {**ADA[1], "userAccountControl": ["514"]})), BadCredentials, "disabled"),
        (found((DN, {**ADA[1], "accountExpires": ["1"]})), BadCredentials, "expired"),
    ],
)
async def test_after_a_bind_that_succeeded(
    people: list[bytes], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        await login(people, found())


@pytest.mark.parametrize("code", [3, 4, 11])
async def test_groups_that_cannot_be_told_are_an_outage_for_this_one(code: int) -> None:
    """Rights that are cut short could be too few. `reached`: the breaker stays closed to others."""
    with pytest.raises(IdentityUnavailable, match="too many groups") as outage:
        await login(found(ADA), found((GROUP, {}), code=code))
    assert outage.value.answered


@pytest.mark.parametrize(("code", "answered"), [(3, True), (11, True), (18, True), (51, False)])
async def test_a_search_for_somebody_that_goes_too_far_is_about_that_name(
    code: int, answered: bool
) -> None:
    with pytest.raises(IdentityUnavailable, match=f"code {code}") as outage:
        await login(found(code=code), found())
    assert outage.value.answered is answered


@each(
    ("code", "kind", "answered"),
    [
        (2, IdentityUnavailable, True),
        (3, IdentityUnavailable, True),
        (7, IdentityUnavailable, False),
        (8, IdentityUnavailable, False),
        (10, IdentityUnavailable, True),
        (11, IdentityUnavailable, True),
        (13, IdentityUnavailable, False),
        (48, BadCredentials, True),
        (50, IdentityUnavailable, True),
        (51, IdentityUnavailable, False),
        (52, IdentityUnavailable, False),
        (53, IdentityUnavailable, True),
        (80, IdentityUnavailable, False),
        (118, IdentityUnavailable, True),
    ],
)
async def test_how_a_bind_may_end(code: int, kind: type[Exception], answered: bool) -> None:
    with pytest.raises(kind) as ended_so:
        await login(found(ADA), found(), bound=ended(messages.BOUND, code))
    if isinstance(ended_so.value, IdentityUnavailable):
        assert ended_so.value.answered is answered


BOB = "CN=Bob,OU=People,DC=corp,DC=example"


@pytest.mark.parametrize(
    ("told", "entry"),
    [
        # The UPN is Bob's, the account name Ada's: his password must not open her session.
        (who("u:CORP\\bob"), ADA),
        (who(f"dn:{BOB}"), ADA),
        # An account name of another domain in the forest.
        (who("u:SALES\\ada"), ADA),
        (who("u:SALES\\ada"), without("msDS-PrincipalName")),
        (who(""), ADA),
        (who("u:"), ADA),
    ],
)
async def test_sec_89_who_is_bound_and_whose_entry_is_read_are_one_person(
    told: bytes, entry: tuple[str, Facts]
) -> None:
    mixed = "(sAMAccountName={user})"
    with pytest.raises(BadCredentials, match="another's in the search") as refused:
        await login(found(entry), found((GROUP, {})), told=told, user_filter=mixed)
    assert not refused.value.guess, "the password was right"


@pytest.mark.parametrize("told", [who(f"dn:{DN.lower()}"), who("u:CORP\\Ada")])
async def test_sec_89_the_entry_of_who_is_bound_is_read(told: bytes) -> None:
    principal, _ = await login(found(ADA), found(), told=told)
    assert principal.name == "ada@corp.example"


async def test_sec_89_where_nobody_says_who_is_bound_the_bind_name_decides() -> None:
    silent = ended(messages.EXTENDED_DONE, 2, "unsupported extended operation")
    entry = without("", userPrincipalName=["ADA@corp.example"])
    principal, _ = await login(found(entry), found(), told=silent)
    assert principal.name == "ada@corp.example"
    for other in (ADA, without("", userPrincipalName=["a.lovelace@corp.example"])):
        with pytest.raises(IdentityUnavailable, match="does not say who is bound") as puzzled:
            await login(found(other), found(), told=silent)
        assert puzzled.value.answered


SERVICE = {"bind_dn": "service@corp.example", "bind_password": Secret("service's")}


class Folding:
    """A directory that compares as Active Directory does, and refuses every password but one."""

    def __init__(self, name: str) -> None:
        self.name = plain_letters(name)
        self.checked = 0

    def play(self, operation: int, body: bytes) -> list[bytes]:
        is_asked = self.name in plain_letters(body.decode("utf-8", "replace").casefold())
        if operation != messages.BIND:
            return found(ADA) if is_asked else found()
        if b"service's" in body:
            return [ended(messages.BOUND)]
        self.checked += is_asked or DN.encode() in body
        return [ended(messages.BOUND, 49)]


@pytest.mark.parametrize("user_dn", [None, "{user}@{domain}", "cn={user},ou=p,dc=corp"])
@pytest.mark.parametrize("service", [SERVICE, {}])
async def test_sec_77_marks_on_letters_give_no_further_tries(
    user_dn: str | None, service: dict[str, object]
) -> None:
    if user_dn is None and not service:
        return  # nobody could look up whom to bind as
    spellings = ["müller", "muller", "mu\u0308ller", "MÜLLER", "mûller", "mülłer", "ｍüller"]
    directory = Folding("müller")
    tries, clock = LocalAttempts(Lockout(attempts=5)), FakeClock()
    outcomes = []
    async with serving(directory.play) as url:
        table: dict[str, object] = {
            "style": "ad",
            "url": url,
            "start_tls": False,
            "base_dn": "DC=corp,DC=example",
            "user_dn": user_dn,
            "domains": ["corp.example", "CORP"],
            **service,
        }
        provider = made_of({key: one for key, one in table.items() if one is not None}).provider
        assert isinstance(provider, TakesAttempts)
        for typed in spellings:
            attempt = Attempt(tries, "192.0.2.1", clock)
            try:
                await provider.attempt(parse_account(typed), PASSWORD, attempt)
            except (BadCredentials, LockedOut) as refused:
                outcomes.append(type(refused))
                await attempt.failed()
        await provider.close()
    assert outcomes == [BadCredentials] * 5 + [LockedOut] * 2
    assert directory.checked == 5


async def test_a_name_with_a_domain_of_its_own_keeps_it() -> None:
    facts = {**ADA[1], "userPrincipalName": ["A.Lovelace@Corp.example"]}
    principal, _ = await login(found((DN, facts)), found(), name_attribute="userPrincipalName")
    assert principal.name == "a.lovelace@corp.example"
    assert principal.user_name == "CORP.EXAMPLE\\A.Lovelace"


async def test_a_domain_controller_s_words_are_understood() -> None:
    text = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 775, v3839"
    with pytest.raises(BadCredentials, match="locked by the directory"):
        await login(found(ADA), found(), bound=ended(messages.BOUND, 49, text))
