"""A request that is sent on: what it asks, where its keys stand, and what cannot be rewritten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.wire.vim.relayed import Place, Relayed, read_relayed, rewritten
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import escape
from tests.each import each

OURS = "52a67ed8-0f0b-1714-4534-86a177fc5158"
THEIRS = "5277beef-0000-4534-1714-000000000001"


def soap(
    body: str, *, head: str = "", first: str = '<?xml version="1.0" encoding="UTF-8"?>'
) -> bytes:
    return (
        f'{first}<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{head}<s:Body>{body}</s:Body>'
        "</s:Envelope>"
    ).encode()


def call(method: str, inner: str = "", *, kind: str = "Folder", name: str = "group-d1") -> bytes:
    return soap(
        f'<{method} xmlns="urn:vim25"><_this type="{kind}">{name}</_this>{inner}</{method}>'
    )


RETRIEVE = (
    "<specSet><propSet><type>VirtualMachine</type><pathSet>name</pathSet><pathSet>config</pathSet>"
    "</propSet><propSet><type>Folder</type><all>true</all></propSet><objectSet>"
    f'<obj type="ContainerView">session[{OURS}]view-1</obj><skip>true</skip>'
    '<selectSet xsi:type="TraversalSpec"><name>a</name><type>ContainerView</type>'
    "<path>view</path><selectSet><name>b</name></selectSet></selectSet></objectSet></specSet>"
)


def test_a_read_of_properties_is_taken_apart() -> None:
    read = read_relayed(
        call("RetrievePropertiesEx", RETRIEVE, kind="PropertyCollector", name="propertyCollector")
    )
    assert (read.method, read.namespace) == ("RetrievePropertiesEx", "urn:vim25")
    assert read.target == MoRef("PropertyCollector", "propertyCollector")
    assert read.objects == (MoRef("ContainerView", f"session[{OURS}]view-1"),)
    assert read.paths == (("VirtualMachine", "name"), ("VirtualMachine", "config"), ("Folder", ""))
    assert ("ContainerView", "view") in read.steps
    assert [one.text for one in read.references] == [f"session[{OURS}]view-1"]
    assert read.named == {"propertyCollector", f"session[{OURS}]view-1"}
    assert read.pages
    assert not read.is_about_sessions


def test_keys_are_rewritten_where_they_are_references_and_nowhere_else() -> None:
    note = f"session[{OURS}]view-1 and {OURS}"
    document = call(
        "SetField",
        f"<key>1</key><value>{note}</value><sessionId>{OURS}</sessionId>"
        f'<entity type="View"> session[{OURS}]view-1\n</entity>',
    )
    read = read_relayed(document)
    changes = {one: one.text.replace(OURS, THEIRS) for one in (*read.references, *read.session_ids)}
    assert len(changes) == 2
    after = rewritten(document, changes)
    assert len(after) == len(document)
    assert note.encode() in after
    assert f"<sessionId>{THEIRS}</sessionId>".encode() in after
    assert f"> session[{THEIRS}]view-1\n<".encode() in after


def test_the_object_of_a_call_may_become_another() -> None:
    document = call("WaitForUpdatesEx", kind="PropertyCollector", name="propertyCollector")
    read = read_relayed(document)
    after = rewritten(document, {read.this: f"session[{THEIRS}]own"})
    assert read_relayed(after).target.name == f"session[{THEIRS}]own"
    assert after.replace(f"session[{THEIRS}]own".encode(), b"propertyCollector") == document


HIDDEN = {
    "an entity": f"<entity type='View'>sess&#105;on[{OURS}]view-1</entity>",
    "CDATA": f"<entity type='View'><![CDATA[session[{OURS}]view-1]]></entity>",
    "a comment": f"<entity type='View'>session<!-- -->[{OURS}]view-1</entity>",
    "a session id": "<sessionId>&#53;2a67ed8</sessionId>",
}


@each("inner", HIDDEN.values(), HIDDEN.keys())
def test_a_reference_that_is_not_written_letter_by_letter_is_refused(inner: str) -> None:
    with pytest.raises(Malformed):
        read_relayed(call("Destroy_Task", inner))


@each("encoding", ["utf-16", "utf-16le"])
def test_another_encoding_is_refused(encoding: str) -> None:
    text = call("Logout", kind="SessionManager", name="SessionManager").decode()
    with pytest.raises(Malformed):
        read_relayed(text.replace("UTF-8", "UTF-16").encode(encoding))


BROKEN = {
    "no XML": b"hello",
    "two calls": soap("<A xmlns='urn:vim25'><_this>a</_this></A><B/>"),
    "two bodies": soap("<A/></s:Body><s:Body><B/>"),
    "no object": soap("<A xmlns='urn:vim25'/>"),
    "an empty object": soap("<A xmlns='urn:vim25'><_this type='x'> </_this></A>"),
}


@each("document", BROKEN.values(), BROKEN.keys())
def test_what_is_no_call_is_refused(document: bytes) -> None:
    with pytest.raises(Malformed):
        read_relayed(document)


HEADERS = {
    "an assertion": '<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-'
    'wss-wssecurity-secext-1.0.xsd"><Assertion/></w:Security>',
    "a session": "<vcSessionCookie>abc</vcSessionCookie>",
    "a password": "<Security><UsernameToken/></Security>",
    "an operation with more in it": "<operationID>a<b/></operationID>",
}


@each("block", HEADERS.values(), HEADERS.keys())
def test_sec_43_no_header_is_sent_on_but_the_operation_s_name(block: str) -> None:
    inner = "<A xmlns='urn:vim25'><_this>a</_this></A>"
    with pytest.raises(Malformed):
        read_relayed(soap(inner, head=f"<s:Header>{block}</s:Header>"))
    named = "<s:Header><operationID xmlns='urn:vim25'>op-1</operationID></s:Header>"
    assert read_relayed(soap(inner, head=named)).operation_id == "op-1"


MANAGER = '<obj type="SessionManager">SessionManager</obj>'
SESSIONS = {
    "a method": call("Logout", kind="SessionManager", name="SessionManager"),
    "a method, type left out": soap(
        "<Logout xmlns='urn:vim25'><_this>SessionManager</_this></Logout>"
    ),
    "a method, another type": call("Logout", kind="Folder", name="SessionManager"),
    "a read": call(
        "RetrieveProperties",
        f"<specSet><propSet><type>SessionManager</type><all>1</all></propSet>"
        f"<objectSet>{MANAGER}</objectSet></specSet>",
        kind="PropertyCollector",
        name="propertyCollector",
    ),
    "Fetch": call(
        "Fetch", "<prop>currentSession</prop>", kind="SessionManager", name="SessionManager"
    ),
}


@each("document", SESSIONS.values(), SESSIONS.keys())
def test_what_is_about_sessions_is_known_by_the_object_s_id(document: bytes) -> None:
    assert read_relayed(document).is_about_sessions


@each(
    "document",
    [
        call("CreateListView", "<obj type='X'>SessionManager</obj>"),
        call("SetField", "<value>SessionManager</value>"),
        call(
            "RetrieveProperties",
            "<specSet><objectSet><obj type='X'>a</obj><selectSet><type>X</type>"
            "<path>content.sessionManager</path></selectSet></objectSet></specSet>",
        ),
    ],
    str,
)
def test_sec_92_nothing_leads_to_the_session_manager(document: bytes) -> None:
    assert read_relayed(document).names_session_manager


def test_the_session_manager_among_others_is_noticed() -> None:
    mixed = read_relayed(
        call(
            "RetrieveProperties",
            f"<specSet><objectSet>{MANAGER}</objectSet><objectSet>"
            '<obj type="Folder">group-d1</obj></objectSet></specSet>',
        )
    )
    assert not mixed.is_about_sessions
    assert mixed.names_session_manager
    stepping = read_relayed(
        call(
            "RetrieveProperties",
            f"<specSet><objectSet>{MANAGER}<selectSet><type>SessionManager</type><path>x</path>"
            "</selectSet></objectSet></specSet>",
        )
    )
    assert not stepping.is_about_sessions


def test_fetch_and_tokens_are_read() -> None:
    fetch = read_relayed(call("Fetch", "<prop>name</prop>"))
    assert fetch.paths == (("", "name"),)
    paged = read_relayed(call("ContinueRetrievePropertiesEx", "<token>42</token>"))
    assert (paged.token, paged.pages) == ("42", False)


def test_it_does_not_show_what_it_holds() -> None:
    assert "canary" not in repr(read_relayed(call("LoginInGuest", "<password>canary</password>")))


@pytest.mark.hypothesis
@given(st.text(alphabet="ab<&\u00e9\U0001f600", max_size=20), st.integers(0, 3))
def test_whatever_stands_around_a_reference_stays_as_it_is(text: str, many: int) -> None:
    inner = f"<value>{escape(text)}</value>"
    inner += f'<entity type="View">session[{OURS}]é{many}</entity>' * many
    document = call("SetField", inner)
    read: Relayed = read_relayed(document)
    changes: dict[Place, str] = {one: one.text.replace(OURS, THEIRS) for one in read.references}
    assert len(changes) == many
    assert rewritten(document, changes) == document.replace(OURS.encode(), THEIRS.encode())


def govmomi_read(count: int) -> bytes:
    """A read of the names of so many machines, as govmomi writes it."""
    objects = "".join(
        f'<objectSet xmlns="urn:vim25"><obj xmlns="urn:vim25" type="VirtualMachine">vm-{number}'
        "</obj><skip>false</skip></objectSet>"
        for number in range(count)
    )
    specification = f"<specSet><propSet><type>VirtualMachine</type></propSet>{objects}</specSet>"
    return call("RetrieveProperties", specification, kind="PropertyCollector", name="c")


METRICS = "".join(
    f"<metricId><counterId>{number}</counterId><instance></instance></metricId>"
    for number in range(2000)
)


@each(
    "document",
    [govmomi_read(46), govmomi_read(5000), call("QueryPerf", f"<querySpec>{METRICS}</querySpec>")],
    lambda document: str(len(document)),
)
def test_known_callers_may_name_thousands_of_things(document: bytes) -> None:
    with pytest.raises(Malformed):
        read_relayed(document)
    assert read_relayed(document, known=True).document == document


def test_elements_are_read_in_the_order_of_the_document() -> None:
    read = read_relayed(govmomi_read(3))
    assert [one.name for one in read.objects] == ["vm-0", "vm-1", "vm-2"]


@each(
    "inner",
    ["<a/>" * 100_001, f"<a>{'b' * 8 * 1024 * 1024}</a>", '<a b="" c="" d="" e=""/>' * 70_000],
    lambda inner: str(len(inner)),
)
def test_known_callers_have_limits_too(inner: str) -> None:
    with pytest.raises(Malformed):
        read_relayed(call("QueryPerf", inner), known=True)
