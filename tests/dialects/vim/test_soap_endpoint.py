"""SOAP's endpoint over the real services: cookies, statuses, faults."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.dialects.vim.soap_endpoint import VimSoapEndpoint, service_versions_reply
from sessiongate.http import router as routes
from sessiongate.http.message import Reply, Request
from sessiongate.http.router import Route, Routes
from sessiongate.identity.tokens import saml_signature
from sessiongate.session import Caps
from sessiongate.wire.vim import login_token
from sessiongate.wire.vim.methods import OBJECTS, Method, Property
from sessiongate.wire.vim.methods import SESSION_METHODS as METHODS
from sessiongate.wire.vim.methods import SESSION_PROPERTIES as PROPERTIES
from sessiongate.wire.xml import LARGEST, MOST_WORK, Element, parse
from tests.gate import Gate

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
TYPE = (XSI, "type")
THIS = {kind: f'<_this type="{mo.kind}">{mo.name}</_this>' for kind, mo in OBJECTS.items()}
COOKIE = re.compile(r'vmware_soap_session="([0-9a-f]{40})"; Path=/; HttpOnly; Secure; ')


@dataclass
class Answer:
    """A reply, read as a client reads it."""

    reply: Reply
    inner: Element = field(init=False)

    def __post_init__(self) -> None:
        assert self.reply.headers[0] == ("content-type", "text/xml; charset=utf-8")
        (body,) = parse(self.reply.body, work=MOST_WORK).children
        (self.inner,) = body.children

    @property
    def status(self) -> int:
        return self.reply.status

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.reply.headers if key == name]

    @property
    def token(self) -> str:
        (cookie,) = self.all("set-cookie")
        found = COOKIE.fullmatch(cookie)
        assert found is not None, cookie
        return found[1]

    @property
    def returned(self) -> Element:
        assert self.status == 200, self.reply.body
        (value,) = self.inner.children
        return value

    @property
    def detail(self) -> Element:
        detail = self.inner.child("detail")
        assert detail is not None, self.reply.body
        (fault,) = detail.children
        return fault

    @property
    def fault(self) -> str:
        assert not self.all("set-cookie")
        assert self.inner.children[0].text == "ServerFaultCode"
        kind = self.detail.attributes[TYPE]
        assert (self.detail.namespace, self.detail.name) == ("urn:vim25", f"{kind}Fault")
        return kind

    @property
    def text(self) -> str:
        return self.inner.children[1].text


class Soap:
    """A client of the endpoint."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.endpoint = VimSoapEndpoint(gate.sessions, gate.logins, gate.bearers, gate.center)
        soap = Route("/sdk", self.endpoint, self.endpoint.refuse)
        below = Route("/sdk/", self.endpoint, self.endpoint.refuse)
        self.handler = Routes([soap, below], Route("", routes.nowhere, routes.refuse))

    async def send(
        self, body: bytes, *, verb: str = "POST", path: str = "/sdk", secure: bool = True,
        headers: list[tuple[str, str]] | None = None,
    ) -> Reply:  # fmt: skip
        return await self.handler(Request(verb, path, "", headers or [], body, "192.0.2.7", secure))

    async def call(
        self, name: str, members: str = "", *, on: str = "SessionManager", token: str = "",
        cookie: str = "", header: str = "", this: str = "", **facts: Any,
    ) -> Answer:  # fmt: skip
        head = f"<s:Header>{header}</s:Header>" if header else ""
        document = (
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:xsi="{XSI}">{head}<s:Body>'
            f'<{name} xmlns="urn:vim25">{this or THIS[on]}{members}</{name}></s:Body></s:Envelope>'
        )
        headers = [("cookie", cookie or f'vmware_soap_session="{token}"')]
        return Answer(await self.send(document.encode(), headers=headers, **facts))

    async def login(self, name: str, *, locale: str = "", **facts: Any) -> Answer:
        return await self.call("Login", credentials(name, name + name, locale), **facts)

    async def fetch(self, name: str, **facts: Any) -> Answer:
        return await self.call("Fetch", f"<prop>{name}</prop>", **facts)

    async def who(self, **facts: Any) -> str | None:
        """Whose session a request is in."""
        answer = await self.fetch("currentSession", **facts)
        assert answer.status == 200
        if not answer.inner.children:
            return None
        user = answer.returned.child("userName")
        assert user is not None
        return user.text


