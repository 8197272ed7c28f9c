"""Requests that clients send over and over: what they say, by their bytes, so that it is read once.

Consoles and keep-alives ask the same question every few seconds, and their sessions travel in a
cookie, so the bytes are those of the last time and of all who ask the same. Reading them is half
of what such a call costs. Kept is only what a live session has asked and what was answered, and
never a request with a secret in it. What is kept says what was asked, not who asked or what was
answered.
"""

from typing import Generic, TypeVar

import msgspec

from sessiongate.rules.relay import judge
from sessiongate.secret import Secret
from sessiongate.wire.vim import soap as vim_soap
from sessiongate.wire.vim.operation_shape import HOLE, cut_operation
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.request import VimRequest

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
        self._shapes: _Kept[VimRequest] = _Kept()

    def __len__(self) -> int:
        return super().__len__() + len(self._shapes)

    def read(self, body: bytes) -> VimRequest:
        """What a request of these bytes asks. Raises as `wire.vim.soap.read_request` does."""
        known = self.known(body)
        if known is not None:
            return known
        named = cut_operation(body) if len(body) <= LONGEST else None
        if named is not None:
            shape, operation = named
            alike = self._shapes.known(shape)
            if alike is not None:
                return msgspec.structs.replace(alike, operation_id=operation, body=body)
        return vim_soap.read_request(body)

    def keep(self, request: VimRequest) -> None:
        """Keep a request that was answered to a live session, if it may be and might come again."""
        if request.carriers or request.asserted:
            return
        if any(isinstance(value, Secret) for value in request.arguments.values()):
            return
        if not request.operation_id:
            self.put(request.body, request)
        elif (named := cut_operation(request.body)) and named[1] == request.operation_id:
            self._shapes.put(named[0], request)


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
