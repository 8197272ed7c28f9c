"""Who is on the server's own host: a peer address that says so, and nobody in between."""

import msgspec

from sessiongate.http.local import is_local
from tests.each import each
from tests.http.requests import request


@each(
    ("peer", "user", "local"),
    [
        ("127.0.0.1", None, True),
        ("127.8.9.1", None, True),
        ("::1", None, True),
        ("192.0.2.7", None, False),
        ("2001:db8::1", None, False),
        ("localhost", None, False),
        ("", None, False),
        ("/run/gate.sock", 1000, True),
        ("/run/gate.sock", 0, True),
        # a system that does not say who is there
        ("/run/gate.sock", None, False),
    ],
)
def test_sec_79_local_is_what_the_kernel_says(peer: str, user: int | None, local: bool) -> None:
    asked = request("GET", "/", b"", peer)
    asked.user = user
    assert is_local(asked) is local


@each(
    "name",
    [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded",
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-envoy-external-address",
        "x-original-forwarded-for",
        "forwarded-for",
        "x-proxyuser-host",
        # WebLogic and other Java proxies, Fly, App Engine, Fastly, CloudFront, Alibaba, Netlify,
        # Vercel, Imperva, Sucuri, Squid's neighbours, and whoever writes headers by hand
        "proxy-client-ip",
        "wl-proxy-client-ip",
        "fly-client-ip",
        "fly-forwarded-port",
        "x-appengine-user-ip",
        "x-appengine-remote-addr",
        "fastly-client-ip",
        "cloudfront-viewer-address",
        "ali-cdn-real-ip",
        "x-nf-client-connection-ip",
        "x-vercel-forwarded-for",
        "incap-client-ip",
        "x-sucuri-clientip",
        "http-client-ip",
        "http_x_forwarded_for",
        "client-ip",
        "x-cluster-client-ip",
        "x-proxyuser-ip",
        "x-remote-ip",
        "x-remote-addr",
        "x-originating-ip",
        "x-source-ip",
        "x-real_ip",
        "x-bluecoat-via",
        "x-haproxy-server-state",
        "x-envoy-decorator-operation",
        "x-azure-ref",
        "x-amz-cf-id",
        "x-amzn-trace-id",
        "x-arr-log-id",
        "cdn-loop",
        "x-scheme",
    ],
)
@each("peer", ["127.0.0.1", "/run/gate.sock"])
def test_sec_79_whoever_was_forwarded_is_not_local(name: str, peer: str) -> None:
    asked = request("GET", "/", b"", peer)
    asked.user = 1000 if peer.startswith("/") else None
    assert is_local(asked)
    for value in ("", "127.0.0.1", "anything"):
        assert not is_local(msgspec.structs.replace(asked, headers=[(name, value)]))


def test_sec_79_what_comes_through_a_trusted_proxy_is_not_local() -> None:
    """Not even without a word of its client: a proxy that names none has clients all the same."""
    asked = request("GET", "/", b"", "127.0.0.1")
    assert is_local(asked)
    asked.proxied = True
    assert not is_local(asked)


@each(
    "name",
    [
        "accept",
        "authorization",
        "connection",
        "content-type",
        "cookie",
        "description",
        "host",
        "origin",
        "soapaction",
        "sec-fetch-site",
        "traceparent",
        "user-agent",
        "vmware-api-session-id",
        "vmware-use-header-authn",
        "x-request-id",
        "x-zerto-session",
    ],
)
def test_other_headers_prove_nothing_against_anybody(name: str) -> None:
    asked = request("GET", "/", b"", "127.0.0.1")
    assert is_local(msgspec.structs.replace(asked, headers=[(name, "7")]))
