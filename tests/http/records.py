"""A TLS 1.3 peer that writes its own records after the handshake: key updates, one byte each."""

import ssl
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_HANDSHAKE, _DATA = 22, 23
_KEY_UPDATE = b"\x18\x00\x00\x01\x00"


class Peer:
    """Bytes in, bytes out; whose they are is the test's. Its cipher is AES-256-GCM."""

    def __init__(self, context: ssl.SSLContext, folder: Path) -> None:
        self._keys = folder / "keys.log"
        context.keylog_filename = str(self._keys)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        self._secret = b""
        self._number = 0

    def shake(self, received: bytes) -> bytes:
        """What to send after this has come; `handshake_done` says whether it is the last."""
        self._incoming.write(received)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return self._outgoing.read()
        cipher = self._object.cipher()
        assert cipher is not None
        assert cipher[0] == "TLS_AES_256_GCM_SHA384"
        lines = [line.split() for line in self._keys.read_text(encoding="ascii").splitlines()]
        secrets = [words[2] for words in lines if words[:1] == ["CLIENT_TRAFFIC_SECRET_0"]]
        self._begin(bytes.fromhex(secrets[-1]))
        return self._outgoing.read()

    @property
    def handshake_done(self) -> bool:
        """Whether its own records may follow."""
        return self._secret != b""

    def data(self, content: bytes) -> bytes:
        """One record with this plaintext."""
        return self._record(content, _DATA)

    def reads(self, received: bytes) -> bytes:
        """The plaintext of all of these records."""
        self._incoming.write(received)
        pieces = []
        while True:
            try:
                pieces.append(self._object.read(16384))
            except ssl.SSLWantReadError:
                return b"".join(pieces)

    def key_updates(self, count: int) -> bytes:
        """So many of them, a record each."""
        records = []
        for _ in range(count):
            records.append(self._record(_KEY_UPDATE, _HANDSHAKE))
            self._begin(_expand(self._secret, b"traffic upd", 48))
        return b"".join(records)

    def _begin(self, secret: bytes) -> None:
        self._secret = secret
        self._number = 0
        self._key = AESGCM(_expand(secret, b"key", 32))
        self._nonce = int.from_bytes(_expand(secret, b"iv", 12), "big")

    def _record(self, content: bytes, kind: int) -> bytes:
        inner = content + bytes([kind])
        head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._nonce ^ self._number).to_bytes(12, "big")
        self._number += 1
        return head + self._key.encrypt(nonce, inner, head)


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    """RFC 8446, 7.1, without a context."""
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\x00"
    algorithm: HashAlgorithm = SHA384()
    return HKDFExpand(algorithm, length, info).derive(secret)
