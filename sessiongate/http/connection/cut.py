"""Replies that break off, on purpose: for tests of clients alone."""

from sessiongate.http.framing import Framing, write_head, write_reply
from sessiongate.http.message import CutOff, Reply

_NO_CHUNK = b"zz\r\nthis is no chunk\r\n"


def cut_reply(reply: Reply, cut: CutOff, date: str, *, without_body: bool) -> bytes:
    """What is written of a reply before its connection ends. Raises ValueError as `write_reply`."""
    if cut.body_bytes is None:
        return b""
    body = b"" if without_body or reply.status in (204, 304) else reply.body[: cut.body_bytes]
    if cut.garbage:
        head = write_head(reply, date, None, Framing.CHUNKS, close=False)
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return head + chunk + _NO_CHUNK
    return write_reply(reply, date, close=False, without_body=True) + body
