"""A call to a service beside `/sdk`: by which session it goes on, and what is refused."""

import pytest

from sessiongate.errors import Malformed, UnknownObject
from sessiongate.secret import Secret
from sessiongate.wire.vim.relayed_service import read_service_call
from tests.each import each

HEAD = "http://schemas.xmlsoap.org/soap/envelope/"


def document(inner: str = "", header: str | None = None, method: str = "PbmQueryProfile") -> str:
    block = "" if header is None else f"<s:Header>{header}</s:Header>"
    return (
        f'<?xml version="1.0"?><s:Envelope xmlns:s="{HEAD}">{block}<s:Body>'
        f'<{method} xmlns="urn:pbm">'
        f'<_this type="PbmProfileProfileManager">ProfileManager</_this>{inner}</{method}>'
        "</s:Body></s:Envelope>"
    )


@each(
    "written",
    ("ours", "  ours ", "vmware_soap_session=ours; Path=/", '"ours"'),
)
def test_sec_43_the_session_in_the_header_is_translated(written: str) -> None:
    sent = document("<a>ours</a>", f"<vcSessionCookie>{written}</vcSessionCookie>")
    read = read_service_call(sent.encode())
    assert read.carriers == (("vcSessionCookie", "ours"),)
    assert read.by(Secret('"th<eirs"')).decode() == sent.replace(
        f">{written}<", f">{written.replace(written.strip(), 'th&lt;eirs')}<", 1
    )
    assert (read.method, read.target.name) == ("PbmQueryProfile", "ProfileManager")
    assert repr(read) == "RelayedService('PbmQueryProfile')"


def test_without_one_the_cookie_alone_says_it() -> None:
    for header in (None, "", "<operationID>7</operationID>", "<vcSessionCookie/>"):
        sent = document(header=header).encode()
        read = read_service_call(sent)
        assert read.by(Secret("theirs")) == sent
    assert read_service_call(document(header="<operationID>7</operationID>").encode()).operation_id


@each(
    "sent",
    (
        document(header="<vcSessionCookie>a</vcSessionCookie><vcSessionCookie>a</vcSessionCookie>"),
        document(header="<vcSessionCookie><b>a</b></vcSessionCookie>"),
        document(header="<vcSessionCookie>a&#98;c</vcSessionCookie>"),
        document(header="<vcSessionCookie><![CDATA[a]]></vcSessionCookie>"),
        document(header="<VCSessionCookie>a</VCSessionCookie>"),
        document(header='<Security xmlns="urn:x"/>'),
        document().replace("</s:Body>", "</s:Body><s:Body><VslmLogout/></s:Body>"),
        document().replace("</s:Body>", "<VslmLogout/></s:Body>"),
        document('<a xmlns="urn:vslm"/>'),
        document("<_this>other</_this>"),
        "hello",
    ),
)
def test_sec_38_what_two_readers_could_read_differently_is_refused(sent: str) -> None:
    with pytest.raises(Malformed):
        read_service_call(sent.encode())
    with pytest.raises(Malformed):
        read_service_call(sent.encode("utf-16"))


def test_sec_91_objects_of_a_session_are_none_of_a_service() -> None:
    read = read_service_call(document("<a>session[1]2</a>").encode())
    with pytest.raises(UnknownObject):
        read.by(Secret("theirs"))
