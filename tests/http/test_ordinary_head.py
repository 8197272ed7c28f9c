"""The quick reader of heads against the full one: what it reads, the other reads alike."""

from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from sessiongate.http import ordinary_head
from sessiongate.http.framing import read_head
from sessiongate.http.ordinary_head import read_ordinary
from tests.each import each

CHECK = b"GET /api/session HTTP/1.1\r\nHost: gate\r\nvmware-api-session-id: 5f\r\n\r\n"
POLL = (
    b"POST /sdk?a=b?c HTTP/1.1\r\nHost: [::1]:8443\r\nUser-Agent: govc/0.52.0\r\n"
    b'Content-Length: 12\r\nConnection: keep-alive\r\nCookie: vmware_soap_session="5f"; b=c\r\n\r\n'
)
LAST = b"DELETE / HTTP/1.1\r\nhost: gate\r\nConnection: close\r\n\r\n"

_NAMES = (
    *("Host", "host", "Connection", "Content-Length", "content-length", "Transfer-Encoding"),
    *("Expect", "Upgrade", "Proxy-Connection", "Cookie", "X-A", "X A", "", "X-\xe9", "Keep-Alive"),
)
_VALUES = (
    *("gate", "gate:443", "[::1]", "[::1", "gate:99999", "a b", "", " ", "close", "keep-alive"),
    *("Keep-Alive", "upgrade", "chunked", "gzip, chunked", "0", "12", "+1", "1_0", "1" * 16),
    *("100-continue", "\xb2", "x\ty", "x ", " x", "x\r\n y", "x\ry", "x\ny", "\0", "\x7f", "\xe9"),
)
_SEPARATORS = (": ", ":", ":  ", ":\t", " : ", "")
_ENDS = ("\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", " \r\n", "\t\r\n", "\r\r\n")
_LINES = st.tuples(
    st.sampled_from(_NAMES) | st.text(alphabet=st.characters(max_codepoint=255), max_size=8),
    st.sampled_from(_SEPARATORS),
    st.sampled_from(_VALUES) | st.text(alphabet=st.characters(max_codepoint=255), max_size=8),
    st.sampled_from(_ENDS),
).map("".join)
_TARGETS = st.sampled_from(
    (
        "/",
        "/a%2Fb?c=d?e",
        "/?",
        "/a b",
        "/#",
        "*",
        "http://gate/",
        "//x",
        "/\xe9",
        "/\x7f",
        "/[]{}|",
    )
) | st.text(alphabet=st.characters(max_codepoint=255), max_size=8).map("/{}".format)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "PRI", "CONNECT")
_VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "RTSP/1.0", "HTTP/1.1 ")


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Whole heads, up to the first empty line, as the connection cuts them."""
    method, version = draw(st.sampled_from(_METHODS)), draw(st.sampled_from(_VERSIONS))
    lines = draw(st.lists(_LINES, max_size=4))
    if draw(st.booleans()):
        lines.insert(0, "Host: gate\r\n")
    text = f"{method} {draw(_TARGETS)} {version}\r\n{''.join(lines)}\r\n"
    raw = text.encode("latin-1")
    end = raw.find(b"\r\n\r\n")
    return raw[: end + 4] if end >= 0 else raw + b"\r\n\r\n"


def agrees(raw: bytes) -> bool:
    """Whether the quick reader reads this head; then the full one must read it alike."""
    quick = read_ordinary(raw)
    if quick is not None:
        assert quick == read_head(raw)
    return quick is not None


_PIECES = (
    *(b"\r\n", b"\r\n ", b"\n", b"\r", b": ", b" ", b"\t", b"\r\n\r\n", b"\r\nHost: b"),
    *(b"\r\nContent-Length: 1", b"\r\nTransfer-Encoding: chunked", b"\r\nConnection: close"),
)


def changed(chance: Random) -> bytes:
    """An ordinary head, changed in up to three places, as the connection cuts it."""
    raw = bytearray(chance.choice((CHECK, POLL, LAST)))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(raw))
        match chance.randrange(5):
            case 0:
                raw[at : at + chance.randrange(2)] = bytes([chance.randrange(256)])
            case 1:
                raw[at : at + chance.randrange(2)] = chance.choice(_PIECES)
            case 2:
                del raw[at : at + chance.randint(1, 3)]
            case 3:
                again = chance.randrange(len(raw))
                raw[at:at] = raw[again : again + chance.randint(1, 30)]
            case _:
                raw[at] ^= 1 << chance.randrange(8)
    end = raw.find(b"\r\n\r\n")
    return bytes(raw[: end + 4]) if end >= 0 else bytes(raw) + b"\r\n\r\n"


@given(heads())
@example(b"GET / HTTP/1.1\r\nHost: gate\r\nX-A: b\r\n folded\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: gate\r\nX A: b\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: gate\r\nA: b\nContent-Length: 3\r\n\r\n")
def test_whatever_it_reads_the_full_reader_reads_alike(raw: bytes) -> None:
    agrees(raw)


def test_an_ordinary_head_with_some_bytes_changed_is_read_alike() -> None:
    chance = Random(20261201)
    read = sum(agrees(changed(chance)) for _ in range(30_000))
    assert read > 3_000, "else the changes leave nothing that is ordinary"


@each("raw", [CHECK, POLL, LAST])
def test_what_clients_send_is_ordinary(raw: bytes) -> None:
    quick = read_ordinary(raw)
    assert quick is not None
    assert quick == read_head(raw)


@each(
    "raw",
    [
        b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000001\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y \r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_anything_else_is_left_to_the_full_reader(raw: bytes) -> None:
    assert read_ordinary(raw) is None


@each(
    "path",
    [
        "/nfc/52d3a1b2-0c4d-11ee-be56-0242ac120002/disk-0.vmdk",
        "/api/session?key=5f",
        "/api/session?",
        "/a/" + "x" * 17,
        "/a/b/c/d/e/f",
        "/9",
    ],
)
def test_no_address_that_may_be_a_ticket_is_remembered(path: str) -> None:
    ordinary_head.remembered.clear()
    head = read_ordinary(f"GET {path} HTTP/1.1\r\nHost: vc1\r\n\r\n".encode())
    assert head is not None
    assert ordinary_head.remembered == {}


def test_what_is_remembered_of_addresses_has_a_bound() -> None:
    ordinary_head.remembered.clear()
    words = ["a" * number + end for number in range(1, 16) for end in "bcdefgh"]
    for word in words:
        head = read_ordinary(f"GET /{word} HTTP/1.1\r\nHost: vc1\r\n\r\n".encode())
        assert head is not None
        assert head.path == f"/{word}"
    assert 0 < len(ordinary_head.remembered) <= 64
