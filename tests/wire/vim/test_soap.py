"""SOAP envelopes in and out, without a server."""

import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import (
    Malformed,
    SessionGateError,
    UnknownMethod,
    UnknownName,
    UnknownObject,
    UnknownProperty,
)
from sessiongate.secret import Secret
from sessiongate.wire.vim.faults import Fault
from sessiongate.wire.vim.methods import (
    METHODS,
    OBJECTS,
    PROPERTIES,
    PROPERTY_COLLECTOR,
    REFUSED,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
    SESSION_METHODS,
    Call,
    Method,
    keyword,
    session_object_id,
)
from sessiongate.wire.vim.soap import (
    ENVELOPE,
    SECURITY,
    Message,
    read_arguments,
    read_call,
    read_envelope,
    read_request,
    read_target,
    write_fault,
    write_result,
    write_unreadable,
)
from sessiongate.wire.vim.types import (
    BASES,
    LARGEST_LONG,
    MOREF,
    TYPES,
    Boxed,
    Data,
    Field,
    MoRef,
    Value,
)
from sessiongate.wire.xml import DEEPEST, MOST_ATTRIBUTES, MOST_ELEMENTS, Element, parse
from tests.each import each

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
VIM = "urn:vim25"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
TYPE = (XSI, "type")

LOGIN = METHODS["SessionManager", "Login"]
LOGOUT = METHODS["SessionManager", "Logout"]
TERMINATE = METHODS["SessionManager", "TerminateSession"]
TICKET = METHODS["SessionManager", "AcquireGenericServiceTicket"]
RETRIEVE_EX = METHODS["PropertyCollector", "RetrievePropertiesEx"]

THIS = '<_this type="SessionManager">SessionManager</_this>'


