"""The TLS of a server: certificate and key fit each other, and every problem is named."""

import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.tls.server import tls_context
from tests.http.listening.test_listener import Pair, client


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    pair = Pair(tmp_path, b"hunter2")
    tls_context(pair.certificate, pair.key, Secret("hunter2"))
    for password in (None, Secret("hunter3")):
        with pytest.raises(ConfigError, match="key_password") as caught:
            tls_context(pair.certificate, pair.key, password)
        assert "hunter" not in str(caught.value)


def test_every_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_context(tmp_path / "a.pem", tmp_path / "b.pem")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "tls.certificate",
        "tls.key",
    ]


def test_a_key_of_another_certificate_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Pair(tmp_path / "one"), Pair(tmp_path / "two")
    for certificate, key in ((one.certificate, two.key), (one.key, one.certificate)):
        with pytest.raises(ConfigError, match=r"tls\.key"):
            tls_context(certificate, key)


def test_a_client_resumes_by_the_one_ticket_that_it_gets(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    server, asking = tls_context(pair.certificate, pair.key), client(pair, ssl.TLSVersion.TLSv1_3)
    first = shaken(server, asking)
    assert not first.session_reused
    again = shaken(server, asking, first.session)
    assert again.session_reused
    assert shaken(server, asking, again.session).session_reused


def shaken(
    server: ssl.SSLContext, asking: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLObject:
    """A client that has shaken hands, and has read what the server had to say of that."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(there, back, server_side=True)
    ours = asking.wrap_bio(back, there, server_hostname="localhost", session=session)
    for side in (ours, theirs, ours, theirs):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    theirs.write(b"x")
    assert ours.read(1) == b"x"
    return ours
