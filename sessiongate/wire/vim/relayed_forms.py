"""The wire forms of calls that are sent on, SOAP and VI/JSON: what both are asked, in one table."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sessiongate.secret import Secret
from sessiongate.wire.http import Answer, Ask, Headers
from sessiongate.wire.vim import relayed, relayed_json, relayed_json_reply, relayed_reply
from sessiongate.wire.vim.client import WireForm, session_cookie, session_header
from sessiongate.wire.vim.relayed import Place, Relayed
from sessiongate.wire.vim.types import MoRef


class Replies(Protocol):
    """How replies are read in one form. Its modules say more of each."""

    def is_from_the_service(self, answer: Answer) -> bool:
        """Whether the service has answered, and not something in front of it."""
        ...

    def says_session_is_over(self, answer: Answer) -> bool:
        """Whether it is the fault for a call without a session that lives."""
        ...

    def says_it_was_cancelled(self, answer: Answer) -> bool:
        """Whether it is the answer of a wait that was ended on purpose."""
        ...

    def ordinary_type(self, answer: Answer) -> tuple[str, str] | None:
        """The header with the type of a reply for which the next two hold; None if not at once."""
        ...

    def require_whole(self, answer: Answer) -> None:
        """Raise OutcomeUnknown where it is neither a result nor a fault."""
        ...

    def is_plain(self, answer: Answer) -> bool:
        """Whether all that is searched for in it would be found."""
        ...

    def fault_name(self, answer: Answer) -> str:
        """The type of the fault, "" for one that is not known. Raises Malformed."""
        ...

    def returned_object(self, answer: Answer) -> MoRef | None:
        """The object that a call has returned, if any. Raises Malformed."""
        ...

    def next_page(self, body: bytes) -> str:
        """The token with which a read of properties goes on; "" where it is whole."""
        ...

    def is_cut_short(self, body: bytes) -> bool:
        """Whether the answer to a wait is a part of what there is to tell."""
        ...

    def shows_sessions(self, body: bytes) -> bool:
        """Whether it holds sessions of the upstream."""
        ...

    def foreign_object(self, body: bytes, is_own: Callable[[str], bool]) -> bool:
        """Whether it names an object of a session that is not the client's own."""
        ...

    def without_foreign(self, body: bytes, is_own: Callable[[str], bool]) -> bytes:
        """The reply without the references to such objects."""
        ...


class Form(msgspec.Struct, frozen=True):
    """One of them."""

    write_ask: Callable[[Relayed, Mapping[Place, str], Headers], Ask]
    """The request as it is sent, with these texts in the place of those."""
    carrier: Callable[[Secret], tuple[str, str]]
    """The header that carries a session of this token."""
    replies: Replies


BY_FORM: Mapping[WireForm, Form] = {
    WireForm.SOAP: Form(relayed.write_ask, session_cookie, relayed_reply),
    WireForm.JSON: Form(relayed_json.write_ask, session_header, relayed_json_reply),
}
