"""The record of clone tickets: who got one for which upstream, from where, and who did not."""

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.audit.journal import Journal
from sessiongate.audit.results import outcome
from sessiongate.clock import Clock
from sessiongate.session import Client, Person

PROVIDER = "session-manager"
"""What stands in the place of an identity provider: its clients have names of their own."""


class TicketJournal:
    """Writes it down. Of a token it has the first digits of its digest, of a ticket nothing."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def issued(self, name: str, token: bytes, upstream: str, client: Client) -> None:
        """A client of this name gets one. The event is on the disk before, if the disk takes it."""
        event = self._event("clone ticket issued", name, token, upstream, client, None)
        await self._journal.granted(event, Person(PROVIDER, name), PROVIDER)

    async def refused(
        self, name: str, token: bytes, upstream: str, client: Client, error: Exception
    ) -> None:
        """None was given. `name` is "" where nobody knows whose token it is."""
        event = self._event("clone ticket refused", name, token, upstream, client, error)
        await self._journal.denied_to(event, Person(PROVIDER, name) if name else None)

    def _event(
        self,
        what: str,
        name: str,
        token: bytes,
        upstream: str,
        client: Client,
        error: Exception | None,
    ) -> Event:
        event = audit.of_client(
            client,
            self._clock.now(),
            what,
            "ok" if error is None else outcome(error),
            user=name,
            provider=PROVIDER,
            how=upstream,
            reason="" if error is None else type(error).__name__,
            detail="" if error is None else str(error),
        )
        event.token = token[:4].hex()
        return event
