"""A call to a SOAP service beside `/sdk` that is to be sent on: what it asks, and by which session.

It is read over the very bytes that go on, as a call at `/sdk` is (`relayed`). Rewritten is the
session alone, where the header has it: these services never see the cookie of `/sdk`.
"""

import msgspec

from sessiongate.errors import Malformed, UnknownObject
from sessiongate.secret import Secret
from sessiongate.wire.carriers import VC_COOKIE
from sessiongate.wire.vim.one_call import one_call_only
from sessiongate.wire.vim.relayed import OF_A_SESSION, Place, every, placed, rewritten
from sessiongate.wire.vim.soap import message_of, read_target
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import OF_KNOWN, OF_STRANGERS, Element, escape, parse


class RelayedService(msgspec.Struct, frozen=True, gc=False):
    """What a request asks of a service."""

    document: bytes
    target: MoRef
    method: str
    operation_id: str
    carriers: tuple[tuple[str, str], ...]
    cookie: Place | None
    """The session in the header, in the document."""
    bound: str
    """An object of a session that it names; "" for none."""

    def __repr__(self) -> str:
        return f"RelayedService({self.method!r})"  # never the document: passwords may be in it

    def by(self, token: Secret) -> bytes:
        """The document by the session of this token.

        Raises UnknownObject where it names what belongs to a session: those are of `/sdk`.
        """
        if self.bound:
            raise UnknownObject("ManagedObject", self.bound)
        if self.cookie is None:
            return self.document
        return rewritten(self.document, {self.cookie: escape(token.reveal().strip('"'))})


def read_service_call(document: bytes, *, known: bool = False) -> RelayedService:
    """Read a request. Raises Malformed, also where another reader could find another call in it.

    `known` callers may send far more than strangers.
    """
    root = parse(document, places=True, limits=OF_KNOWN if known else OF_STRANGERS)
    message = message_of(root)
    call = message.call
    one_call_only(root, call, carrying=frozenset({VC_COOKIE}))
    texts = (one.text.strip() for one in every(call) if not one.children)
    bound = next((text for text in texts if OF_A_SESSION.fullmatch(text)), "")
    return RelayedService(
        document,
        read_target(call),
        call.name,
        message.operation_id,
        message.carriers,
        _cookie(document, root),
        bound,
    )


def _cookie(document: bytes, root: Element) -> Place | None:
    blocks = [one for part in root.children if part.name == "Header" for one in part.children]
    found = [one for one in blocks if one.name == VC_COOKIE]
    if len(found) > 1:
        raise Malformed("the header has two sessions")
    if not found or not found[0].text.strip():
        return None
    return placed(document, found[0])
