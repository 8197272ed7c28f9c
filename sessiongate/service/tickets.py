"""Single-use tickets of a session: one that opens another session, one for another service."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import BadTicket, SessionGateError
from sessiongate.rules.token import GUID_BYTES, TOKEN_BYTES, clone_ticket, guid
from sessiongate.secret import Secret
from sessiongate.service.endings import RestsUpon
from sessiongate.service.sessions import Objection, Opened, Sessions, TakenBack
from sessiongate.session import Client, Ended, Principal, Session, Ticket
from sessiongate.store.port import TicketStore

TICKET_LIFE = timedelta(seconds=60)
"""How long a ticket of any kind waits to be used."""


class Tickets:
    """Issues tickets and opens sessions for them. `host` is the name that they show."""

    def __init__(
        self,
        sessions: Sessions,
        store: TicketStore,
        clock: Clock,
        journal: Journal,
        *,
        host: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.host = host
        self._sessions = sessions
        self._store = store
        self._clock = clock
        self._journal = journal
        self._random = random

    async def clone_ticket(self, session: Session) -> Secret:
        """A ticket that opens one session of the same user, once, within TICKET_LIFE."""
        ticket = Secret(clone_ticket(self._random(TOKEN_BYTES), self.host))
        await self._put(ticket, "clone", session.key)
        return ticket

    async def service_ticket(self, session: Session) -> Secret:
        """A single-use ticket for one request of this session's user to another service."""
        ticket = Secret(guid(self._random(GUID_BYTES)))
        await self._put(ticket, "service", session.key)
        return ticket

    async def _put(self, ticket: Secret, kind: str, subject: str) -> None:
        expires_at = self._clock.now() + TICKET_LIFE
        await self._store.put(ticket.digest(), Ticket(kind, subject, expires_at))

    async def clone(self, ticket: Secret, client: Client) -> Opened:
        """Open a session with a clone ticket. Raises BadTicket, which also uses the ticket up."""
        parent = None
        try:
            taken = await self._store.take(ticket.digest(), "clone", self._clock.now())
            with self._sessions.endings.heeded() as upon:
                parent = await self._sessions.find(taken.subject) if taken is not None else None
                if parent is None:
                    raise BadTicket(
                        "the clone ticket is unknown, used, expired, or its session ended"
                    )
                if parent.upstream != client.upstream:
                    raise BadTicket("the clone ticket is of a session for another upstream")
                return await self._sessions.open_session(
                    "clone",
                    Principal.of(parent),
                    client,
                    parent.locale,
                    typed=parent.login_name,
                    objection=self._outlives(parent, upon),
                )
        except SessionGateError as error:
            shown = Principal.of(parent) if parent is not None else None
            name = shown.name if shown is not None else ""
            await self._journal.refused("clone", name, client, error, shown=shown)
            raise

    def _outlives(self, parent: Session, upon: RestsUpon) -> Objection:
        """Objects where the parent has ended before its clone was kept, or is about to."""

        async def objection(clone: Session) -> TakenBack | None:
            parents, is_ending = await asyncio.gather(
                self._sessions.find(parent.key), upon.is_ending(Principal.of(clone).person)
            )
            if parents is not None and not is_ending:
                return None
            error = BadTicket("the session of the clone ticket ended before its clone was kept")
            return TakenBack(Ended.UNCLAIMED, error)

        return objection
