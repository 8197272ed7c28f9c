"""Requests that clients send over and over: what they say, by their bytes, so that it is read once.

Consoles and keep-alives ask the same question every few seconds, and their sessions travel in a
cookie, so the bytes are those of the last time and of all who ask the same, or differ from them in
a few texts only (`wire.vim.request_shape`), as logins do. Reading them is half of what such a call
costs. Kept is only what a live session has asked and what was answered, or what has opened one. No
secret that we read is kept, and what has opened a session only as a shape, which holds no text
that nobody knows. A question is kept whole, with members and headers that nobody knows, if it has
any: so what a client puts there stays in memory. What is kept says what was asked, not who asked.
"""

from typing import Generic, TypeVar

import msgspec

from sessiongate.rules.relay import judge
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.operation_shape import HOLE, cut_operation
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.request import VimRequest
from sessiongate.wire.vim.request_shape import RequestShape, cut, has_secret, shape_of

T = TypeVar("T")

# Requests kept, and the longest of them in bytes; real ones have 400 to 900. A document of this
# size holds at most 250 elements, so that all together never take more than 10 MB.
MOST = 128
LONGEST = 1024


class _Kept(Generic[T]):
    """Requests lately answered. The oldest leave first."""

    def __init__(self) -> None:
        self._known: dict[bytes, T] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, body: bytes) -> bool:
        return body in self._known

    def known(self, body: bytes) -> T | None:
        """What was kept of these bytes."""
        return self._known.get(body) if len(body) <= LONGEST else None

    def put(self, body: bytes, request: T) -> None:
        """Keep it, unless it is too long."""
        if body in self._known or len(body) > LONGEST:
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[body] = request


class Polls(_Kept[VimRequest]):
    """Requests that were answered here."""

    def __init__(self) -> None:
        super().__init__()
        self._shapes: _Kept[RequestShape] = _Kept()

    def __len__(self) -> int:
        return super().__len__() + len(self._shapes)

    def read(self, body: bytes) -> VimRequest:
        """What a request of these bytes asks. Raises as `wire.vim.soap.read_request` does."""
        known = self.known(body)
        if known is not None:
            return known
        if len(body) <= LONGEST:
            rest, texts = cut(body)
            shape = self._shapes.known(rest) if texts else None
            filled = shape.filled(texts, body) if shape is not None else None
            if filled is not None:
                return filled
        return vim_soap.read_request(body)

    def keep(self, request: VimRequest) -> None:
        """Keep a request that was answered to a live session or has opened one, if it may be.

        What it says that no other one of its kind will say is not kept: no secret that we read is.
        """
        if request.is_filled or request.body in self:
            return
        if request.carriers or request.asserted:
            return
        if not request.operation_id and not has_secret(request.arguments.values()):
            self.put(request.body, request)
        if len(request.body) <= LONGEST:
            made = shape_of(request)
            if made is not None:
                self._shapes.put(*made)


class RelayedPolls(_Kept[Relayed]):
    """Requests that an upstream has answered."""

    def __init__(self) -> None:
        super().__init__()
        self._shapes: _Kept[Relayed] = _Kept()

    def __len__(self) -> int:
        return super().__len__() + len(self._shapes)

    def read(self, body: bytes) -> Relayed | None:
        """What a request of these bytes asks, as `read_relayed` has it; None where it is new."""
        known = self.known(body)
        if known is not None or len(body) > LONGEST or (named := cut_operation(body)) is None:
            return known
        shape, operation = named
        alike = self._shapes.known(shape)
        if alike is None:
            return None
        return moved(alike, body, operation, shape.index(HOLE))

    def keep(self, request: Relayed) -> None:
        """Keep a request that was answered to a live session, if it may be and might come again.

        What has a password for a guest is none of those.
        """
        if request.carriers or request.method.endswith("InGuest"):
            return
        if not judge(request.target.kind, request.method).reads:
            return
        if not request.operation_id:
            self.put(request.document, request)
        elif (named := cut_operation(request.document)) and named[1] == request.operation_id:
            self._shapes.put(named[0], request)


def moved(alike: Relayed, document: bytes, operation: str, begin: int) -> Relayed:
    """A request that differs from another in the text of its operation's id alone, from this byte
    on: what stands behind it stands elsewhere.
    """
    by = len(document) - len(alike.document)
    return msgspec.structs.replace(
        alike,
        document=document,
        operation_id=operation,
        this=_moved(alike.this, begin, by),
        references=tuple([_moved(one, begin, by) for one in alike.references]),
        session_ids=tuple([_moved(one, begin, by) for one in alike.session_ids]),
    )


def _moved(place: Place, begin: int, by: int) -> Place:
    return Place(place.text, place.at + by) if by and place.at > begin else place
