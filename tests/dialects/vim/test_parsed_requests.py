"""Requests that are read once: which are kept, how many, and that the same bytes mean the same."""

from sessiongate.dialects.vim.calls import Asked
from sessiongate.dialects.vim.parsed_requests import LONGEST, MOST, Polls
from sessiongate.secret import Secret
from sessiongate.testing import a_session
from sessiongate.wire.vim.methods import METHODS, SESSION_MANAGER, Call
from sessiongate.wire.vim.soap import Message
from sessiongate.wire.xml import Element
from tests.dialects.vim.test_soap_endpoint import SOAP, THIS, Soap, credentials, soap

__all__ = ["soap"]

CALL = Call(SESSION_MANAGER, METHODS["SessionManager", "SessionIsActive"])
PLAIN = Message(Element("", "", {}, []), ())


def asked(**arguments: object) -> Asked:
    return Asked(SESSION_MANAGER, CALL, arguments, a_session())


def kept(message: Message, question: Asked, body: bytes = b"body") -> bool:
    polls = Polls()
    polls.keep(body, message, question)
    return polls.recall(body) is not None


def test_what_is_recalled_is_the_question_and_not_who_asked() -> None:
    polls = Polls()
    polls.keep(b"body", PLAIN, asked(session_id="52"))
    found = polls.recall(b"body")
    assert found == (Asked(SESSION_MANAGER, CALL, {"session_id": "52"}, None), CALL)
    assert polls.recall(b"Body") is None


def test_only_a_live_session_has_its_requests_kept() -> None:
    question = asked()
    question.caller = None
    assert not kept(PLAIN, question)
    assert not kept(PLAIN, Asked(SESSION_MANAGER, None, {}, a_session()))
    assert kept(PLAIN, asked())


def test_nothing_secret_is_kept() -> None:
    inner = Element("", "", {}, [])
    assert not kept(PLAIN, asked(clone_ticket=Secret("cst-1")))
    assert not kept(Message(inner, (("vcSessionCookie", "5f"),)), asked())
    assert not kept(Message(inner, (), asserted=True), asked())


def test_an_operation_with_an_id_of_its_own_is_not_kept() -> None:
    assert not kept(Message(Element("", "", {}, []), (), "op-17"), asked())


def test_long_requests_are_not_kept_and_the_oldest_of_too_many_leave() -> None:
    assert kept(PLAIN, asked(), bytes(LONGEST))
    assert not kept(PLAIN, asked(), bytes(LONGEST + 1))
    polls = Polls()
    for number in range(MOST + 1):
        polls.keep(str(number).encode(), PLAIN, asked())
    assert len(polls) == MOST
    assert polls.recall(b"0") is None
    assert polls.recall(b"1") is not None


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


async def test_no_password_is_in_what_is_kept(soap: Soap) -> None:
    body = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><Login xmlns="urn:vim25">{THIS["SessionManager"]}'
        f"{credentials('ada', 'adaada')}</Login></s:Body></s:Envelope>"
    ).encode()
    first = await soap.send(body)
    assert first.status == 200
    token = dict(first.headers)["set-cookie"].split('"')[1]
    # Again, now within a session: refused, and still not kept.
    again = await soap.send(body, headers=[("cookie", f"vmware_soap_session={token}")])
    assert again.status == 500
    assert soap.endpoint.polls.recall(body) is None
    assert len(soap.endpoint.polls) == 0
