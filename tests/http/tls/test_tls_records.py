"""Records through BIOs that stay small (a connection's: `test_tls_connection.py`)."""

import ssl
from pathlib import Path

import pytest

from sessiongate.http.tls.tls_records import SLICE, decrypt, encrypt
from sessiongate.tls.server import tls_context
from tests.http.listening.test_listener import Pair, client


@pytest.mark.parametrize("size", [0, 1, SLICE, SLICE + 1, 8 * SLICE])
def test_sec_75_what_is_encrypted_is_what_is_decrypted(tmp_path: Path, size: int) -> None:
    pair = Pair(tmp_path)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls_context(pair.certificate, pair.key).wrap_bio(there, back, server_side=True)
    peer = client(pair, ssl.TLSVersion.TLSv1_3).wrap_bio(back, there, server_hostname="127.0.0.1")
    for one in (peer, server):
        with pytest.raises(ssl.SSLWantReadError):
            one.do_handshake()
    peer.do_handshake()
    server.do_handshake()
    plain = bytes(range(256)) * (size // 256 + 1)
    tickets = back.read()
    records = encrypt(server, back, plain[:size])
    assert back.pending == 0
    back.write(tickets + records)
    assert decrypt(peer, back) == (plain[:size], False)
    with pytest.raises(ssl.SSLWantReadError):
        server.unwrap()
    assert decrypt(peer, back) == (b"", True)
