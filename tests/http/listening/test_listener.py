"""InheritedSockets: addresses, Unix sockets, TLS, and what a peer is called."""

import asyncio
import contextlib
import logging
import os
import re
import socket
import ssl
import stat
import sys
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from sessiongate.http.limits import HttpLimits
from sessiongate.http.listening import sockets
from sessiongate.http.listening.listener import Listener, listen
from sessiongate.http.message import Reply, Request
from sessiongate.tls.server import tls_context
from tests.until import PATIENCE, until

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NOW = timedelta(0)


async def who(request: Request) -> Reply:
    return Reply(200, (), f"<{request.peer} {request.secure}>".encode())


async def bind_socket(address: str, tls: ssl.SSLContext | None = None, **more: Any) -> Listener:
    return await listen(address, who, HttpLimits(), tls, **more)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """What the handler calls us."""
    writer.write(GET)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read(-1)
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


class Pair:
    """A self-signed certificate and its key, in files."""

    def __init__(self, folder: Path, password: bytes | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        how: KeySerializationEncryption = (
            BestAvailableEncryption(password) if password else NoEncryption()
        )
        self.certificate = folder / "certificate.pem"
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        self.key = folder / "key.pem"
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))


def client(pair: Pair, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pair.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with warnings.catch_warnings():
        # TLS 1.1 is asked for only to be refused.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = version
        context.maximum_version = version
    return context


async def test_ipv4_peers_are_named_by_address() -> None:
    door = await bind_socket("127.0.0.1:0")
    assert door.address == f"127.0.0.1:{door.port}"
    assert door.port > 0
    assert await ask(*await asyncio.open_connection("127.0.0.1", door.port)) == "<127.0.0.1 False>"
    await door.stop(NOW)


needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")


@needs_ipv6
async def test_ipv6_peers_are_named_by_address() -> None:
    door = await bind_socket("[::1]:0")
    assert door.address == f"[::1]:{door.port}"
    assert await ask(*await asyncio.open_connection("::1", door.port)) == "<::1 False>"
    await door.stop(NOW)


@needs_ipv6
async def test_ipv4_peers_keep_their_name_on_a_socket_for_both() -> None:
    door = await bind_socket("[::]:0")
    assert await ask(*await asyncio.open_connection("127.0.0.1", door.port)) == "<127.0.0.1 False>"
    assert await ask(*await asyncio.open_connection("::1", door.port)) == "<::1 False>"
    await door.stop(NOW)


async def test_unix_peers_are_named_by_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "door"
    door = await bind_socket(f"unix:{path}")
    assert door.address == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await ask(*await asyncio.open_unix_connection(path)) == f"<{path} False>"
    await door.stop(NOW)
    assert not path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel says who it is")
async def test_sec_79_the_kernel_says_which_user_is_at_a_unix_socket(tmp_path: Path) -> None:
    seen: list[int | None] = []

    async def note(request: Request) -> Reply:
        seen.append(request.user)
        return Reply(204)

    for address in (f"unix:{tmp_path}/door", "127.0.0.1:0"):
        door = await listen(address, note, HttpLimits(), None)
        if door.port:
            await ask(*await asyncio.open_connection("127.0.0.1", door.port))
        else:
            await ask(*await asyncio.open_unix_connection(tmp_path / "door"))
        await door.stop(NOW)
    assert seen == [os.geteuid(), None]


async def test_stopping_leaves_a_successors_socket(tmp_path: Path) -> None:
    path = tmp_path / "door"
    door = await bind_socket(f"unix:{path}")
    # Kept under another name, so that its inode cannot be given to the successor.
    path.rename(tmp_path / "old")
    successor = await bind_socket(f"unix:{path}")
    await door.stop(NOW)
    assert await ask(*await asyncio.open_unix_connection(path)) == f"<{path} False>"
    await successor.stop(NOW)


async def test_who_was_handed_a_unix_socket_leaves_its_file(tmp_path: Path) -> None:
    """One of two processes behind it goes; newer Pythons would take the file along."""
    path = str(tmp_path / "door")
    shared = sockets.bind_socket(f"unix:{path}")
    with shared:
        first = await bind_socket(f"unix:{path}", opened=shared.dup())
        second = await bind_socket(f"unix:{path}", opened=shared.dup())
        await first.stop(NOW)
        assert await ask(*await asyncio.open_unix_connection(path)) == f"<{path} False>"
        await second.stop(NOW)
    Path(path).unlink()


async def test_stopping_twice_does_no_harm() -> None:
    door = await bind_socket("127.0.0.1:0")
    await door.stop(NOW)
    await door.stop(NOW)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_is_spoken(version: ssl.TLSVersion, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    door = await bind_socket("127.0.0.1:0", tls_context(pair.certificate, pair.key))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=client(pair, version)
    )
    spoken = writer.get_extra_info("ssl_object")
    assert spoken.version() == version.name.replace("_", ".")
    assert spoken.selected_alpn_protocol() == "http/1.1"
    assert await ask(reader, writer) == "<127.0.0.1 True>"
    await door.stop(timedelta(seconds=5))


@pytest.mark.parametrize("lingers", [True, False])
async def test_who_is_shaking_hands_is_still_answered_by_one_who_lingers(
    lingers: bool, tmp_path: Path
) -> None:
    """Such a connection stands in no list yet, and its kernel has given it to nobody else."""
    pair = Pair(tmp_path)
    door = await bind_socket("127.0.0.1:0", tls_context(pair.certificate, pair.key))
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = client(pair, ssl.TLSVersion.TLSv1_3)
    spoken = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        spoken.do_handshake()
    writer.write(outgoing.read())
    incoming.write(await reader.read(65536))  # so the server is at it
    stopping = asyncio.create_task(door.stop(NOW, timedelta(seconds=0.5) if lingers else NOW))
    await (until(lambda: door._edge.stopping) if lingers else stopping)
    spoken.do_handshake()
    spoken.write(GET.replace(b"close", b"keep-alive"))
    with contextlib.suppress(ConnectionError):
        writer.write(outgoing.read())
        incoming.write(await reader.read(-1))
    answer = b""
    with contextlib.suppress(ssl.SSLError):
        while part := spoken.read(65536):
            answer += part
    assert (b" 200 OK\r\n" in answer, b"close" in answer.lower()) == (lingers, lingers)
    await stopping
    writer.close()


async def test_tls_1_1_is_not_spoken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair(tmp_path)
    door = await bind_socket("127.0.0.1:0", tls_context(pair.certificate, pair.key))
    with caplog.at_level(logging.INFO), pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(
            "127.0.0.1", door.port, ssl=client(pair, ssl.TLSVersion.TLSv1_1)
        )
    await door.stop(NOW)
    assert caplog.records == []


async def test_sec_45_plain_http_on_a_tls_port_is_closed_without_redirect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = Pair(tmp_path)
    door = await bind_socket("127.0.0.1:0", tls_context(pair.certificate, pair.key))
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(GET)
    said = b""
    with caplog.at_level(logging.INFO):
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionResetError):
                said = await reader.read(-1)
    writer.close()
    await door.stop(NOW)
    assert re.search(rb"HTTP|ocation", said) is None
    assert caplog.records == []
    assert capfd.readouterr().err == ""


async def test_a_refusal_over_tls_arrives_and_closes(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    door = await bind_socket("127.0.0.1:0", tls_context(pair.certificate, pair.key))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=client(pair, ssl.TLSVersion.TLSv1_3)
    )
    writer.write(b"GET / HTTP/1.1\n\n")
    async with asyncio.timeout(PATIENCE):
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await door.stop(timedelta(seconds=5))