def credentials(name: str, password: str, locale: str = "") -> str:
    said = f"<locale>{locale}</locale>" if locale else ""
    return f"<userName>{name}</userName><password>{password}</password>{said}"


@pytest.fixture
def soap(gate: Gate) -> Soap:
    return Soap(gate)


# The cookie


async def test_a_login_sets_the_cookie_of_the_session(soap: Soap) -> None:
    answer = await soap.login("ada")
    assert answer.inner.name == "LoginResponse"
    assert answer.returned.children[0].text not in answer.token
    assert await soap.who(token=answer.token) == "ada"
    assert ("cache-control", "no-cache") in answer.reply.headers


async def test_sec_20_the_cookie_is_the_vendors_and_secure_under_tls_only(soap: Soap) -> None:
    (cookie,) = (await soap.login("ada")).all("set-cookie")
    assert COOKIE.fullmatch(cookie)
    assert "domain" not in cookie.lower()
    (plain,) = (await soap.login("ada", secure=False)).all("set-cookie")
    assert re.fullmatch(r'vmware_soap_session="[0-9a-f]{40}"; Path=/; HttpOnly; ', plain)


async def test_sec_50_73_75_no_document_is_larger_than_any_assertion(soap: Soap) -> None:
    """Of a megabyte, each took twenty milliseconds and more of everybody's time."""
    assert saml_signature.LARGEST == login_token.LARGEST == LARGEST
    token = (await soap.login("ada")).token

    async def sized(size: int, token: str = "") -> Answer:
        header = "<Security><Assertion>{}</Assertion></Security>"
        text = "x" * (size - 500)
        return await soap.call(
            "CurrentTime", on="ServiceInstance", header=header.format(text), token=token
        )

    assert (await sized(LARGEST)).fault == "NotAuthenticated"
    assert (await sized(LARGEST, token)).status == 200
    for somebody in ("", "0" * 40, token):
        refused = await sized(LARGEST + 1_000, somebody)
        assert (refused.status, "larger than" in refused.text) == (500, True)
    unread = Answer(await soap.send(b"<" * (LARGEST + 1)))
    assert "larger than" in unread.text


ARGUMENTS: Mapping[str, str] = {
    "Login": credentials("ada", "adaada"),
    "LoginBySSPI": "<base64Token>AAAA</base64Token>",
    "LoginExtension": "<extensionKey>k</extensionKey>"
    "<base64SignedCredentials>AAAA</base64SignedCredentials>",
    "LoginExtensionByCertificate": "<extensionKey>k</extensionKey>",
    "LoginExtensionBySubjectName": "<extensionKey>k</extensionKey>",
    "ImpersonateUser": "<userName>bob</userName>",
    "SessionIsActive": "<sessionID>k</sessionID><userName>ada</userName>",
    "TerminateSession": "<sessionId>k</sessionId>",
    "SetLocale": "<locale>de</locale>",
    "UpdateServiceMessage": "<message>down at five</message>",
    "CloneSession": "<cloneTicket>t</cloneTicket>",
    "AcquireLocalTicket": "<userName>ada</userName>",
    "AcquireGenericServiceTicket": '<spec xsi:type="SessionManagerVmomiServiceRequestSpec">'
    "<method>m</method></spec>",
    "RetrieveProperties": "<specSet/>",
    "RetrievePropertiesEx": "<specSet/>",
}


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
async def test_only_what_opens_a_session_sets_a_cookie(soap: Soap, method: Method) -> None:
    await soap.login("bob")
    # Ways in are for those who are not in yet, but for impersonation.
    anonymous = method.opens and method.name != "ImpersonateUser"
    token = "" if anonymous else (await soap.login("ada")).token
    members = ARGUMENTS.get(method.name, "")
    answer = await soap.call(method.name, members, on=method.on, token=token)
    opened = answer.status == 200 and method.opens
    assert len(answer.all("set-cookie")) == opened
    assert opened == (method.name in ("Login", "ImpersonateUser"))
    if answer.status == 200:
        assert answer.inner.name == f"{method.name}Response"
    else:
        assert answer.fault in method.faults or answer.fault == "InvalidRequest"


