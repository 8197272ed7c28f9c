"""What a vim request asks, as one value that says the same whichever codec has read it.

`read_request` of `wire.vim.json` and of `wire.vim.soap` makes it. Whoever decides what becomes of a
request needs no more of its body than this.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sessiongate.errors import Refused, UnknownMethod
from sessiongate.wire.vim.methods import Call
from sessiongate.wire.vim.types import MoRef


class VimRequest(msgspec.Struct, frozen=True, gc=False):
    """A request, as far as it has been read: see `Unread` for one that was not read to its end."""

    target: MoRef | None = None
    """The object that it is for, by type and id. It need not exist here."""
    name: str = ""
    """The method or property, as the client names it."""
    reads: bool = False
    """Whether `name` is a property to be read: GET in VI/JSON, Fetch in SOAP."""
    ours: Call | None = None
    """What it addresses of the tables of `methods`; None where that is nothing."""
    arguments: Mapping[str, Any] = {}
    """Of a method of ours, by the keywords of its handler. Passwords and tickets are Secrets."""
    carriers: tuple[tuple[str, str], ...] = ()
    """Tokens of sessions that the body carries, by the names of `wire.carriers`."""
    asserted: bool = False
    """Whether a SAML assertion stands in the body, where WS-Security has it."""
    operation_id: str = ""
    """What the client calls this request in its own log."""
    body: bytes = b""
    """The body as it came: all there is of the arguments of a method that is not ours."""
    namespace: str = "urn:vim25"
    """The namespace of the method, where it has one."""
    is_filled: bool = False
    """Whether it was not read, but filled into a shape that is kept (`request_shape`)."""

    @property
    def call(self) -> Call:
        """What it addresses here. Raises UnknownMethod where that is nothing."""
        if self.ours is None:
            target = self.target or MoRef("", "")
            raise UnknownMethod(target.kind, target.name, self.name)
        return self.ours

    def __repr__(self) -> str:
        return f"VimRequest({self.target!r}, {self.name!r})"  # never the body: passwords are in it


class Unread(Exception):
    """A request of which something cannot be read, or that is for nothing that exists here.

    `error` says what is wrong, `request` holds what has been read all the same.
    """

    def __init__(self, error: Refused, request: VimRequest) -> None:
        super().__init__(str(error))
        self.error = error
        self.request = request
