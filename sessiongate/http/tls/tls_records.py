"""Plaintext into records and records into plaintext, through memory BIOs that stay small."""

import ssl
from typing import Any

# Encrypted before the BIO is emptied: it never shrinks, and holds a third more than it ever had
# to. A connection that had sent 64 KiB at once kept 63 KB so, and keeps 10 of 8 KiB.
SLICE = 8192

# The longest plaintext of a record.
_RECORD = 16384


def encrypt(
    tls: ssl.SSLObject, outgoing: ssl.MemoryBIO, data: "bytes | bytearray | memoryview[Any]"
) -> bytes:
    """The records of this plaintext. Raises ssl.SSLError."""
    if 0 < len(data) <= SLICE:  # as nearly always
        tls.write(data)
        return outgoing.read()
    plain = memoryview(data)
    records = []
    sent = 0
    while sent < len(plain):
        sent += tls.write(plain[sent : sent + SLICE])
        records.append(outgoing.read())
    return records[0] if len(records) == 1 else b"".join(records)


def decrypt(tls: ssl.SSLObject, incoming: ssl.MemoryBIO) -> tuple[bytes, bool]:
    """What has come, as far as its records are whole, and whether the peer has said goodbye.

    Raises ssl.SSLError.
    """
    data, over = b"", False
    try:
        while not over:
            piece = tls.read(_RECORD)
            data = data + piece if data else piece
            over = not piece
            if not incoming.pending:
                break  # and spare OpenSSL to say so by an exception
    except ssl.SSLWantReadError:
        pass
    return data, over