async def test_clones_and_impersonations_bring_a_new_token(soap: Soap) -> None:
    ada = (await soap.login("ada")).token
    ticket = (await soap.call("AcquireCloneTicket", token=ada)).returned.text
    clone = await soap.call("CloneSession", f"<cloneTicket>{ticket}</cloneTicket>")
    assert await soap.who(token=clone.token) == "ada"
    await soap.login("bob")
    turned = await soap.call("ImpersonateUser", "<userName>bob</userName>", token=clone.token)
    assert await soap.who(token=turned.token) == "bob"
    assert await soap.who(token=clone.token) is None
    assert len({ada, clone.token, turned.token}) == 3


@pytest.mark.parametrize(
    "shape",
    [
        "vmware_soap_session={}",
        'vmware_soap_session="{}"',
        'vmware_soap_session="{}"; Path=/; HttpOnly; Secure; ',
        'other=1; vmware_soap_session="{}"; another="2"',
        ' vmware_soap_session = "{}" ;HttpOnly',
        'vmware_soap_session="{0}"; vmware_soap_session={0}',
    ],
)
async def test_the_cookie_comes_back_in_many_shapes(soap: Soap, shape: str) -> None:
    token = (await soap.login("ada")).token
    assert await soap.who(cookie=shape.format(token)) == "ada"


async def test_a_soap_header_carries_the_session_too(soap: Soap) -> None:
    token = (await soap.login("ada")).token
    header = f"<vcSessionCookie>{token}</vcSessionCookie>"
    assert await soap.who(header=header) == "ada"
    assert await soap.who(header=header, token=token) == "ada"


async def test_sec_19_two_carriers_that_disagree_are_refused(soap: Soap) -> None:
    ada, bob = (await soap.login("ada")).token, (await soap.login("bob")).token
    both = f"vmware_soap_session={ada}; vmware_soap_session={bob}"
    header = f"<vcSessionCookie>{bob}</vcSessionCookie>"
    for answer in (
        await soap.fetch("currentSession", cookie=both),
        await soap.fetch("currentSession", token=ada, header=header),
        await soap.fetch("currentSession", header=header + header.replace(bob, ada)),
        await soap.login("ada", cookie=both),
    ):
        assert (answer.status, answer.fault) == (500, "NotAuthenticated")


async def test_sec_03_a_chosen_token_is_never_adopted(soap: Soap) -> None:
    chosen = "0123456789abcdef0123456789abcdef01234567"
    answer = await soap.login("ada", token=chosen)
    assert answer.token != chosen
    assert await soap.who(token=chosen) is None


async def test_sec_02_a_key_is_no_token_and_sec_16_neither_is_a_ticket(soap: Soap) -> None:
    answer = await soap.login("ada")
    key = answer.returned.children[0].text
    ticket = (await soap.call("AcquireCloneTicket", token=answer.token)).returned.text
    assert await soap.who(token=key) is None
    assert await soap.who(token=ticket) is None


# A session's life


async def test_a_second_login_needs_the_first_to_be_over(soap: Soap) -> None:
    token = (await soap.login("ada")).token
    assert (await soap.login("ada", token=token)).fault == "InvalidLogin"
    assert await soap.who(token=token) == "ada"
    assert (await soap.call("Logout", token=token)).inner.children == []
    assert (await soap.login("ada", token=token)).token != token
    old = (await soap.login("ada")).token
    soap.gate.clock.tick(timedelta(minutes=30))
    assert (await soap.login("ada", token=old)).token != old


async def test_sec_09_logging_out_twice_is_told(soap: Soap) -> None:
    token = (await soap.login("ada")).token
    await soap.call("Logout", token=token)
    again = await soap.call("Logout", token=token)
    never = await soap.call("Logout", token="f" * 40)
    assert again.fault == "NotAuthenticated"
    # Requirement 4: an ended token and one that never was look the same.
    assert (again.status, again.reply.body) == (never.status, never.reply.body)


