"""What the control socket has others do: of the gateway, of tokens, of reports."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from sessiongate.session import Session


class Pools(Protocol):
    """The gateway's side: each takes the name of an upstream, and says what there is now.

    The audit has who did it (`by`), from where (`how`) and why (`detail`).
    """

    def list(self) -> object:
        """All pools."""
        ...

    def show(self, name: str) -> object:
        """One pool."""
        ...

    async def pause(
        self, name: str, by: str, how: str = "command line", detail: str = ""
    ) -> object:
        """Send nothing new."""
        ...

    async def resume(
        self, name: str, by: str, how: str = "command line", detail: str = ""
    ) -> object:
        """Let calls go on."""
        ...

    async def drain(
        self,
        name: str,
        by: str,
        how: str = "command line",
        detail: str = "",
        *,
        force: bool,
        who: Session | None = None,
    ) -> object:
        """Let go of all sessions there."""
        ...

    async def rotate(
        self, name: str, by: str, how: str = "command line", detail: str = ""
    ) -> object:
        """Replace all sessions there."""
        ...

    async def sessions(self, name: str) -> object:
        """The upstream's own list."""
        ...


class TokenActions(Protocol):
    """Tokens of the session manager's clients, and of scripts at the console, by their names."""

    async def create(
        self, name: str, upstreams: Sequence[str], role: str | None, by: str
    ) -> object:
        """A new one, which is told here alone: with a `role` it is for the console."""
        ...

    async def list(self) -> object:
        """All of them."""
        ...

    async def revoke(self, name: str, which: str, by: str) -> object:
        """End all of a name, or the one whose id begins so."""
        ...


class Leaks(Protocol):
    """Who leaves sessions open."""

    async def report(self, span: timedelta) -> object:
        """What has happened within this span until now."""
        ...
