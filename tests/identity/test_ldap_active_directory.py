"""What only Active Directory does, played by a server that answers as told.

It is no directory: it shows what we ask, and what we make of answers that slapd cannot give.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sessiongate.errors import BadCredentials, IdentityUnavailable
from sessiongate.identity import ldap_messages as messages
from sessiongate.identity.ldap import IN_CHAIN
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from tests.identity.test_ldap_messages import tlv
from tests.peers.ldap_house import made_of

DN = "CN=Ada Lovelace,OU=People,DC=corp,DC=example"
GROUP = "CN=vCenter Admins,OU=Groups,DC=corp,DC=example"
PASSWORD = Secret("right")

Facts = dict[str, Sequence[str]]
ADA: tuple[str, Facts] = (
    DN,
    {"sAMAccountName": ["Ada"], "displayName": ["Ada Lovelace"], "userAccountControl": ["512"]},
)


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


Play = Callable[[int, bytes], list[bytes]]
"""The operation and its bytes in, the answers out."""


def playing(people: list[bytes], groups: list[bytes], bound: bytes) -> tuple[Play, list[bytes]]:
    """A directory with these answers, and the list of all it was asked."""
    asked: list[bytes] = []

    def play(operation: int, body: bytes) -> list[bytes]:
        asked.append(body)
        if operation == messages.BIND:
            return [bound if PASSWORD.reveal().encode() in body else ended(messages.BOUND, 49)]
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
    **more: object,
) -> tuple[Principal, list[bytes]]:
    play, asked = playing(people, groups, bound)
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
    bind, people, groups = asked
    assert b"ada@corp.example" in bind
    assert b"sAMAccountName" in people
    # (member:1.2.840.113556.1.4.1941:=DN), as MS-ADTS 3.1.1.3.4.4.3 has it.
    chain = tlv(0x81, IN_CHAIN.encode()) + tlv(0x82, b"member") + tlv(0x83, DN.encode())
    assert tlv(0xA9, chain) in groups


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
        (found((DN, {"displayName": ["x"]})), IdentityUnavailable, "no account name"),
        (found((DN, {"sAMAccountName": ["a\\b\\c"]})), IdentityUnavailable, "no account name"),
        (found((DN, {**ADA[1], "userAccountControl": ["514"]})), BadCredentials, "disabled"),
        (found((DN, {**ADA[1], "accountExpires": ["1"]})), BadCredentials, "expired"),
    ],
)
async def test_after_a_bind_that_succeeded(
    people: list[bytes], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        await login(people, found())


async def test_groups_that_cannot_be_told_are_an_outage() -> None:
    """Rights that are cut short could be too few, and nobody would know why."""
    with pytest.raises(IdentityUnavailable, match="search for groups ended with code 4"):
        await login(found(ADA), found((GROUP, {}), code=4))


async def test_a_name_with_a_domain_of_its_own_keeps_it() -> None:
    facts = {**ADA[1], "userPrincipalName": ["A.Lovelace@Corp.example"]}
    principal, _ = await login(found((DN, facts)), found(), name_attribute="userPrincipalName")
    assert principal.name == "a.lovelace@corp.example"
    assert principal.user_name == "CORP.EXAMPLE\\A.Lovelace"


async def test_a_domain_controller_s_words_are_understood() -> None:
    text = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 775, v3839"
    with pytest.raises(BadCredentials, match="locked by the directory"):
        await login(found(ADA), found(), bound=ended(messages.BOUND, 49, text))
