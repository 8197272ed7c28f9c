"""What is cut out of a request, and that what is filled in is read as it would be anew."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.vim.request import Unread, VimRequest
from sessiongate.wire.vim.request_shape import RequestShape, cut, shape_of
from sessiongate.wire.vim.soap import ENVELOPE, read_request
from tests.each import each

THIS = '<_this type="SessionManager">SessionManager</_this>'


def document(call: str, header: str = "", name: str = "Login") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Header>{header}</s:Header>'
        f'<s:Body><{name} xmlns="urn:vim25">{THIS}{call}</{name}></s:Body></s:Envelope>'
    ).encode()


def login(name: str = "ada", password: str = "correct horse", more: str = "") -> str:
    return f"<userName>{name}</userName><password>{password}</password>{more}"


OPERATION = "<operationID>{}</operationID>"

TOKEN = "<Security><UsernameToken><Password>hunter2</Password></UsernameToken></Security>"


def said(request: VimRequest) -> dict[str, Any]:
    """All that it says. Secrets do not compare."""
    names = [name for name in request.__struct_fields__ if name != "is_filled"]
    facts: dict[str, Any] = {name: getattr(request, name) for name in names}
    facts["arguments"] = {
        word: ("secret", value.reveal()) if isinstance(value, Secret) else value
        for word, value in request.arguments.items()
    }
    return facts


def filled(kept: bytes, other: bytes) -> VimRequest | None:
    """What the other asks, by the shape of the one; None where that is not its shape."""
    made = shape_of(read_request(kept))
    if made is None:
        return None
    rest, texts = cut(other)
    return made[1].filled(texts, other) if rest == made[0] else None


@each(
    "other",
    [
        document(login("bob", "another one"), OPERATION.format("op-2/and:more")),
        document(login(" bob", "another one "), OPERATION.format(" op-2 ")),
        document(login("CORP\\bob", "]]'\"=;"), OPERATION.format("userName")),
    ],
)
def test_who_logs_in_and_by_what_is_told_apart_by_nothing_else(other: bytes) -> None:
    found = filled(document(login(), OPERATION.format("op-1")), other)
    assert found is not None
    assert said(found) == said(read_request(other))


def test_sessions_and_users_that_are_asked_about_are_of_one_shape() -> None:
    first, second = (
        document(
            f"<sessionID>{key}</sessionID><userName>{user}</userName>",
            OPERATION.format(key),
            "SessionIsActive",
        )
        for key, user in (("52", "VSPHERE.LOCAL\\ada"), ("53-4", "bob"))
    )
    found = filled(first, second)
    assert found is not None
    assert said(found) == said(read_request(second))


@each(
    "kept",
    [
        document(login(password="a&amp;b")),
        document(login(password="größer")),
        document(login(password="p" * 129)),
        document(login(more="<!-- password -->")),
        document(login(password="<![CDATA[a]]>")),
        document(login(more="<otp>123456</otp>")),
        document(login(), "<Security><Password>hunter2</Password></Security>"),
        document(login(more="123456")),
        document(login(), "<password>hunter2</password>"),
        document("<cloneTicket>cst-1</cloneTicket>", OPERATION.format("a"), "CloneSession"),
        document(login(), OPERATION.format("a") + OPERATION.format("b")),
        document("", OPERATION.format("op-1") + TOKEN, "Logout"),
        document(login(), "<auth token='hunter2'/>"),
        document(login(), '<auth\ntoken = ">hunter2"/>'),
        document(login(more="<?auth hunter2?>")),
        document("", OPERATION.format("  "), "Logout"),
    ],
)
def test_what_might_keep_a_secret_or_another_text_has_no_shape(kept: bytes) -> None:
    assert shape_of(read_request(kept)) is None


def test_no_password_is_in_a_shape_nor_who_has_it() -> None:
    kept = document(login("ada", "hunter2", "<locale>en</locale>"), OPERATION.format("op-1"))
    made = shape_of(read_request(kept))
    assert made is not None
    held = made[0] + msgspec.json.encode(said(made[1].alike) | {"ours": None})
    for text in (b"hunter2", b"ada", b"op-1"):
        assert text not in held


def test_a_text_that_cannot_be_cut_out_makes_it_another_document() -> None:
    kept = document(login())
    for password in ("", "\0", "a&amp;b", "é", "a\nb", "p" * 129):
        assert filled(kept, document(login(password=password))) is None


@each(
    "inside",
    [
        ("<operationID>{}</operationID>", ""),
        ("", "<w><operationID>{}</operationID></w>"),
        ("<?p operationID>{}</operationID>?>", ""),
    ],
)
def test_what_is_no_operation_id_is_not_filled_in_as_one(inside: tuple[str, str]) -> None:
    kept, other = (
        document(inside[0].format(text), inside[1].format(text), "Logout")
        for text in ("  ", "op-1")
    )
    found = filled(kept, other)
    assert found is None or said(found) == said(read_request(other))


def test_a_toolkits_types_and_namespaces_are_no_secrets() -> None:
    xsi = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'"
    member = f"<locale {xsi} xsi:type='xsd:string'>en</locale>"
    kept = b'<?xml version="1.0" encoding="UTF-8"?>' + document(login(more=member))
    assert shape_of(read_request(kept)) is not None


PIECES = st.sampled_from(
    [
        "<operationID>{0}</operationID>",
        "<userName>{1}</userName>",
        "<n:userName xmlns:n='urn:vim25'>{1}</n:userName>",
        "<n:userName xmlns:n='urn:others'>{1}</n:userName>",
        "<password>{2}</password>",
        "<sessionID>{0}</sessionID>",
        "<password><a/>{2}</password>",
        "<password a='>'>{2}</password>",
        "<password>\n{2}</password>",
        "<password>{2}</password >",
        "<password xsi:nil='true' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>{2}</password>",
        "<locale>{1}</locale>",
        "<?pi >{2}</password>?>",
        "<!-- >{2}</password> -->",
        "<![CDATA[>{2}</password>]]>",
        "<vcSessionCookie>{0}</vcSessionCookie>",
        "userName",
        " ",
    ]
)
TEXTS = st.sampled_from(
    [
        *("a", "b-1", "correct horse", " a ", "  ", "operationID", "]]", "&amp;", "é", "", "%"),
        *("\n", "a&#65;"),
    ]
)


@given(
    st.lists(PIECES, max_size=3),
    st.lists(PIECES, max_size=4),
    st.sampled_from(["Login", "SessionIsActive", "CurrentTime"]),
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=2, max_size=4),
)
def test_what_is_filled_in_is_read_as_it_would_be_anew(
    header: list[str], members: list[str], name: str, texts: list[tuple[str, str, str]]
) -> None:
    """Whatever has a shape, each document of that shape says what a full reading of it says."""
    shapes: dict[bytes, RequestShape] = {}
    for three in texts:
        written = document("".join(members), "".join(header), name)
        for at, text in enumerate(three):
            written = written.replace(b"{%d}" % at, text.encode())
        rest, cuts = cut(written)
        shape = shapes.get(rest)
        known = shape.filled(cuts, written) if shape is not None else None
        try:
            anew = read_request(written)
        except (Malformed, Unread):
            assert known is None
            continue
        if known is not None:
            assert said(known) == said(anew)
        elif (made := shape_of(anew)) is not None:
            shapes[made[0]] = made[1]
