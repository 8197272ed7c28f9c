"""Extensions log in by client certificate: over our own TLS, and through a trusted proxy."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sessiongate.tls import certificates
from tests.end_to_end.serving import Server, vim, with_people
from tests.until import PATIENCE

KEY = "com.example.backup"


def made(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key, as extensions make them for themselves."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, KEY)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "extension.pem", folder / "extension.key"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made(tmp_path_factory.mktemp("registered"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, registered: tuple[Path, Path]
) -> Iterator[Server]:
    settings = f'[extensions."{KEY}"]\ncertificate = "{registered[0]}"\nrole = "user"\n'
    with with_people(tmp_path_factory.mktemp("extensions") / "data", settings=settings) as running:
        yield running


def call(
    server: Server, method: str, key: str, pair: tuple[Path, Path] | None
) -> dict[str, object]:
    context = ssl.create_default_context(cafile=str(server.data_dir / "tls" / "ca.pem"))
    if pair is not None:
        context.load_cert_chain(*pair)
    request = urllib.request.Request(
        server.url + vim(method), json.dumps({"extensionKey": key}).encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE) as reply:
            found: dict[str, object] = json.load(reply)
    except urllib.error.HTTPError as refused:
        with refused:
            found = json.load(refused)
    return found


METHODS = ("LoginExtensionByCertificate", "LoginExtensionBySubjectName")


@pytest.mark.parametrize("method", METHODS)
def test_the_registered_certificate_opens_an_extension_session(
    server: Server, registered: tuple[Path, Path], method: str
) -> None:
    session = call(server, method, KEY, registered)
    assert session["_typeName"] == "UserSession"
    assert (session["userName"], session["extensionSession"]) == (KEY, True)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_certificate_it_is_missed_for_known_and_unknown_keys(
    server: Server, method: str
) -> None:
    assert call(server, method, KEY, None)["_typeName"] == "NoClientCertificate"
    assert call(server, method, "com.example.other", None)["_typeName"] == "NoClientCertificate"


def test_an_unknown_extension_is_refused_as_each_method_declares(
    server: Server, registered: tuple[Path, Path]
) -> None:
    refused = [call(server, method, "com.example.other", registered) for method in METHODS]
    assert [fault["_typeName"] for fault in refused] == ["InvalidLogin", "NotFound"]


def test_a_certificate_that_nobody_registered_does_not_get_past_the_handshake(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises((urllib.error.URLError, OSError)):
        call(server, METHODS[0], KEY, made(tmp_path))


@pytest.mark.slow
def test_a_trusted_proxy_passes_the_certificate_on_and_a_stranger_cannot(
    tmp_path: Path, registered: tuple[Path, Path]
) -> None:
    facts = certificates.describe(registered[0])
    extension = f'[extensions."{KEY}"]\nfingerprint = "{facts.sha1}"\nrole = "user"\n'
    trusting = (
        '[server]\ntrusted_proxies = ["127.0.0.1"]\nclient_certificate_header = "X-Client-Cert"\n'
    )
    pem = registered[0].read_text().partition("-----END CERTIFICATE-----")
    header = {"X-Client-Cert": quote(f"{pem[0]}{pem[1]}\n", safe="")}
    body = {"extensionKey": KEY}
    with with_people(tmp_path / "proxied", settings=trusting + extension) as server:
        reply = server.request("POST", vim(METHODS[0]), header, body)
        assert (reply.status, reply.json()["userName"]) == (200, KEY)
    with with_people(tmp_path / "direct", settings=extension) as server:
        reply = server.request("POST", vim(METHODS[0]), header, body)
        assert reply.json()["_typeName"] == "NoClientCertificate"


def test_an_extension_needs_something_to_be_known_by(tmp_path: Path) -> None:
    settings = f'[extensions."{KEY}"]\nrole = "user"\n'
    with pytest.raises(AssertionError, match="needs fingerprint or certificate"):
        with_people(tmp_path / "data", settings=settings).start()
