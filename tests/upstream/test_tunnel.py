"""Upstreams behind a proxy: what the proxy is told, and what it can do to a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.errors import OutcomeUnknown, UpstreamUnavailable
from sessiongate.tls.trust import Trust
from sessiongate.upstream.exchange import CONNECT, Exchange
from sessiongate.upstream.tunnel import LARGEST_ANSWER
from sessiongate.wire.http import Ask
from tests.each import each
from tests.until import until
from tests.upstream.connect_proxy import ConnectProxy
from tests.upstream.fakes import FakeServer, http, saying, server_tls

LONG = timedelta(seconds=30)
ASK = Ask("/sdk", (("cookie", "a=canary"),), b"<canary/>")
OK = http(200, "<ok/>")
NAME = "vcenter.example"


@asynccontextmanager
async def calling(
    url: str, proxy: str, trust: Trust | None = None, connect: timedelta = CONNECT
) -> AsyncIterator[Exchange]:
    exchange = Exchange(url, trust or Trust(verify=False), connect=connect, proxy=proxy)
    try:
        yield exchange
    finally:
        await exchange.close()
        assert exchange.connections == 0


async def body_of(exchange: Exchange) -> bytes:
    return (await exchange.exchange(ASK, within=LONG, largest=1000)).body


async def test_a_proxy_hears_the_name_and_nothing_else(tmp_path: Path) -> None:
    tls = server_tls(tmp_path, [NAME])
    trust = Trust(tmp_path / "tls" / "ca.pem")
    async with FakeServer(saying(OK), tls) as server:
        with ConnectProxy({f"{NAME}:443": ("127.0.0.1", server.port)}) as proxy:
            async with calling(f"https://{NAME}", proxy.url, trust) as exchange:
                for _ in range(3):
                    assert await body_of(exchange) == b"<ok/>"
            assert proxy.asked == [f"CONNECT {NAME}:443 HTTP/1.1"], "the connection is kept"
            assert proxy.heads[0].split(b"\r\n")[1:] == [f"Host: {NAME}:443".encode(), b"", b""]
            assert len(proxy.passed) > 500
            assert b"canary" not in proxy.passed
    assert [one.headers["host"] for one in server.asked] == [NAME] * 3


@pytest.mark.parametrize("names", [["other.example"], [NAME]])
async def test_sec_67_behind_a_proxy_the_upstream_s_certificate_is_verified(
    tmp_path: Path, names: list[str]
) -> None:
    """It is the proxy that could answer in its place."""
    tls = server_tls(tmp_path / "server", names)
    server_tls(tmp_path / "other", [NAME])
    folder = tmp_path / ("other" if names == [NAME] else "server")
    async with FakeServer(saying(OK), tls) as server:
        with ConnectProxy({f"{NAME}:443": ("127.0.0.1", server.port)}) as proxy:
            trust = Trust(folder / "tls" / "ca.pem")
            async with calling(f"https://{NAME}", proxy.url, trust) as exchange:
                with pytest.raises(UpstreamUnavailable, match="not the one to be trusted"):
                    await body_of(exchange)
        assert not server.asked


REFUSALS = {
    "a login is wanted": (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "status 407"),
    "it cannot reach it": (b"HTTP/1.1 502 canary\r\n\r\ncanary", "status 502"),
    "another answer first": (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", "cannot be read"),
    "HTTP of the future": (b"HTTP/2 200\r\n\r\n", "cannot be read"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * LARGEST_ANSWER, "too long"),
    "more than a head": (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03", "more than its answer"),
}


@each("answer, why", REFUSALS.values(), REFUSALS.keys())
async def test_what_a_proxy_says_instead_is_an_outage(answer: bytes, why: str) -> None:
    """Nothing was sent to the upstream, and no connection is left."""
    with ConnectProxy(answer=answer) as proxy:
        async with calling(f"https://{NAME}", proxy.url) as exchange:
            with pytest.raises(UpstreamUnavailable, match=why) as told:
                await body_of(exchange)
            assert not isinstance(told.value, OutcomeUnknown)
            assert "proxy" in str(told.value)
            assert "canary" not in str(told.value)
            await until(proxy.ended.is_set)


async def test_a_proxy_that_is_away_or_hangs_up_is_an_outage() -> None:
    async with (
        FakeServer(saying(b"")) as silent,
        calling(f"https://{NAME}", silent.url) as exchange,
    ):
        with pytest.raises(UpstreamUnavailable, match="the proxy has closed"):
            await body_of(exchange)
    async with calling(f"https://{NAME}", silent.url) as exchange:
        with pytest.raises(UpstreamUnavailable, match="no connection to the proxy"):
            await body_of(exchange)


async def test_a_proxy_that_says_nothing_takes_no_longer_than_a_connection_may() -> None:
    async with FakeServer(saying(OK)) as silent:
        silent.gate.clear()
        quickly = timedelta(seconds=0.5)
        async with calling(f"https://{NAME}", silent.url, connect=quickly) as exchange:
            with pytest.raises(UpstreamUnavailable, match="no connection within"):
                await body_of(exchange)


@each(
    "url, where",
    [
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
        ("https://vcenter.example:8443", "vcenter.example:8443"),
        ("https://bücher.example", "xn--bcher-kva.example:443"),
        ("http://vcenter.example", "vcenter.example:80"),
    ],
)
async def test_the_address_is_written_as_proxies_read_it(url: str, where: str) -> None:
    with ConnectProxy(answer=b"HTTP/1.1 503 No\r\n\r\n") as proxy:
        async with calling(url, proxy.url) as exchange:
            with pytest.raises(UpstreamUnavailable, match="status 503"):
                await exchange.exchange(Ask("/", (), b"", "GET"), within=LONG, largest=1000)
        assert proxy.asked == [f"CONNECT {where} HTTP/1.1"]