def envelope(inner: str, header: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="{SOAP}">{head}<s:Body>{inner}</s:Body></s:Envelope>'.encode()


def call(name: str, members: str = "", this: str = THIS) -> Element:
    document = envelope(f'<{name} xmlns="{VIM}" xmlns:xsi="{XSI}">{this}{members}</{name}>')
    return read_envelope(document).call


def arguments(method: Method, members: str) -> dict[str, Any]:
    return read_arguments(method, call(method.name, members))


def method_of(*fields: Field) -> Method:
    """A method with these parameters, for types that none of ours takes."""
    return Method("Test", "Test", fields, None, "", (), "test", "")


def one(kind: str, text: str) -> Any:
    """A text read as a parameter of this type."""
    return arguments(method_of(Field("it", kind)), f"<it>{text}</it>")["it"]


# Envelopes

PYVMOMI = f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"
 xmlns:soapenv="{SOAP}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="{XSI}">
<soapenv:Body><Login xmlns="urn:vim25"><_this versionId="8.0.2.0" type="SessionManager">\
SessionManager</_this><userName versionId="8.0.2.0">ada</userName>\
<password versionId="8.0.2.0">p&lt;w</password></Login></soapenv:Body></soapenv:Envelope>"""
GOVMOMI = f"""<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="{SOAP}"><Header><operationID xmlns="">4f1a</operationID></Header><Body>\
<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>\
<userName>ada</userName><password>p&lt;w</password></Login></Body></Envelope>"""
DOTNET = f"""<s:Envelope xmlns:s="{SOAP}"><s:Body xmlns:q="urn:vim25">
  <q:Login><q:_this type="SessionManager"> SessionManager </q:_this>
    <q:userName>ada</q:userName><q:password>p&lt;w</q:password></q:Login></s:Body></s:Envelope>"""
UNQUALIFIED = f"""<s:Envelope xmlns:s="{SOAP}"><s:Body xmlns:q="urn:vim25">
  <q:Login><_this type="SessionManager">SessionManager</_this>
    <userName>ada</userName><password><![CDATA[p<w]]></password></q:Login></s:Body></s:Envelope>"""


@pytest.mark.parametrize("document", [PYVMOMI, GOVMOMI, DOTNET, UNQUALIFIED])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_login_is_read_whoever_wrote_it(document: str, encoding: str) -> None:
    message = read_envelope(document.encode(encoding))
    target = read_target(message.call)
    assert target == SESSION_MANAGER
    assert read_call(message.call, target) == Call(SESSION_MANAGER, LOGIN)
    found = read_arguments(LOGIN, message.call)
    assert found.keys() == {"user_name", "password"}
    assert found["user_name"] == "ada"
    assert isinstance(found["password"], Secret)
    assert found["password"].reveal() == "p<w"
    assert message.carriers == ()


def test_an_envelope_in_utf_16_is_as_good() -> None:
    document = PYVMOMI.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    assert read_arguments(LOGIN, read_envelope(document).call)["user_name"] == "ada"


@pytest.mark.parametrize(
    ("header", "carriers"),
    [
        ("<operationID>1</operationID>", ()),
        ("<vcSessionCookie>abc</vcSessionCookie>", ("abc",)),
        ('<vcSessionCookie xmlns="urn:vim25"> "abc" </vcSessionCookie>', ("abc",)),
        (
            '<vcSessionCookie>vmware_soap_session="abc"; Path=/; HttpOnly</vcSessionCookie>',
            ("abc",),
        ),
        ("<vcSessionCookie>a</vcSessionCookie><vcSessionCookie>b</vcSessionCookie>", ("a", "b")),
        ("<vcSessionCookie/>", ("",)),
        ("<vcSessionCookie>\n\tabc\r\n</vcSessionCookie>", ("abc",)),
        ("<vcSessionCookie>abc\u00a0</vcSessionCookie>", ("abc\u00a0",)),
    ],
)
def test_a_header_may_carry_the_session(header: str, carriers: tuple[str, ...]) -> None:
    message = read_envelope(envelope("<x/>", header))
    assert message.carriers == tuple(("vcSessionCookie", text) for text in carriers)


@each(
    "document",
    [
        b"",
        b" ",
        b"{}",
        b"<",
        b"\xff\xfe",
        b"<x/>",
        PYVMOMI[:-1].encode(),
        f'<Body xmlns="{SOAP}"/>'.encode(),
        f'<Envelope xmlns="{SOAP}"/>'.encode(),
        f'<Envelope xmlns="{SOAP}"><Body/></Envelope>'.encode(),
        f'<Envelope xmlns="{SOAP}"><Body><a/><b/></Body></Envelope>'.encode(),
        f'<Envelope xmlns="{SOAP}"><Body><a/></Body><Body><a/></Body></Envelope>'.encode(),
        f'<Envelope xmlns="{SOAP}"><Body xmlns=""><a/></Body></Envelope>'.encode(),
        PYVMOMI.replace(SOAP, "http://www.w3.org/2003/05/soap-envelope").encode(),
        PYVMOMI.replace(f'"{SOAP}"', '""').encode(),
        PYVMOMI.replace("Envelope", "Letter").encode(),
    ],
)
def test_what_is_no_envelope_is_malformed(document: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(document)


BOMB = '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {after} "{f"&{name};" * 10}">'
    for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "billion laughs": f"{BOMB}]><z>&i;</z>".encode(),
    "billion laughs, UTF-16": f"{BOMB}]><z>&i;</z>".encode("utf-16"),
    "quadratic": f'<!DOCTYPE z [<!ENTITY a "{"a" * 50_000}">]><z>{"&a;" * 50_000}</z>'.encode(),
    "file": b'<!DOCTYPE z [<!ENTITY x SYSTEM "file:///etc/passwd">]><z>&x;</z>',
    "http": b'<!DOCTYPE z [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><z>&x;</z>',
    "parameter": b'<!DOCTYPE z [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><z/>',
    "external DTD": b'<!DOCTYPE z SYSTEM "http://127.0.0.1:1/z.dtd"><z/>',
    "undeclared entity": b"<z>&x;</z>",
    "after a declaration": b'<?xml version="1.0"?><!DOCTYPE z><z/>',
}
HUGE = {
    "deep": b"<a>" * 100_000,
    "deep and whole": b"<a>" * 100_000 + b"</a>" * 100_000,
    "many elements": b"<a>" + b"<b/>" * 400_000,
    "many attributes": b"<a " + b" ".join(b'b%d=""' % n for n in range(50_000)) + b"/>",
    "long attribute": b'<a b="' + b"x" * 10_000_000 + b'"/>',
    "long name": b"<" + b"x" * 10_000_000 + b"/>",
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-z/+AD4-',
    "EBCDIC": b'<?xml version="1.0" encoding="cp037"?><z/>',
    "UTF-16 said, UTF-8 sent": b'<?xml version="1.0" encoding="UTF-16"?><z/>',
    "broken UTF-8": b"<z>\xc0\xbc</z>",
    "NUL": b"<z>\x00</z>",
}


# Under a tracer (coverage) all of Python is several times slower.
AT_ONCE = 0.05 if sys.gettrace() is None else 0.5


def refused_at_once(document: bytes) -> None:
    """Refused within 50 ms of work, at the best of three tries, and without growing."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        with pytest.raises(Malformed):
            read_envelope(document)
        times.append(time.thread_time() - start)
    assert min(times) < AT_ONCE
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            read_envelope(document)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", HOSTILE)
def test_sec_49_no_document_types_no_entities_nothing_fetched(name: str) -> None:
    refused_at_once(HOSTILE[name])


@pytest.mark.slow
@each("name", HUGE)
def test_sec_50_depth_numbers_sizes_and_encodings_are_bounded(name: str) -> None:
    refused_at_once(HUGE[name])


@pytest.mark.parametrize("repeat", [DEEPEST, MOST_ELEMENTS - 10, MOST_ATTRIBUTES])
def test_sec_50_the_limits_leave_room_for_real_requests(repeat: int) -> None:
    keys = "<sessionId>52a67ed8-0f0b-1714-4534-86a177fc5158</sessionId>" * repeat
    assert len(arguments(TERMINATE, keys)["session_id"]) == repeat


@pytest.mark.slow
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_message_or_malformed(document: bytes) -> None:
    for body in (document, envelope("<x/>") + document, envelope("@").replace(b"@", document)):
        try:
            message = read_envelope(body)
        except Malformed:
            continue
        assert isinstance(message, Message)


# What a call addresses


@pytest.mark.parametrize(
    "this",
    ["", "<_this/>", '<_this type="SessionManager"> </_this>',
     '<_this type="SessionManager"><b/>SessionManager</_this>'],
)  # fmt: skip
def test_a_call_without_an_object_is_malformed(this: str) -> None:
    with pytest.raises(Malformed, match="_this"):
        read_target(call("Logout", this=this))


def of_kind(kind: str) -> MoRef:
    made = MoRef(kind, session_object_id(kind, "0f8fad5b-d9cb-469f-a165-70867728950e", bytes(16)))
    return OBJECTS.get(kind) or made


@pytest.mark.parametrize("known", [METHODS, REFUSED], ids=["answered", "refused"])
def test_every_method_of_the_table_is_addressed(known: Mapping[tuple[str, str], Method]) -> None:
    for (kind, name), method in known.items():
        target = of_kind(kind)
        for this in (target, MoRef("", target.name)):
            assert read_call(call(name), this) == Call(target, method)


def test_every_property_can_be_fetched() -> None:
    for (kind, name), prop in PROPERTIES.items():
        target = of_kind(kind)
        assert read_call(call("Fetch", f"<prop>{name}</prop>"), target) == Call(target, prop)


def test_the_id_alone_says_which_object_is_meant() -> None:
    for this in ("<_this>SessionManager</_this>", '<_this type="">SessionManager</_this>'):
        target = read_target(call("Logout", this=this))
        assert read_call(call("Logout", this=this), target) == Call(SESSION_MANAGER, LOGOUT)
        # Refusals name the object, and with its type.
        body = (
            f'<Envelope xmlns="{ENVELOPE}"><Body><Logout xmlns="urn:vim25">{this}</Logout></Body>'
        )
        assert read_request(f"{body}</Envelope>".encode()).target == SESSION_MANAGER
    with pytest.raises(UnknownObject):
        read_call(call("Logout"), MoRef("", "sessionManager"))


def test_the_name_of_the_api_before_2_5_is_taken_and_given_back() -> None:
    for name in ("RetrieveServiceContent", "CurrentTime"):
        body = (
            f'<Envelope xmlns="{ENVELOPE}"><Body><{name} xmlns="urn:vim2">'
            f"<_this>ServiceInstance</_this></{name}></Body></Envelope>"
        )
        read = read_request(body.encode())
        assert read.call.target == SERVICE_INSTANCE
        written = write_result(read.call, None, read.namespace)
        assert f'<{name}Response xmlns="urn:vim2">'.encode() in written


@each(
    ("document", "target", "error"),
    [
        (call("Logout"), MoRef("SessionManager", "sessionManager"), UnknownObject),
        (call("Logout"), MoRef("VirtualMachine", "vm-1"), UnknownObject),
        (call("Nonsense"), MoRef("VirtualMachine", "vm-1"), UnknownObject),
        (call("Nonsense"), SESSION_MANAGER, UnknownName),
        (call("logout"), SESSION_MANAGER, UnknownName),
        (call("CurrentTime"), SESSION_MANAGER, UnknownMethod),
        (call("Logout"), PROPERTY_COLLECTOR, UnknownMethod),
        (call("Fetch", "<prop>nonsense</prop>"), SESSION_MANAGER, UnknownProperty),
        (call("Fetch", "<prop>name</prop>"), SESSION_MANAGER, UnknownProperty),
        (call("Fetch", "<prop/>"), ROOT_FOLDER, UnknownProperty),
        (call("Fetch"), SESSION_MANAGER, Malformed),
        (call("Fetch", "<prop>message</prop><prop>message</prop>"), SESSION_MANAGER, Malformed),
        (Element("urn:vim24", "Logout", {}, []), SESSION_MANAGER, Malformed),
        (Element("", "Logout", {}, []), SESSION_MANAGER, Malformed),
    ],
)
def test_what_is_not_there_is_told_apart(
    document: Element, target: MoRef, error: type[SessionGateError]
) -> None:
    with pytest.raises(error) as refused:
        read_call(document, target)
    assert type(refused.value) is error


# Arguments

SAMPLES: dict[str, tuple[str, Any]] = {
    "string": ("a b", "a b"),
    "boolean": ("true", True),
    "int": ("5", 5),
    "SessionManagerServiceRequestSpec": ("", Data("SessionManagerServiceRequestSpec", {})),
    "PropertyFilterSpec": ("", Data("PropertyFilterSpec", {})),
    "RetrieveOptions": ("<maxObjects>5</maxObjects>", Data("RetrieveOptions", {"maxObjects": 5})),
}


@each("method", SESSION_METHODS.values(), ids=lambda method: method.name)
def test_every_parameter_of_every_method_is_read(method: Method) -> None:
    texts = [(param, *SAMPLES[param.type]) for param in method.params]
    found = arguments(method, "".join(f"<{p.name}>{text}</{p.name}>" for p, text, _ in texts))
    for param, _, value in texts:
        read = found.pop(keyword(param.name))
        if param.secret:
            assert isinstance(read, Secret)
            read = read.reveal()
        assert read == ([value] if param.array else value)
    assert not found


@each("method", SESSION_METHODS.values(), ids=lambda method: method.name)
def test_a_required_parameter_that_is_missing_is_named(method: Method) -> None:
    required = [param for param in method.params if not param.optional]
    for missing in required:
        others = "".join(
            f"<{param.name}>{SAMPLES[param.type][0]}</{param.name}>"
            for param in method.params
            if param is not missing
        )
        with pytest.raises(Malformed, match=f"Required property {missing.name} is missing"):
            arguments(method, others)
    assert len(arguments(LOGOUT, "")) == 0


def test_what_we_do_not_know_is_passed_over() -> None:
    found = arguments(
        LOGIN,
        '<newer>1</newer><userName xsi:type="xsd:string" id="u">ada</userName>'
        '<password xmlns="urn:other">theirs</password><password>ours</password>'
        '<locale xsi:nil="true"/>',
    )
    assert found.keys() == {"user_name", "password"}
    assert found["password"].reveal() == "ours"


@pytest.mark.parametrize(
    "members",
    [
        "<userName>ada</userName><password>1</password><password>2</password>",
        "<userName>ada</userName><userName>bob</userName><password>1</password>",
        "<userName><b>ada</b></userName><password>1</password>",
        '<userName xsi:nil="1"/><password>1</password>',
        "<username>ada</username><password>1</password>",
    ],
)
def test_what_could_be_read_two_ways_is_malformed(members: str) -> None:
    with pytest.raises(Malformed):
        arguments(LOGIN, members)


def test_texts_keep_their_blanks() -> None:
    found = arguments(LOGIN, "<userName> ada </userName><password>\n</password><locale/>")
    assert (found["user_name"], found["password"].reveal(), found["locale"]) == (" ada ", "\n", "")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n")))
def test_a_password_is_read_as_it_was_typed(password: str) -> None:
    try:
        found = arguments(LOGIN, f"<userName>a</userName><password>{escape(password)}</password>")
    except Malformed:
        assert not password.isprintable()  # letters that XML cannot hold
        return
    assert found["password"].reveal() == password


ZONE = timezone(timedelta(hours=2))


@each(
    ("kind", "text", "value"),
    [
        ("boolean", "true", True),
        ("boolean", " 1 ", True),
        ("boolean", "false", False),
        ("boolean", "0", False),
        ("int", " -5\n", -5),
        ("long", "+007", 7),
        ("long", str(LARGEST_LONG), LARGEST_LONG),
        ("base64Binary", "AAH/", b"\0\1\xff"),
        ("base64Binary", "AA\n H/", b"\0\1\xff"),
        ("dateTime", "2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)),
        ("dateTime", "2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, 0, ZONE)),
        ("dateTime", "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, 0, UTC)),
        ("string", "", ""),
    ],
)
def test_values_are_read(kind: str, text: str, value: object) -> None:
    assert one(kind, text) == value
    assert type(one(kind, text)) is type(value)


@each(
    ("kind", "text"),
    [
        ("boolean", "True"),
        ("boolean", ""),
        ("int", "5.0"),
        ("int", "1_0"),
        ("int", "\u0665"),
        ("int", ""),
        ("int", "<b/>5"),
        ("long", str(LARGEST_LONG + 1)),
        ("long", "9" * 1000),
        ("base64Binary", "A"),
        ("base64Binary", "\u00e9"),
        ("dateTime", "yesterday"),
        ("dateTime", "2026-13-01T00:00:00Z"),
        (MOREF, "SessionManager"),
        ("anyType", "x"),
        ("string", "<b/>"),
    ],
)
def test_a_value_of_another_type_is_malformed(kind: str, text: str) -> None:
    with pytest.raises(Malformed):
        one(kind, text)


def test_a_retrieval_is_read_whole() -> None:
    found = arguments(
        RETRIEVE_EX,
        '<specSet xsi:type="PropertyFilterSpec"><propSet xsi:type="PropertySpec">'
        "<type>SessionManager</type><all>false</all><pathSet>currentSession</pathSet>"
        "<pathSet>message</pathSet></propSet><objectSet>"
        '<obj xsi:type="ManagedObjectReference" type="SessionManager"> SessionManager </obj>'
        "<skip>false</skip><selectSet><name>v</name></selectSet></objectSet></specSet><options/>",
    )
    wanted = Data(
        "PropertySpec",
        {"type": "SessionManager", "all": False, "pathSet": ["currentSession", "message"]},
    )
    chosen = Data("SelectionSpec", {"name": "v"})
    holder = Data("ObjectSpec", {"obj": SESSION_MANAGER, "skip": False, "selectSet": [chosen]})
    spec = Data("PropertyFilterSpec", {"propSet": [wanted], "objectSet": [holder]})
    assert found == {"spec_set": [spec], "options": Data("RetrieveOptions", {})}


@pytest.mark.parametrize("prefix", ["", "vim25:"])
def test_a_more_exact_type_is_taken(prefix: str) -> None:
    said = f'xsi:type="{prefix}SessionManagerHttpServiceRequestSpec"'
    found = arguments(TICKET, f"<spec {said}><method>httpGet</method><url>https://x</url></spec>")
    assert found["spec"] == Data(
        "SessionManagerHttpServiceRequestSpec", {"method": "httpGet", "url": "https://x"}
    )


@pytest.mark.parametrize("said", ["UserSession", "Nonsense", "", "vim25:"])
def test_another_type_is_malformed(said: str) -> None:
    with pytest.raises(Malformed, match="spec is not of the type"):
        arguments(TICKET, f'<spec xsi:type="{said}"/>')


# Results


def body_of(document: bytes) -> Element:
    """The one element in the body of a reply."""
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    root = parse(document)
    assert (root.namespace, root.name) == (SOAP, "Envelope")
    (body,) = root.children
    assert (body.namespace, body.name) == (SOAP, "Body")
    (inner,) = body.children
    return inner


def returned(result: Field, value: Value | None) -> list[Element]:
    method = Method("SessionManager", "Test", (), result, "", (), "test", "")
    inner = body_of(write_result(Call(SESSION_MANAGER, method), value))
    assert (inner.namespace, inner.name) == (VIM, "TestResponse")
    return inner.children


def fetched(name: str, value: Value | None) -> list[Element]:
    prop = PROPERTIES["SessionManager", name]
    inner = body_of(write_result(Call(SESSION_MANAGER, prop), value))
    assert (inner.namespace, inner.name) == (VIM, "FetchResponse")
    return inner.children


NOON = datetime(2026, 1, 2, 12, 0, 0, 1, tzinfo=UTC)
SESSION = Data(
    "UserSession",
    {
        "callCount": 0,
        "key": "52a67ed8",
        "userName": "LAB\\ada",
        "fullName": "Ada",
        "loginTime": NOON,
        "lastActiveTime": NOON,
        "locale": "en_US",
        "messageLocale": "en",
        "extensionSession": False,
        "ipAddress": "::1",
        "userAgent": "govc",
    },
)


def test_a_login_returns_the_session_in_the_order_of_the_wsdl() -> None:
    document = write_result(Call(SESSION_MANAGER, LOGIN), SESSION)
    assert document.endswith(
        b'<LoginResponse xmlns="urn:vim25"><returnval><key>52a67ed8</key>'
        b"<userName>LAB\\ada</userName><fullName>Ada</fullName>"
        b"<loginTime>2026-01-02T12:00:00.000001Z</loginTime>"
        b"<lastActiveTime>2026-01-02T12:00:00.000001Z</lastActiveTime><locale>en_US</locale>"
        b"<messageLocale>en</messageLocale><extensionSession>false</extensionSession>"
        b"<ipAddress>::1</ipAddress><userAgent>govc</userAgent><callCount>0</callCount>"
        b"</returnval></LoginResponse>\n</soapenv:Body>\n</soapenv:Envelope>"
    )


def test_a_void_method_returns_an_empty_element() -> None:
    document = write_result(Call(SESSION_MANAGER, LOGOUT), None)
    assert b'<LogoutResponse xmlns="urn:vim25"></LogoutResponse>' in document


def test_an_array_returns_one_element_each_and_nothing_for_none() -> None:
    found = returned(Field("returnval", "string", array=True), ["a", "b"])
    assert [(part.name, part.text) for part in found] == [("returnval", "a"), ("returnval", "b")]
    assert returned(Field("returnval", "string", array=True), []) == []
    assert returned(Field("returnval", "RetrieveResult", optional=True), None) == []


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", "a<b>&\"'", "a<b>&\"'"),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("long", 1, "1"),
        ("dateTime", NOON, "2026-01-02T12:00:00.000001Z"),
        ("base64Binary", b"\0\1\xff", "AAH/"),
    ],
)
def test_values_are_written(kind: str, value: Value, text: str) -> None:
    (plain,) = returned(Field("returnval", kind), value)
    assert (plain.text, plain.attributes) == (text, {})
    (boxed,) = returned(Field("returnval", "anyType"), Boxed(kind, value))
    assert (boxed.text, boxed.attributes) == (text, {TYPE: f"xsd:{kind}"})


def test_references_are_written() -> None:
    (plain,) = returned(Field("returnval", MOREF), MoRef("Fol<der", "group-d<1"))
    assert (plain.text, plain.attributes) == ("group-d<1", {("", "type"): "Fol<der"})
    (boxed,) = returned(Field("returnval", "anyType"), Boxed(MOREF, ROOT_FOLDER))
    assert boxed.text == "group-d1"
    assert boxed.attributes == {("", "type"): "Folder", TYPE: MOREF}


def test_what_is_fetched_says_its_type() -> None:
    (session,) = fetched("currentSession", SESSION)
    assert session.attributes == {TYPE: "UserSession"}
    assert [part.name for part in session.children] == [one.name for one in TYPES["UserSession"]]
    (several,) = fetched("sessionList", [SESSION, SESSION])
    assert several.attributes == {TYPE: "ArrayOfUserSession"}
    assert [part.name for part in several.children] == ["UserSession"] * 2
    (locales,) = fetched("messageLocaleList", ["en", "de"])
    assert locales.attributes == {TYPE: "ArrayOfString"}
    assert [(part.name, part.text) for part in locales.children] == [
        ("string", "en"),
        ("string", "de"),
    ]
    (empty,) = fetched("sessionList", [])
    assert (empty.attributes, empty.children) == ({TYPE: "ArrayOfUserSession"}, [])
    (message,) = fetched("message", "")
    assert (message.attributes, message.text) == ({TYPE: "xsd:string"}, "")
    assert fetched("currentSession", None) == []


def test_a_value_of_no_simple_type_keeps_our_name_for_it() -> None:
    (part,) = returned(Field("returnval", "anyType"), Boxed("Colour", "red"))
    assert (part.attributes, part.text) == ({TYPE: "Colour"}, "red")


def sample(field: Field) -> Value:
    simple: dict[str, Value] = {
        "string": "x", "boolean": True, "int": 1, "long": 1, "dateTime": NOON,
        MOREF: ROOT_FOLDER, "anyType": Boxed("string", "x"),
    }  # fmt: skip
    # Faults may hold faults: one level is enough to see the order.
    value = simple.get(field.type, Data(field.type, {}))
    return [value, value] if field.array else value


@each("kind", TYPES)
def test_members_come_in_the_order_of_the_type(kind: str) -> None:
    backwards = {field.name: sample(field) for field in reversed(TYPES[kind])}
    (written,) = returned(Field("returnval", kind), Data(kind, backwards))
    expected: list[str] = []
    for field in TYPES[kind]:
        expected += [field.name] * (2 if field.array else 1)
    assert [part.name for part in written.children] == expected


def test_a_type_is_said_where_the_slot_leaves_it_open() -> None:
    fault = Data("NotAuthenticated", {"object": ROOT_FOLDER, "privilegeId": "System.View"})
    localized = Data("LocalizedMethodFault", {"fault": fault, "localizedMessage": ""})
    missing = Data("MissingProperty", {"path": "message", "fault": localized})
    (written,) = returned(Field("returnval", "MissingProperty"), missing)
    path, outer = written.children
    inner, text = outer.children
    assert (path.attributes, outer.attributes, text.text) == ({}, {}, "")
    assert inner.attributes == {TYPE: "NotAuthenticated"}
    assert [part.name for part in inner.children] == ["object", "privilegeId"]


def test_a_more_exact_type_says_itself_also_in_an_array() -> None:
    kind = next(iter(BASES))
    found = returned(Field("returnval", BASES[kind], array=True), [Data(kind, {})])
    assert [part.attributes for part in found] == [{TYPE: kind}]


def texts(element: Element) -> Sequence[str]:
    return [element.text, *(text for child in element.children for text in texts(child))]


@given(st.text())
def test_sec_52_no_string_leaves_its_element(text: str) -> None:
    members: dict[str, Value] = {"key": text, "userName": f"</userName><x>{text}"}
    (session,) = returned(Field("returnval", "UserSession"), Data("UserSession", members))
    key, user = session.children
    assert (key.name, user.name) == ("key", "userName")
    assert not key.children
    assert not user.children
    assert len(key.text) == len(text)
    assert user.text == f"</userName><x>{key.text}"
    # Unchanged, but for letters that XML has no way to write.
    assert all(a in (b, "\ufffd") for a, b in zip(key.text, text, strict=True))


# Faults


def test_a_fault_carries_its_object() -> None:
    data = Data("NotAuthenticated", {"privilegeId": "System.View", "object": ROOT_FOLDER})
    document = write_fault(Fault(data, "Not <you>.", 500))
    assert document.endswith(
        b"<soapenv:Body>\n<soapenv:Fault><faultcode>ServerFaultCode</faultcode>"
        b"<faultstring>Not &lt;you&gt;.</faultstring><detail>"
        b'<NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated">'
        b'<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>'
        b"</NotAuthenticatedFault></detail></soapenv:Fault>\n</soapenv:Body>\n</soapenv:Envelope>"
    )
    (fault,) = parse(document).children[0].children
    detail = fault.child("detail")
    assert detail is not None
    assert [(part.namespace, part.name) for part in detail.children] == [
        (VIM, "NotAuthenticatedFault")
    ]


def test_what_a_fault_inherits_comes_first() -> None:
    arg = Data("KeyAnyValue", {"key": "name", "value": Boxed("string", "message")})
    why = Data("LocalizableMessage", {"key": "k", "arg": [arg], "message": "m"})
    data = Data("InvalidArgument", {"invalidProperty": "message", "faultMessage": [why]})
    assert (
        b"<faultMessage><key>k</key><arg><key>name</key>"
        b'<value xsi:type="xsd:string">message</value></arg><message>m</message></faultMessage>'
        b"<invalidProperty>message</invalidProperty></InvalidArgumentFault>"
    ) in write_fault(Fault(data, "", 500))


def test_an_unreadable_document_is_the_clients_fault() -> None:
    with pytest.raises(Malformed) as refused:
        read_envelope(b"<a><b></a>")
    fault = body_of(write_unreadable(refused.value))
    assert (fault.namespace, fault.name) == (SOAP, "Fault")
    code, text = fault.children
    assert (code.name, code.text) == ("faultcode", "ClientFaultCode")
    assert text.name == "faultstring"
    assert text.text.startswith("\n")
    assert "while parsing HTTP request before method was determined" in text.text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        (f'<s:Header><Security xmlns="{SECURITY}"><Assertion/></Security></s:Header>', True),
        (
            f'<s:Header><x/><Security xmlns="{SECURITY}"><y/><Assertion/></Security></s:Header>',
            True,
        ),
        (f'<s:Header><Security xmlns="{SECURITY}"/></s:Header>', False),
        ('<s:Header><Security xmlns="urn:other"><Assertion/></Security></s:Header>', False),
        ("<s:Header><Assertion/></s:Header>", False),
    ],
)
def test_an_assertion_is_seen_where_it_belongs(header: str, expected: bool) -> None:
    document = f'<s:Envelope xmlns:s="{SOAP}">{header}<s:Body><x/></s:Body></s:Envelope>'
    assert read_envelope(document.encode()).asserted is expected