async def test_wrong_and_unknown_look_the_same(soap: Soap) -> None:
    wrong = await soap.call("Login", credentials("ada", "wrong"))
    unknown = await soap.call("Login", credentials("nobody", "wrong"))
    assert (wrong.status, wrong.fault) == (500, "InvalidLogin")
    assert wrong.reply == unknown.reply
    assert b"wrong" not in wrong.reply.body
    assert (await soap.login("nil")).fault == "NoPermission"
    assert (await soap.login("ada", locale="xx!!")).fault == "InvalidLocale"
    assert await soap.gate.live() == []


async def test_calls_are_checked_before_they_are_done(soap: Soap) -> None:
    key = (await soap.login("bob")).returned.children[0].text
    bob = (await soap.login("bob")).token
    kill = f"<sessionId>{key}</sessionId>"
    nobody = await soap.call("TerminateSession", kill)
    assert nobody.fault == "NotAuthenticated"
    named = [(part.name, part.text) for part in nobody.detail.children]
    assert named == [
        ("object", "SessionManager"),
        ("privilegeId", "Sessions.TerminateSession"),
    ]
    assert (await soap.call("TerminateSession", kill, token=bob)).fault == "NoPermission"
    assert await soap.gate.live() == ["bob", "bob"]
    ada = (await soap.login("ada")).token
    assert (await soap.call("TerminateSession", kill, token=ada)).status == 200
    assert await soap.gate.live() == ["ada", "bob"]


# Properties


@pytest.mark.parametrize("prop", PROPERTIES.values(), ids=lambda prop: f"{prop.on}.{prop.name}")
async def test_every_property_is_fetched(soap: Soap, prop: Property) -> None:
    token = (await soap.login("ada")).token
    await soap.call("UpdateServiceMessage", "<message>&lt;hello&gt;</message>", token=token)
    value = (await soap.fetch(prop.name, on=prop.on, token=token)).returned
    kind = value.attributes[TYPE]
    wanted = prop.field.type
    assert kind in (wanted, f"xsd:{wanted}", f"ArrayOf{wanted[0].upper()}{wanted[1:]}")
    anonymous = await soap.fetch(prop.name, on=prop.on)
    if prop.privilege == "System.Anonymous":
        assert anonymous.status == 200
    else:
        assert anonymous.fault == "NotAuthenticated"
        assert anonymous.detail.children[-1].text == prop.privilege


async def test_fetching_the_session_of_nobody_gives_nothing(soap: Soap) -> None:
    answer = await soap.fetch("currentSession")
    assert (answer.status, answer.inner.name) == (200, "FetchResponse")
    assert answer.inner.children == []


async def test_the_list_of_sessions_needs_its_privilege(soap: Soap) -> None:
    bob = (await soap.login("bob")).token
    denied = await soap.fetch("sessionList", token=bob)
    assert denied.fault == "NoPermission"
    assert denied.detail.children[-1].text == "Sessions.TerminateSession"


def wanted(*paths: str, kind: str = "SessionManager") -> str:
    asked = "".join(f"<pathSet>{path}</pathSet>" for path in paths) or "<all>true</all>"
    mo = OBJECTS[kind]
    return (
        f"<specSet><propSet><type>{kind}</type>{asked}</propSet><objectSet>"
        f'<obj type="{kind}">{mo.name}</obj><skip>false</skip></objectSet></specSet>'
    )


async def retrieve(soap: Soap, members: str, **facts: Any) -> Answer:
    return await soap.call("RetrievePropertiesEx", members, on="PropertyCollector", **facts)


def names(content: Element, part: str) -> list[str]:
    """The names in an ObjectContent's propSet or missingSet."""
    return [child.children[0].text for child in content.children if child.name == part]


async def test_all_properties_for_nobody(soap: Soap) -> None:
    (content,) = (await retrieve(soap, wanted() + "<options/>")).returned.children
    assert content.name == "objects"
    assert content.children[0].attributes == {("", "type"): "SessionManager"}
    assert set(names(content, "propSet")) == {
        "defaultLocale",
        "messageLocaleList",
        "supportedLocaleList",
    }
    missing = {
        one.children[0].text: one.children[1].children[0]
        for one in content.children
        if one.name == "missingSet"
    }
    assert {
        path: (fault.attributes[TYPE], fault.children[-1].text) for path, fault in missing.items()
    } == {
        "message": ("NotAuthenticated", "System.View"),
        "sessionList": ("NotAuthenticated", "Sessions.TerminateSession"),
    }


