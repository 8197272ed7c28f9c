"""What a trusted proxy says is believed, and nobody else."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from structlog.testing import capture_logs

from sessiongate.http.local import is_local
from sessiongate.http.message import Reply, Request
from sessiongate.http.proxies import Trusted, TrustedProxies
from sessiongate.tls import certificates
from tests.each import each

TRUSTED = (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))
BY_SOCKET: Trusted = ("unix",)
HEADER = "X-Client-Cert"


async def seen_by(
    headers: list[tuple[str, str]],
    peer: str,
    *,
    secure: bool = True,
    trusted: Trusted = TRUSTED,
    user: int | None = None,
) -> Request:
    seen: list[Request] = []

    async def inner(request: Request) -> Reply:
        seen.append(request)
        return Reply(204)

    request = Request("GET", "/", "", headers, b"", peer, secure, b"own", user)
    await TrustedProxies(inner, trusted, HEADER)(request)
    return seen[0]


@pytest.mark.parametrize("peer", ["192.0.2.9", "10.0.1.1", "/run/door.sock", ""])
async def test_sec_26_a_stranger_cannot_claim_another_address(peer: str) -> None:
    claims = [("x-forwarded-for", "203.0.113.5"), (HEADER.lower(), "anything")]
    seen = await seen_by(claims, peer)
    assert (seen.peer, seen.certificate) == (peer, b"own")


@pytest.mark.parametrize(
    ("line", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.0.0.7", "203.0.113.5"),
        ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("2001:db8::5, fd00::9", "2001:db8::5"),
        ("unknown", "10.0.0.5"),
        ("203.0.113.5, spoofed", "10.0.0.5"),
        ("198.51.100.99:4711", "198.51.100.99"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("203.0.113.5:1, 10.0.0.7:2", "203.0.113.5"),
        ("203.0.113.5, [fd00::9]:443", "203.0.113.5"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("[::ffff:198.51.100.7]:80", "198.51.100.7"),
        ("2001:DB8:0::5", "2001:db8::5"),
        ("203.0.113.5, ::ffff:10.0.0.7", "203.0.113.5"),
        ("203.0.113.5:65536", "10.0.0.5"),
        ("203.0.113.5:", "10.0.0.5"),
        ("[203.0.113.5]:80", "10.0.0.5"),
        ("_hidden", "10.0.0.5"),
        ("0" * 70_000, "10.0.0.5"),
        ("", "10.0.0.5"),
    ],
)
async def test_sec_26_the_last_hop_that_is_no_proxy_of_ours_is_the_client(
    line: str, client: str
) -> None:
    assert (await seen_by([("x-forwarded-for", line)], "10.0.0.5")).peer == client


async def test_nothing_is_answered_without_waiting_for_who_comes_by_a_proxy() -> None:
    class Both:
        async def __call__(self, _: Request) -> Reply:
            return Reply(204)

        def answer_nowait(self, _: Request) -> Reply | None:
            return Reply(200)

    def answered(peer: str, trusted: Trusted) -> bool:
        asked = Request("GET", "/", "", [], b"", peer, secure=True)
        return TrustedProxies(Both(), trusted, None).answer_nowait(asked) is not None

    assert [answered(peer, TRUSTED) for peer in ("192.0.2.9", "10.0.0.5", "/run/door.sock")] == [
        *(True, False, True)
    ]
    assert not answered("/run/door.sock", BY_SOCKET)


async def test_sec_79_the_log_has_one_line_for_each_proxy_that_says_no_address() -> None:
    """However many requests, and whatever they say; an address, or silence, is none of it."""

    async def inner(_: Request) -> Reply:
        return Reply(204)

    proxies = TrustedProxies(inner, TRUSTED, HEADER)

    async def ask(line: str | None, peer: str) -> None:
        headers = [("x-forwarded-for", line)] if line is not None else []
        await proxies(Request("GET", "/", "", headers, b"", peer, secure=True))

    with capture_logs() as logs:
        for line in ("203.0.113.5", "203.0.113.5:80", "10.0.0.8", None):
            await ask(line, "10.0.0.5")
        await ask("unknown", "192.0.2.9")  # a stranger
        assert logs == []
        for line in ("unknown", "_hidden", "", "203.0.113.5, \x9b" + "x" * 100):
            await ask(line, "10.0.0.5")
        await ask("_hidden\x9b, 10.0.0.7", "10.0.0.6")
    told = [(one["log_level"], one["proxy"], one["counts_as"], one["sent"]) for one in logs]
    assert told == [
        ("warning", "10.0.0.5", "10.0.0.5", "unknown"),
        ("warning", "10.0.0.6", "10.0.0.7", "_hidden\\x9b"),
    ]


async def test_sec_79_only_so_many_proxies_are_told_of() -> None:
    async def inner(_: Request) -> Reply:
        return Reply(204)

    proxies = TrustedProxies(inner, TRUSTED, HEADER)
    with capture_logs() as logs:
        for number in range(200):
            headers = [("x-forwarded-for", "unknown")]
            peer = f"10.0.0.{number}"
            await proxies(Request("GET", "/", "", headers, b"", peer, secure=True))
    assert len(logs) == 100


async def test_sec_79_a_proxy_may_come_by_a_unix_socket() -> None:
    path = "/run/door.sock"
    claims = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", "https")]
    seen = await seen_by(claims, path, trusted=(*TRUSTED, "unix"), user=33, secure=False)
    assert (seen.peer, seen.secure, seen.user, seen.proxied) == ("203.0.113.5", True, None, True)
    # Not named, it is a local user like any other, and what it says is nothing.
    seen = await seen_by(claims, path, user=33, secure=False)
    assert (seen.peer, seen.secure, seen.user, seen.proxied) == (path, False, 33, False)
    # Named alone, it is the only one that is believed.
    seen = await seen_by(claims, "10.0.0.5", trusted=BY_SOCKET)
    assert (seen.peer, seen.proxied) == ("10.0.0.5", False)


@pytest.mark.parametrize("line", ["203.0.113.5", "127.0.0.1", "", None])
async def test_sec_79_a_trusted_proxy_makes_nobody_local(line: str | None) -> None:
    """Also where it names nobody, or the loopback of a host that may be another one."""
    headers = [("x-forwarded-for", line)] if line is not None else []
    for peer, trusted in (("10.0.0.5", TRUSTED), ("/run/door.sock", BY_SOCKET)):
        seen = await seen_by(headers, peer, trusted=trusted, user=0)
        assert seen.proxied
        assert seen.user is None
        assert not is_local(seen)


PROTO = "x-forwarded-proto"


@each("secure", [True, False])
@each(
    ("said", "by_tls"),
    [
        (["https"], True),
        (["HTTPS"], True),
        (["http"], False),
        (["https, http"], False),
        (["http, https"], False),
        (["https", "https"], False),
        (["https", "http"], False),
        (["https://x"], False),
        (["wss"], False),
        ([""], False),
        ([], False),
    ],
)
async def test_a_trusted_proxy_says_whether_its_client_came_by_tls(
    said: list[str], by_tls: bool, secure: bool
) -> None:
    """And takes nothing away: what came over our own TLS did."""
    headers = [(PROTO, value) for value in said]
    assert (await seen_by(headers, "10.0.0.5", secure=secure)).secure == (by_tls or secure)


@pytest.mark.parametrize("peer", ["192.0.2.9", "10.0.1.1", "/run/door.sock", ""])
async def test_sec_26_a_stranger_cannot_claim_to_have_come_by_tls(peer: str) -> None:
    assert not (await seen_by([(PROTO, "https")], peer, secure=False)).secure


async def test_several_header_lines_are_one_list() -> None:
    lines = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "10.0.0.7")]
    assert (await seen_by(lines, "10.0.0.5")).peer == "203.0.113.5"


async def test_a_proxy_without_word_of_its_client_is_the_client() -> None:
    assert (await seen_by([], "10.0.0.5")).peer == "10.0.0.5"


async def test_a_certificate_that_a_proxy_has_checked_is_taken_over(tmp_path: Path) -> None:
    made = certificates.ensure(tmp_path, ["x.example"], datetime.now(UTC))
    certificate = load_pem_x509_certificate(made.certificate.read_bytes())
    escaped = quote(certificate.public_bytes(Encoding.PEM), safe="")
    seen = await seen_by([(HEADER.lower(), escaped)], "10.0.0.5")
    assert seen.certificate == certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("values", [[], ["nonsense"], ["%2D", "%2D"], ["%zz%ff"]])
async def test_no_certificate_or_an_unclear_one_is_none(values: list[str]) -> None:
    """What the connection to the proxy itself showed is not the client's either."""
    headers = [(HEADER.lower(), value) for value in values]
    assert (await seen_by(headers, "10.0.0.5")).certificate is None


HOST = ("host", "127.0.0.1:9669")


async def host_seen(peer: str, *said: str) -> list[str]:
    """The values of Host that the inside sees where Host was 127.0.0.1:9669."""
    headers = [HOST, *(("x-forwarded-host", one) for one in said)]
    return (await seen_by(headers, peer)).all("host")


@pytest.mark.parametrize("host", ["gate.example.com", "Gate:8443", "[::1]:443"])
async def test_the_host_is_the_one_that_the_client_asked_for(host: str) -> None:
    assert await host_seen("10.0.0.5", host) == [host]


@pytest.mark.parametrize("peer", ["192.0.2.9", "/run/door.sock", ""])
async def test_sec_85_a_stranger_cannot_claim_another_host(peer: str) -> None:
    assert await host_seen(peer, "evil.example") == [HOST[1]]


@pytest.mark.parametrize(
    "said", [[], [""], ["a, b"], ["a", "b"], ["a", "a"], ["a/b"], ["a b"], ["a@b"], ["a?"]]
)
async def test_what_is_not_one_host_changes_nothing(said: list[str]) -> None:
    assert await host_seen("10.0.0.5", *said) == [HOST[1]]
