"""The port of a server that we log in at as somebody else's client."""

from datetime import timedelta
from typing import Protocol

from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import HttpUpstream
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession


class LoginUpstream(Protocol):
    """A server of the settings, for the provider whose logins open the first sessions there."""

    kind: str
    """Its `type` there."""
    each_login: bool
    """Whether each login has to open a session there, which no other client of ours has."""
    url: str
    trust: Trust
    timeout: timedelta
    locale: str
    """Of the sessions there."""
    proxy: str | None
    sessions: "SessionUpstream | None"
    """What opens sessions there, where the provider has nothing of its own for that."""

    def calls(self, http: HttpUpstream) -> HttpUpstream:
        """What a provider sends its logins by, which would use this; `dev` has faults before it."""
        ...

    async def adopt(self, person: Person, opened: UpstreamSession) -> None:
        """Have the session that a login has opened, and see to its end. Raises an Unavailable."""
        ...


class SessionUpstream(Protocol):
    """A vCenter or ZVM, as far as its sessions go. Its name is for sentences and logs.

    Every call may raise UpstreamUnavailable: no connection, no trust, no time, or an answer that
    makes no sense. A refusal is an answer and comes back as a value.
    """

    name: str

    async def login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        """Open a session there, or say what was answered instead.

        Raises BadCredentials for what no account there can have.
        """
        ...

    async def logout(self, opened: UpstreamSession) -> None:
        """End a session there. One that has already ended is no error."""
        ...

    async def start(self) -> None:
        """Prepare to call. Connects to nothing yet: a server that is down must not keep us down."""
        ...

    async def close(self) -> None:
        """Close connections. Idempotent."""
        ...