async def test_all_properties_for_a_plain_user_lack_the_list(soap: Soap) -> None:
    token = (await soap.login("bob")).token
    (content,) = (await retrieve(soap, wanted(), token=token)).returned.children
    assert names(content, "missingSet") == ["sessionList"]
    assert "currentSession" in names(content, "propSet")


async def test_only_the_session_for_nobody_is_an_object_with_nothing(soap: Soap) -> None:
    (content,) = (await retrieve(soap, wanted("currentSession"))).returned.children
    assert [part.name for part in content.children] == ["obj"]


async def test_the_older_retrieval_returns_the_objects_themselves(soap: Soap) -> None:
    members = wanted("currentSession", "defaultLocale") + wanted(
        "content.about.apiType", kind="ServiceInstance"
    )
    token = (await soap.login("ada")).token
    answer = await soap.call("RetrieveProperties", members, on="PropertyCollector", token=token)
    assert [part.name for part in answer.inner.children] == ["returnval"] * 2
    manager, instance = answer.inner.children
    assert names(manager, "propSet") == ["currentSession", "defaultLocale"]
    assert manager.children[1].children[1].attributes == {TYPE: "UserSession"}
    assert instance.children[1].children[1].text == "VirtualCenter"


@pytest.mark.parametrize("name", ["RetrieveProperties", "RetrievePropertiesEx"])
async def test_nothing_that_matches_returns_nothing(soap: Soap, name: str) -> None:
    members = wanted().replace("<type>SessionManager", "<type>VirtualMachine")
    answer = await soap.call(name, members, on="PropertyCollector")
    assert (answer.status, answer.inner.children) == (200, [])


# Faults


@pytest.mark.parametrize(
    ("name", "members", "this", "fault"),
    [
        ("Logout", "", "<_this/>", "InvalidRequest"),
        ("Logout", "", "<_this>SessionManager</_this>", "NotAuthenticated"),
        ("MakeDirectory", "", "<_this>FileManager</_this>", "NotAuthenticated"),
        ("Login", "<userName>ada</userName>", "", "InvalidRequest"),
        ("Login", credentials("ada", "<b/>"), "", "InvalidRequest"),
        ("Nonsense", "", "", "InvalidRequest"),
        ("CurrentTime", "", "", "MethodNotFound"),
        ("Fetch", "<prop>nonsense</prop>", "", "InvalidProperty"),
        ("Logout", "", '<_this type="VirtualMachine">vm-1</_this>', "ManagedObjectNotFound"),
    ],
)
async def test_what_is_not_there_is_a_fault(
    soap: Soap, name: str, members: str, this: str, fault: str
) -> None:
    answer = await soap.call(name, members, this=this)
    assert (answer.status, answer.fault) == (500, fault)


async def test_a_missing_object_is_named_and_escaped(soap: Soap) -> None:
    answer = await soap.call("Logout", this='<_this type="Virtual&lt;">vm-&lt;1</_this>')
    (obj,) = answer.detail.children
    assert (obj.name, obj.text, obj.attributes) == ("obj", "vm-<1", {("", "type"): "Virtual<"})


@pytest.mark.parametrize(
    ("name", "this", "fault"),
    [
        ("CreateFolder", '<_this type="Folder">group-d1</_this>', "NotSupported"),
        ("MakeDirectory", "<_this>FileManager</_this>", "NotSupported"),
        ("Nonesuch", "", "InvalidRequest"),
        ("PowerOnVM_Task", '<_this type="Folder">group-d1</_this>', "InvalidRequest"),
    ],
)
async def test_a_method_that_is_not_done_is_named(
    soap: Soap, name: str, this: str, fault: str
) -> None:
    answer = await soap.call(name, this=this, token=(await soap.login("ada")).token)
    assert answer.fault == fault
    (told,) = answer.detail.children
    assert (told.name, name in told.children[-1].text) == ("faultMessage", True)


