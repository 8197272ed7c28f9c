"""TLS as clients meet it: versions, names, certificates of one's own, and going without."""

import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.tls import certificates
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import USER, Server
from tests.until import PATIENCE

MakeServer = Callable[..., Server]


def shake_hands(server: Server, context: ssl.SSLContext, name: str = "127.0.0.1") -> str | None:
    """The TLS version that a handshake ends in."""
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@EMBEDDED
def test_tls_1_2_and_1_3(version: ssl.TLSVersion, name: str, shared: Server) -> None:
    context = shared.tls()
    context.minimum_version = context.maximum_version = version
    assert shake_hands(shared, context, name) == version.name.replace("_", ".")


@EMBEDDED
def test_nothing_older(shared: Server) -> None:
    context = shared.tls()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is why we ask for it
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as refused:
        shake_hands(shared, context)
    # The refusal must be the server's: a client that cannot offer it proves nothing.
    assert "NO_PROTOCOLS_AVAILABLE" not in str(refused.value)
    assert "NO_CIPHERS_AVAILABLE" not in str(refused.value)


@EMBEDDED
def test_a_client_that_trusts_others_does_not_get_in(shared: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(shared, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(shared, shared.tls(), "zvm.example.com")


@EMBEDDED
def test_the_key_is_small_and_elliptic(shared: Server) -> None:
    context = shared.tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert shake_hands(shared, context) == "TLSv1.2"
    for name in ("server.key", "ca.key"):
        assert (shared.data_dir / "tls" / name).stat().st_mode & 0o077 == 0


def test_a_certificate_of_ones_own(tmp_path: Path, make_server: MakeServer) -> None:
    made = certificates.ensure(tmp_path / "elsewhere", ["zvm.example.com"], datetime.now(UTC))
    server = make_server(
        settings=f'[server.tls]\ncertificate = "{made.certificate}"\nkey = "{made.key}"\n'
    )
    assert made.facts.sha256 in server.out.text
    assert not server.ca.exists()
    context = ssl.create_default_context(cafile=str(made.ca))
    assert shake_hands(server, context, "zvm.example.com") == "TLSv1.3"
    renew = server.run("cert", "renew", "--config", str(server.data_dir) + ".toml")
    assert renew.code == 1
    assert "of your own" in renew.err


@pytest.mark.slow
def test_names_of_the_settings_are_in_the_certificate(make_server: MakeServer) -> None:
    server = make_server(settings='[server]\npublic_names = ["zvm.corp.example", "10.1.2.3"]\n')
    assert shake_hands(server, server.tls(), "zvm.corp.example") == "TLSv1.3"
    assert shake_hands(server, server.tls(), "10.1.2.3") == "TLSv1.3"


@pytest.mark.slow
def test_plain_http_only_when_asked_for_and_with_a_warning(make_server: MakeServer) -> None:
    server = make_server(flags=("--plain-http",))
    assert server.url.startswith("http://")
    assert "WARNING: plain HTTP" in server.out.text
    assert server.zerto_login(*USER).status == 200
    assert not (server.data_dir / "tls").exists()
