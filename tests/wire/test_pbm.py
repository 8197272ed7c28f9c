"""Storage policies: calls in, replies out."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.wire import pbm
from sessiongate.wire.vim.types import MoRef
from tests.each import each

PBM = "{urn:pbm}"


def envelope(call: str, header: str = "") -> bytes:
    space = "http://schemas.xmlsoap.org/soap/envelope/"
    return (
        f'<e:Envelope xmlns:e="{space}"><e:Header>{header}</e:Header>'
        f"<e:Body>{call}</e:Body></e:Envelope>"
    ).encode()


def body_of(document: bytes) -> ET.Element:
    return next(iter(ET.fromstring(document)[0]))


def test_a_call_and_whose_it_is() -> None:
    this = '<_this type="PbmServiceInstance">ServiceInstance</_this>'
    header = "<vcSessionCookie>abc</vcSessionCookie><operationID>7</operationID>"
    call = pbm.read_call(envelope(f'<PbmCreate xmlns="urn:pbm">{this}<x/></PbmCreate>', header))
    assert (call.name, call.operation_id) == ("PbmCreate", "7")
    assert call.target == MoRef("PbmServiceInstance", "ServiceInstance")
    assert call.carriers == (("vcSessionCookie", "abc"),)


@each(
    "call",
    [
        '<PbmCreate xmlns="urn:vim25"><_this>x</_this></PbmCreate>',
        "<PbmCreate><_this>x</_this></PbmCreate>",
        '<PbmCreate xmlns="urn:pbm"/>',
        '<PbmCreate xmlns="urn:pbm"><_this><x/></_this></PbmCreate>',
        '<PbmCreate xmlns="urn:pbm"><_this type="PbmServiceInstance"> </_this></PbmCreate>',
        "",
    ],
)
def test_what_is_no_call(call: str) -> None:
    with pytest.raises(Malformed):
        pbm.read_call(envelope(call))


@given(st.binary(max_size=200))
def test_any_body_is_read_or_malformed(body: bytes) -> None:
    """Whatever a client sends, we get a call or Malformed, nothing else."""
    with pytest.raises(Malformed):
        pbm.read_call(body)


def test_the_content_names_every_manager() -> None:
    response = body_of(pbm.write_content("an instance"))
    assert response.tag == f"{PBM}PbmRetrieveServiceContentResponse"
    [value] = response
    assert value.findtext(f"{PBM}aboutInfo/{PBM}instanceUuid") == "an instance"
    managers = {one.tag.removeprefix(PBM): one.attrib["type"] for one in value[1:]}
    assert managers["profileManager"] == "PbmProfileProfileManager"
    assert len(managers) == 6


def test_lists_are_empty_and_policies_would_be_for_storage() -> None:
    for name in pbm.EMPTY:
        response = body_of(pbm.write_empty(name))
        assert (response.tag, len(response)) == (f"{PBM}{name}Response", 0)
    [only] = body_of(pbm.write_resource_types())
    assert only.findtext(f"{PBM}resourceType") == "STORAGE"
    assert not {pbm.CONTENT, pbm.RESOURCE_TYPES, "PbmCreate"} & pbm.EMPTY