@pytest.mark.parametrize("body", [b"", b"<", b"{}", b"<!DOCTYPE x><x/>", b"<x/>"])
async def test_what_cannot_be_read_is_the_clients_fault(soap: Soap, body: bytes) -> None:
    answer = Answer(await soap.send(body))
    assert answer.status == 500
    assert [part.name for part in answer.inner.children] == ["faultcode", "faultstring"]
    assert answer.inner.children[0].text == "ClientFaultCode"
    assert answer.text.startswith("\n")
    assert "while parsing HTTP request before method was determined" in answer.text


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
async def test_sec_45_post_is_the_only_verb(soap: Soap, verb: str) -> None:
    answer = Answer(await soap.send(b"", verb=verb))
    assert (answer.status, answer.all("allow")) == (405, ["POST"])


@pytest.mark.parametrize("path", ["/sdk", "/sdk/", "/sdk/vimService"])
async def test_old_addresses_serve_too(soap: Soap, path: str) -> None:
    assert COOKIE.fullmatch((await soap.login("ada", path=path)).all("set-cookie")[0])


@pytest.mark.parametrize("path", ["/sdk/vimService.wsdl", "/sdk//", "/sdk/vimservice", "/sdk/x"])
async def test_other_addresses_below_do_not(soap: Soap, path: str) -> None:
    assert (await soap.send(b"", path=path)).status == 404


async def test_faults_speak_the_language_of_who_asked(soap: Soap) -> None:
    german = "Die Anmeldung kann aufgrund eines falschen Benutzernamens oder Kennworts"
    wrong = await soap.call("Login", credentials("ada", "wrong", "de_AT"))
    assert wrong.text.startswith(german)
    token = (await soap.login("ada", locale="de")).token
    assert (await soap.login("ada", token=token)).text.startswith(german)
    english = await soap.call("Login", credentials("ada", "wrong", "xx!!"))
    assert english.text == "The locale is invalid or unknown to the server."


async def test_an_outage_is_503_with_a_fault(soap: Soap) -> None:
    soap.gate.identity.outage = True
    answer = await soap.login("ada")
    assert (answer.status, answer.fault) == (503, "SystemError")
    assert answer.all("retry-after") == ["5"]


async def test_sec_48_where_the_store_cannot_answer_nobody_gets_in(gate: Gate) -> None:
    gate.store.away.add("use")
    answer = await Soap(gate).fetch("currentSession", token="f" * 40)
    assert (answer.status, answer.fault) == (503, "SystemError")
    assert "disk" not in answer.reply.body.decode()


