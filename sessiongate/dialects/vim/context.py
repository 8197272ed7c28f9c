"""What a call is given beside its arguments, and what it gives back."""

from collections.abc import Callable

import msgspec

from sessiongate.errors import NoSession
from sessiongate.secret import Secret
from sessiongate.session import Client, PresentedToken, Session
from sessiongate.wire.vim.methods import SESSION_MANAGER
from sessiongate.wire.vim.types import ApiVersion, MoRef, Value


def _never(tell: Callable[[], None]) -> None:
    """For callers that cannot leave before the reply."""


class Context(msgspec.Struct, frozen=True):
    """Who calls, from where. `caller` is None without a live session."""

    client: Client
    caller: Session | None
    token: PresentedToken | None = None
    """What a LoginByToken carries beside its arguments."""
    target: MoRef = SESSION_MANAGER
    """The object that is called."""
    version: ApiVersion = (99,)
    """The version of the API that the client speaks."""
    name: str = ""
    """The method or property that is called, as far as the function has to say it."""
    size: int = 0
    """Bytes of the request's body: what is kept of it is no larger than in proportion."""
    when_gone: Callable[[Callable[[], None]], None] = _never
    """Has a function called once if the client leaves before the reply."""

    @property
    def known_caller(self) -> Session:
        """The caller of what needs one. Raises NoSession where there is none."""
        if self.caller is None:
            raise NoSession("this call needs a session")
        return self.caller


class Outcome(msgspec.Struct, frozen=True):
    """What a call gave. `token` only when it opened a session."""

    value: Value | None
    token: Secret | None = None
    undelivered: Callable[[], None] | None = None
    """As in `Opened`, when it opened a session."""
