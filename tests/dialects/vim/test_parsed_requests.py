"""Requests that are read once: which are kept, how many, and that the same bytes mean the same."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.dialects.vim.parsed_requests import LONGEST, MOST, Polls, RelayedPolls
from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.methods import METHODS, SESSION_MANAGER, Call
from sessiongate.wire.vim.relayed import Relayed, read_relayed
from sessiongate.wire.vim.request import VimRequest
from sessiongate.wire.vim.soap import read_request
from tests.dialects.vim.test_soap_endpoint import SOAP, THIS, Soap, credentials, soap

__all__ = ["soap"]

CALL = Call(SESSION_MANAGER, METHODS["SessionManager", "SessionIsActive"])


def asked(body: bytes = b"body", **facts: Any) -> VimRequest:
    return VimRequest(SESSION_MANAGER, "SessionIsActive", ours=CALL, body=body, **facts)


def kept(question: VimRequest) -> bool:
    polls = Polls()
    polls.keep(question)
    return question.body in polls


def test_what_was_kept_is_not_read_again() -> None:
    polls = Polls()
    question = asked(arguments={"session_id": "52"})
    polls.keep(question)
    polls.keep(asked(arguments={"session_id": "53"}))
    assert polls.read(b"body") is question
    with pytest.raises(Malformed):
        polls.read(b"Body")


def test_nothing_secret_is_kept() -> None:
    assert kept(asked())
    assert not kept(asked(arguments={"clone_ticket": Secret("cst-1")}))
    assert not kept(asked(carriers=(("vcSessionCookie", "5f"),)))
    assert not kept(asked(asserted=True))


def named(operation: str, method: str = "CurrentTime") -> bytes:
    header = f"<operationID>{operation}</operationID>"
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{header}</s:Header><s:Body>'
        f'<{method} xmlns="urn:vim25">{THIS["ServiceInstance"]}</{method}></s:Body></s:Envelope>'
    ).encode()


def test_requests_that_differ_in_their_operations_id_are_read_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    polls = Polls()
    first = polls.read(named("op-1"))
    polls.keep(first)
    second = named("op-2")
    expected = read_request(second)
    monkeypatch.delattr("sessiongate.wire.vim.soap.read_request")
    assert polls.read(second) == msgspec.structs.replace(expected, is_filled=True)
    with pytest.raises(AttributeError):
        polls.read(named("op-3", "RetrieveServiceContent"))


def test_an_id_that_only_looks_like_one_is_not_cut_out() -> None:
    polls = Polls()
    polls.keep(asked(named("op-1"), operation_id="op-9"))
    polls.keep(asked(b"no envelope", operation_id="op-9"))
    assert len(polls) == 0


def test_long_requests_are_not_kept_and_the_oldest_of_too_many_leave() -> None:
    assert kept(asked(bytes(LONGEST)))
    assert not kept(asked(bytes(LONGEST + 1)))
    polls = Polls()
    for number in range(MOST + 1):
        polls.keep(asked(str(number).encode()))
    assert len(polls) == MOST
    assert b"0" not in polls
    assert b"1" in polls


async def test_only_what_a_live_session_was_answered_or_has_opened_one_is_kept(soap: Soap) -> None:
    await soap.call("CurrentTime", on="ServiceInstance")
    await soap.call("RetrieveServiceContent", on="ServiceInstance")
    assert len(soap.endpoint.polls) == 0
    token = (await soap.login("ada")).token
    assert len(soap.endpoint.polls) == 1
    await soap.call("SetLocale", "<locale>xx_YY</locale>", token=token)
    assert len(soap.endpoint.polls) == 1
    await soap.call("CurrentTime", on="ServiceInstance", token=token)
    assert len(soap.endpoint.polls) == 2


async def test_the_same_bytes_are_judged_anew_for_each_caller(soap: Soap) -> None:
    ada, bob = await soap.login("ada"), await soap.login("bob")
    key = ada.returned.children[0].text
    members = f"<sessionID>{key}</sessionID><userName>ada</userName>"
    for _ in range(2):
        assert (
            await soap.call("SessionIsActive", members, token=ada.token)
        ).returned.text == "true"
        assert (
            await soap.call("SessionIsActive", members, token=bob.token)
        ).fault == "NoPermission"
        assert (await soap.call("SessionIsActive", members)).fault == "NotAuthenticated"
    await soap.call("Logout", token=ada.token)
    assert (
        await soap.call("SessionIsActive", members, token=ada.token)
    ).fault == "NotAuthenticated"


def login(name: str, password: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><Login xmlns="urn:vim25">{THIS["SessionManager"]}'
        f"{credentials(name, password)}</Login></s:Body></s:Envelope>"
    ).encode()


def _texts(held: object) -> Iterator[bytes]:
    """All texts in this, however deep."""
    if isinstance(held, Secret):
        held = held.reveal()
    if isinstance(held, str | bytes):
        yield held.encode() if isinstance(held, str) else held
    elif isinstance(held, Mapping):
        yield from _texts([*held.items()])
    elif isinstance(held, list | tuple):
        for one in held:
            yield from _texts(one)
    elif isinstance(held, msgspec.Struct):
        yield from _texts([getattr(held, name) for name in held.__struct_fields__])
    elif hasattr(held, "__dict__"):
        yield from _texts(vars(held))


async def test_logins_are_read_once_and_no_password_is_in_what_is_kept(soap: Soap) -> None:
    body = login("ada", "adaada")
    first = await soap.send(body)
    assert first.status == 200
    token = dict(first.headers)["set-cookie"].split('"')[1]
    # Again, now within a session: refused, and nothing more is kept.
    again = await soap.send(body, headers=[("cookie", f"vmware_soap_session={token}")])
    assert again.status == 500
    polls = soap.endpoint.polls
    assert body not in polls
    assert len(polls) == 1
    held = list(_texts(vars(polls)))
    assert any(b"SessionManager" in one for one in held)
    assert not any(b"ada" in one for one in held)


async def test_of_logins_that_are_read_once_each_is_judged(
    soap: Soap, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await soap.send(login("ada", "adaada"))).status == 200
    monkeypatch.delattr("sessiongate.wire.vim.soap.read_request")
    assert b"InvalidLogin" in (await soap.send(login("ada", "bobbob"))).body
    bob = await soap.send(login("bob", "bobbob"))
    assert bob.status == 200
    assert b"<userName>bob</userName>" in bob.body


async def test_a_login_that_was_refused_is_not_kept(soap: Soap) -> None:
    assert (await soap.send(login("ada", "bobbob"))).status == 500
    assert len(soap.endpoint.polls) == 0


def relayed(method: str, kind: str = "Folder", more: str = "") -> Relayed:
    return read_relayed(envelope(method, kind, "group-d1", more))


def kept_by_relay(request: Relayed) -> bool:
    polls = RelayedPolls()
    polls.keep(request)
    return polls.known(request.document) is request


def test_of_what_an_upstream_answers_reads_are_kept() -> None:
    assert kept_by_relay(relayed("Fetch", more="<prop>name</prop>"))
    assert kept_by_relay(relayed("CurrentTime", "ServiceInstance"))
    for changing in ("CreateFolder", "NobodyKnowsThis"):
        assert not kept_by_relay(relayed(changing))


def test_nothing_that_goes_to_a_guest_is_kept() -> None:
    secret = "<auth><password>hunter2</password></auth>"
    assert not kept_by_relay(relayed("ListFilesInGuest", "GuestFileManager", secret))


PIECES = st.sampled_from(
    [
        "<operationID>",
        "</operationID>",
        "<operationID>{id}</operationID>",
        "<a>session[52]x</a>",
        "<sessionId>52</sessionId>",
        "<b type='Folder'>group-d1</b>",
        "<!-- x -->",
        "<vcSessionCookie>t</vcSessionCookie>",
        "operationID",
        "é",
        " ",
    ]
)
TEXTS = st.sampled_from(["a", "b-1", "SessionManager", "longer/than:the.others", "52", "&amp;"])


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=4), st.lists(TEXTS, min_size=2))
def test_what_differs_in_its_operations_id_alone_is_read_as_it_would_be_anew(
    header: list[str], members: list[str], texts: list[str]
) -> None:
    """Whatever was kept, the same bytes are the same request."""
    polls = RelayedPolls()
    for text in texts:
        body = (
            f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{"".join(header)}</s:Header><s:Body>'
            f'<Fetch xmlns="urn:vim25">{THIS["ServiceInstance"]}{"".join(members)}</Fetch>'
            "</s:Body></s:Envelope>"
        ).replace("{id}", text)
        document = body.encode()
        kept = polls.read(document)
        try:
            anew = read_relayed(document)
        except Malformed:
            assert kept is None
            continue
        assert kept in (None, anew)
        polls.keep(anew)
        assert polls.read(document) in (None, anew)


def test_calls_that_an_upstream_answers_are_read_once_whatever_they_are_called() -> None:
    polls = RelayedPolls()
    polls.keep(read_relayed(named("op-1")))
    assert len(polls) == 1
    longer = named("op-1/and-more")
    assert polls.read(longer) == read_relayed(longer)
    assert polls.read(named("op-1", "Fetch")) is None
