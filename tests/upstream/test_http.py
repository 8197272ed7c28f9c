"""One call over HTTP: what is sent, which certificate is believed, and how it can go wrong."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.config.values import fingerprint
from sessiongate.errors import UpstreamUnavailable
from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import LARGEST_BODY, HttpUpstream
from sessiongate.wire.http import Answer, Ask
from tests.each import each
from tests.upstream.fakes import FakeServer, http, saying, server_tls

BLIND = Trust(verify=False)
ASK = Ask("/sdk", (("content-type", "text/xml"), ("cookie", "a=canary")), b"<canary/>")


@asynccontextmanager
async def calling(url: str, trust: Trust = BLIND, **more: Any) -> AsyncIterator[HttpUpstream]:
    upstream = HttpUpstream(url, trust, **more)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.close()


async def ask(url: str, trust: Trust = BLIND, **more: Any) -> Answer:
    async with calling(url, trust, **more) as upstream:
        return await upstream.post(ASK)


async def reason(url: str, trust: Trust = BLIND, **more: Any) -> str:
    with pytest.raises(UpstreamUnavailable) as raised:
        await ask(url, trust, **more)
    assert "canary" not in str(raised.value)
    # Nor may a log show what it came from: that holds the request.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


async def test_a_call_is_one_plain_post(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    reply = http(200, "<ok/>", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d", kind="text/xml")
    async with FakeServer(saying(reply)) as server, calling(server.url) as upstream:
        answer = await upstream.post(ASK)
        assert (answer.status, answer.body) == (200, b"<ok/>")
        assert answer.all("set-cookie") == ["a=b; Path=/", "c=d"]
        await upstream.post(Ask("/sdk", (), b""))
    first, second = server.asked
    assert first.line == "POST /sdk HTTP/1.1"
    assert first.body == b"<canary/>"
    assert first.headers["content-type"] == "text/xml"
    assert first.headers["cookie"] == "a=canary"
    assert first.headers["content-length"] == "9"
    assert first.headers["accept-encoding"] == "identity"
    # There is no jar: no answer decides what the next call carries.
    assert "cookie" not in second.headers


async def test_a_proxy_is_used_where_the_settings_name_one() -> None:
    async with FakeServer(saying(http(200, "from the proxy"))) as proxy:
        answer = await ask("http://vcenter.invalid:8080", proxy=proxy.url)
    assert answer.body == b"from the proxy"
    assert proxy.asked[0].line == "POST http://vcenter.invalid:8080/sdk HTTP/1.1"


async def test_sec_66_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with FakeServer(saying(http(200))) as other:
        reply = http(307, "", f"Location: {other.url}/sdk")
        async with FakeServer(saying(reply)) as server:
            answer = await ask(server.url)
    assert answer.status == 307
    assert other.asked == []


async def test_sec_66_a_packed_body_is_not_unpacked() -> None:
    packed = gzip.compress(b"0" * 10_000_000)
    assert len(packed) < LARGEST_BODY
    async with FakeServer(saying(http(200, packed, "Content-Encoding: gzip"))) as server:
        assert (await ask(server.url)).body == packed


BROKEN = {
    "nothing": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<half",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nab",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
    "a zero in a header": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
}


@each("answer", BROKEN.values(), ids=BROKEN)
async def test_sec_66_a_broken_answer_is_an_outage(answer: bytes) -> None:
    async with FakeServer(saying(answer), hangs_up=True) as server:
        assert await reason(server.url) == "the connection or its answer broke"


@pytest.mark.parametrize("chunked", [False, True])
async def test_sec_66_a_huge_body_is_not_taken(chunked: bool) -> None:
    big = b"x" * 100_001
    if chunked:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = head + b"%x\r\n%s\r\n" % (len(big), big) * 3
    else:
        reply = http(200, big)
    async with FakeServer(saying(reply)) as server:
        why = await reason(server.url, largest_body=100_000)
    assert why == "an answer of more than 100000 bytes"


async def test_a_body_of_just_the_size_is_taken() -> None:
    async with FakeServer(saying(http(200, b"x" * 100_000))) as server:
        assert len((await ask(server.url, largest_body=100_000)).body) == 100_000


@pytest.mark.slow
async def test_sec_66_a_slow_answer_is_over_in_time() -> None:
    async with FakeServer(saying(http(200, "slow")), drip=True) as server:
        why = await reason(server.url, timeout=timedelta(milliseconds=300))
    assert why == "no whole answer within 0.3 seconds"


async def test_nobody_there_is_an_outage() -> None:
    async with FakeServer(saying(http(200))) as server:
        url = server.url
    assert await reason(url) == "no connection to it"
    assert await reason("http://name.invalid") == "no connection to it"


async def test_whoever_is_closed_calls_nobody() -> None:
    async with FakeServer(saying(http(200))) as server:
        upstream = HttpUpstream(server.url, BLIND)
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable, match="closed"):
                await upstream.post(ASK)
            await upstream.start()
            assert (await upstream.post(ASK)).status == 200
            await upstream.close()
            await upstream.close()


@pytest.mark.slow
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]))
def test_sec_66_whatever_is_answered_is_an_answer_or_an_outage(data: bytes, head: bytes) -> None:
    async def told() -> Answer | str:
        async with FakeServer(saying(head + data), hangs_up=True) as server:
            try:
                return await ask(server.url, timeout=timedelta(seconds=5))
            except UpstreamUnavailable as error:
                return str(error)

    outcome = asyncio.run(told())
    if isinstance(outcome, str):
        assert outcome == "the connection or its answer broke"
    else:
        assert len(outcome.body) <= len(data)


# Trust


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA and a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("ours")
    server_tls(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another CA, of the same make."""
    folder = tmp_path_factory.mktemp("theirs")
    server_tls(folder)
    return folder


