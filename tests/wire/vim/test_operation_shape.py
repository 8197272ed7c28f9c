"""The text of an operation's id in a request's bytes: where it is certain, and where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.wire.vim.operation_shape import cut_operation
from sessiongate.wire.vim.request import Unread, VimRequest
from sessiongate.wire.vim.soap import read_request

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>{header}</s:Header>'
    '<s:Body><CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this>'
    "{member}</CurrentTime></s:Body></s:Envelope>"
)


def document(header: str, member: str = "") -> bytes:
    return ENVELOPE.format(header=header, member=member).encode()


@pytest.mark.parametrize(
    "header",
    [
        "<operationID>a-1</operationID>",
        '<operationID xmlns="urn:vim25">a-1</operationID>',
        '<v:operationID xmlns:v="urn:vim25" >a-1</v:operationID >',
        "<x/><operationID>a-1</operationID>\n",
    ],
)
def test_the_id_is_cut_out_where_it_stands(header: str) -> None:
    cut = cut_operation(document(header))
    assert cut is not None
    shape, operation = cut
    assert operation == "a-1"
    assert cut_operation(document(header.replace("a-1", "b:2/@=+._"))) == (shape, "b:2/@=+._")
    assert cut_operation(document(header, " ")) != (shape, operation)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<operationID/>",
        "<operationID></operationID>",
        "<operationID>a b</operationID>",
        "<operationID>a&amp;b</operationID>",
        "<operationID>é</operationID>",
        f"<operationID>{'a' * 65}</operationID>",
        "<operationID>a</operationID><operationID>b</operationID>",
        "<operationID><b/>a</operationID>",
        "<operationID>a<b/></operationID>",
        '<operationID x="1>a" y="2">b</operationID>',
        "<operationID>a</operationID><!-- c -->",
        "<operationID>a",
        "operationID",
    ],
)
def test_what_is_not_certain_is_not_cut(header: str) -> None:
    assert cut_operation(document(header)) is None


def test_what_no_document_holds_is_not_cut() -> None:
    assert cut_operation(document("<operationID>a</operationID>") + b"\0") is None


PIECES = st.sampled_from(
    [
        "<operationID>",
        "</operationID>",
        "a-1",
        ">",
        ' x="1"',
        "<b>",
        "</b>",
        "<?operationID a?>",
        "<?p ",
        "?>",
        "<operationID>a-1</operationID>",
        "&#97;",
        " ",
    ]
)
TEXTS = st.from_regex(r"[A-Za-z0-9._:@/+=-]{1,64}", fullmatch=True)


def read(body: bytes) -> VimRequest | None:
    try:
        return read_request(body)
    except (Malformed, Unread):
        return None


@given(st.lists(PIECES, max_size=6).map("".join), TEXTS)
def test_documents_of_one_shape_are_read_alike_but_for_the_id(header: str, other: str) -> None:
    body = document(header)
    cut, request = cut_operation(body), read(body)
    if cut is None or request is None or request.operation_id != cut[1]:
        return
    renamed = cut[0].replace(b"\0", other.encode())
    assert cut_operation(renamed) == (cut[0], other)
    again = read_request(renamed)
    assert again.operation_id == other
    for fact in ("target", "name", "reads", "ours", "arguments", "carriers", "asserted"):
        assert getattr(again, fact) == getattr(request, fact)