async def test_a_cap_is_503_and_a_place_may_become_free(tmp_path: Path) -> None:
    soap = Soap(Gate(tmp_path, caps=Caps(total=1)))
    token = (await soap.login("ada")).token
    full = await soap.login("bob")
    assert (full.status, full.fault) == (503, "SystemError")
    assert full.all("retry-after") == ["30"]
    await soap.call("Logout", token=token)
    assert (await soap.login("bob")).status == 200


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
async def test_sec_51_an_unforeseen_error_tells_nothing(
    soap: Soap, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise ValueError("canary: /etc/secret line 7")

    token = (await soap.login("ada")).token
    monkeypatch.setitem(soap.gate.center._run, (method.on, method.name), fails)
    with structlog.testing.capture_logs() as logs:
        answer = await soap.call(
            method.name, ARGUMENTS.get(method.name, ""), on=method.on, token=token
        )
    assert (answer.status, answer.fault) == (500, "SystemError")
    assert answer.text == "A general system error occurred."
    for trace in (b"canary", b"ValueError", b"Traceback", b".py"):
        assert trace not in answer.reply.body
    # What the client does not hear, the log says.
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["unforeseen error"]


async def test_sec_52_a_hostile_name_stays_text(gate: Gate) -> None:
    name = "</userName><x>&"
    principal = gate.identity.add("mallory", "mallorymallory", "user")
    hostile = msgspec.structs.replace(principal, user_name=name, full_name=name)
    gate.identity._accounts["mallory"] = ("mallorymallory", hostile)
    answer = await Soap(gate).login("mallory")
    for member in ("userName", "fullName"):
        written = answer.returned.child(member)
        assert written is not None
        assert (written.text, written.children) == (name, [])
    assert b"<x>" not in answer.reply.body


# Anything else

PARTS = st.sampled_from(
    [
        *(name for _, name in METHODS),
        *(name for _, name in PROPERTIES),
        *(f"<{tag}>" for tag in ("prop", "/prop", "specSet", "/specSet", "obj", "userName")),
        *THIS.values(),
        *ARGUMENTS.values(),
        "Fetch",
        "&amp;",
        "]]>",
        "<![CDATA[",
        'xsi:type="UserSession"',
    ]
)


@given(st.text(max_size=40) | PARTS, st.lists(st.text(max_size=20) | PARTS, max_size=6))
def test_whatever_is_sent_a_soap_reply_comes_back(name: str, members: list[str]) -> None:
    """Any body gets a result, a vim25 fault or the client's own, and opens nothing by accident."""

    async def story() -> None:
        with TemporaryDirectory() as folder:
            soap = Soap(Gate(Path(folder)))
            inner = f'<{name} xmlns="urn:vim25">{"".join(members)}</{name}>'
            document = f'<s:Envelope xmlns:s="{SOAP}" xmlns:xsi="{XSI}"><s:Body>{inner}</s:Body>'
            body = f"{document}</s:Envelope>".encode("utf-8", "surrogatepass")
            answer = Answer(await soap.send(body))
            if answer.status == 200:
                assert answer.inner.name.endswith("Response")
            else:
                assert answer.status == 500
                code = answer.inner.children[0].text
                assert code == "ClientFaultCode" or answer.fault != "SystemError"
            assert len(await soap.gate.live()) == len(answer.all("set-cookie"))

    asyncio.run(story())


# The list of versions


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_the_list_of_versions_is_for_everybody(verb: str) -> None:
    request = Request(verb, "/sdk/vimServiceVersions.xml", "", [], b"", "192.0.2.7", True)
    reply = await service_versions_reply(request)
    assert reply.status == 200
    assert parse(reply.body).name == "namespaces"


async def test_the_list_of_versions_is_only_read() -> None:
    request = Request("POST", "/sdk/vimServiceVersions.xml", "", [], b"", "192.0.2.7", True)
    reply = await service_versions_reply(request)
    assert (reply.status, reply.headers) == (405, (("allow", "GET, HEAD"),))


def named(text: str) -> str:
    return f'<operationID xmlns="urn:vim25">{text}</operationID>'


async def test_the_id_of_an_operation_comes_back_with_a_result_and_with_a_fault(soap: Soap) -> None:
    done = await soap.call("CurrentTime", on="ServiceInstance", header=named("esxcli-7a-3"))
    assert done.fault == "NotAuthenticated"
    assert done.all("x-request-id") == ["esxcli-7a-3"]
    token = (await soap.login("ada")).token
    for number in range(3):
        header = named(f" k{number}:VcHealth@1 ")
        again = await soap.call("CurrentTime", on="ServiceInstance", token=token, header=header)
        assert again.status == 200
        assert again.all("x-request-id") == [f"k{number}:VcHealth@1"]


@pytest.mark.parametrize("text", ["a b", "x" * 129, "a&#13;&#10;Set-Cookie: b=c", "\u00e4"])
async def test_an_id_that_could_do_harm_comes_back_as_one_of_ours(soap: Soap, text: str) -> None:
    answer = await soap.call("CurrentTime", on="ServiceInstance", header=named(text))
    (given,) = answer.all("x-request-id")
    assert given.isalnum()
    assert len(given) == 16
    assert answer.all("set-cookie") == []


async def test_without_an_id_none_comes_back_and_the_headers_goes_before(soap: Soap) -> None:
    for header in ("", named("")):
        answer = await soap.call("CurrentTime", on="ServiceInstance", header=header)
        assert answer.all("x-request-id") == []
    document = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header>{named("inner")}</s:Header><s:Body>'
        f'<CurrentTime xmlns="urn:vim25">{THIS["ServiceInstance"]}</CurrentTime>'
        "</s:Body></s:Envelope>"
    )
    reply = await soap.send(document.encode(), headers=[("x-request-id", "outer")])
    assert Answer(reply).all("x-request-id") == ["outer"]