def ca(folder: Path) -> Trust:
    return Trust(ca=folder / "tls" / "ca.pem")


def pin(folder: Path, digest: Any) -> Trust:
    der = certificates.read_der(folder / "tls" / "server.pem")
    return Trust(fingerprints=(digest(der).hexdigest(),))


async def test_a_certificate_of_the_ca_is_believed(ours: Path) -> None:
    async with FakeServer(saying(http(200)), server_tls(ours)) as server:
        assert (await ask(server.url, ca(ours))).status == 200


@pytest.mark.parametrize("digest", [sha1, sha256])
async def test_the_pinned_certificate_is_believed(ours: Path, digest: Any) -> None:
    async with FakeServer(saying(http(200)), server_tls(ours)) as server:
        assert (await ask(server.url, pin(ours, digest))).status == 200
        # By any name: a pin replaces the check of the name.
        by_name = server.url.replace("127.0.0.1", "localhost")
        assert (await ask(by_name, pin(ours, digest))).status == 200


async def test_sec_67_by_default_the_system_decides_and_knows_no_such_ca(ours: Path) -> None:
    assert Trust() == Trust(ca=None, fingerprints=(), verify=True)
    async with FakeServer(saying(http(200)), server_tls(ours)) as server:
        assert "certificate is not the one" in await reason(server.url, Trust())
    assert server.asked == []


async def test_sec_67_a_wrong_certificate_is_told_nothing(ours: Path, theirs: Path) -> None:
    async with FakeServer(saying(http(200)), server_tls(theirs)) as server:
        for trust in (ca(ours), pin(ours, sha1), pin(ours, sha256)):
            assert "certificate is not the one" in (said := await reason(server.url, trust))
            assert pin(theirs, sha256).fingerprints == (
                fingerprint(said.partition("shown is ")[2]),
            )
    assert server.asked == []


async def test_sec_67_a_ca_and_a_fingerprint_are_both_asked_for(ours: Path, theirs: Path) -> None:
    right, wrong = (pin(folder, sha256).fingerprints for folder in (ours, theirs))
    authority = ca(ours).ca
    async with FakeServer(saying(http(200)), server_tls(ours)) as server:
        assert (await ask(server.url, Trust(authority, (*wrong, *right)))).status == 200
        told = len(server.asked)
        # Chain and fingerprint are good here, and the name is not.
        by_name = server.url.replace("127.0.0.1", "localhost")
        refused = [await reason(by_name, Trust(authority, right))]
        refused += [await reason(server.url, Trust(authority, wrong))]
        refused += [await reason(server.url, Trust(ca(theirs).ca, right))]
    assert all("certificate is not the one" in why for why in refused)
    assert len(server.asked) == told


async def test_sec_67_one_of_several_fingerprints_will_do(ours: Path, theirs: Path) -> None:
    pins = Trust(None, pin(theirs, sha1).fingerprints + pin(ours, sha256).fingerprints)
    async with FakeServer(saying(http(200)), server_tls(ours)) as server:
        assert (await ask(server.url, pins)).status == 200


async def test_sec_67_a_certificate_for_another_name_is_told_nothing(tmp_path: Path) -> None:
    context = server_tls(tmp_path, ("vcenter.example",))
    async with FakeServer(saying(http(200)), context) as server:
        assert "certificate is not the one" in await reason(server.url, ca(tmp_path))
    assert server.asked == []


async def test_sec_67_an_old_certificate_is_told_nothing(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC) - timedelta(days=500))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls" / "server.pem", tmp_path / "tls" / "server.key")
    async with FakeServer(saying(http(200)), context) as server:
        assert "certificate is not the one" in await reason(server.url, ca(tmp_path))
    assert server.asked == []


async def test_any_certificate_does_only_where_the_settings_say_so(theirs: Path) -> None:
    assert BLIND.is_blind
    assert not Trust(fingerprints=("00" * 20,), verify=False).is_blind
    async with FakeServer(saying(http(200)), server_tls(theirs)) as server:
        assert (await ask(server.url, BLIND)).status == 200


async def test_no_tls_at_all_is_an_outage(ours: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP ready\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await reason(f"https://127.0.0.1:{port}", ca(ours)) == "no TLS with it"


def test_a_ca_file_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        HttpUpstream("https://vc", Trust(ca=tmp_path / "none.pem"))
    (tmp_path / "empty.pem").write_text("nothing here")
    with pytest.raises(ssl.SSLError):
        HttpUpstream("https://vc", Trust(ca=tmp_path / "empty.pem"))
