"""The audit for people at a console: searched, and verified while they watch.

Reading blocks, so that it is done in threads. A verification of a million events takes seconds; it
goes on by itself, one at a time, and says how far it is.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from sessiongate.audit.event import merged_in
from sessiongate.clock import Clock
from sessiongate.errors import NotFound, StoreUnavailable
from sessiongate.rules.audit_chain import Chain, ChainVerdict
from sessiongate.service.audit_search import (
    EndedRow,
    FoundEvents,
    WantedEvents,
    ended_sessions,
    newest,
    search,
)
from sessiongate.service.user_history import MOST, UserHistory, history_of
from sessiongate.store.port import AuditReader

NO_AUDIT = (
    "This server's store keeps no audit that can be read back: it ends with the process. Name"
    " another one in store.url, or have copies sent on by audit.file or audit.syslog."
)

T = TypeVar("T")


class VerificationState(msgspec.Struct, frozen=True):
    """How far a verification is, or what it has found."""

    state: str = "none"
    """`none`, `running`, `whole`, `broken` or `unknown`: the audit could not be read."""
    began: datetime | None = None
    checked: int = 0
    total: int = 0
    """Events to be checked."""
    heads: dict[str, str] = {}
    """Of each chain: note it elsewhere, so that nobody can write a whole new chain unnoticed."""
    problems: list[str] = []


class AuditDesk:
    """Answers from the audit. `open_audit` is None where there is none that can be read."""

    def __init__(
        self, open_audit: Callable[[], AbstractContextManager[AuditReader]] | None, clock: Clock
    ) -> None:
        self._open = open_audit
        self._clock = clock
        self._state = VerificationState()
        self._checked = 0
        self._turn = asyncio.Lock()
        self._users: tuple[UserHistory, datetime] | None = None
        """What was found, and when."""

    @property
    def is_kept(self) -> bool:
        """Whether there is an audit to read."""
        return self._open is not None

    async def search(
        self, wanted: WantedEvents, before: int | None, count: int, chain: Chain
    ) -> FoundEvents:
        """The newest events that fit. Raises NotFound where none is kept, StoreUnavailable."""
        return await self._read(lambda reader: search(reader, wanted, before, count, chain))

    async def ended(self, wanted: WantedEvents) -> list[EndedRow]:
        """The sessions that ended last. Raises NotFound where none is kept, StoreUnavailable."""
        return await self._read(lambda reader: ended_sessions(reader, wanted))

    async def users(self, at_most_old: timedelta) -> UserHistory:
        """Who logged in and was refused last; nothing where none is kept. Raises StoreUnavailable.

        One that was found less than `at_most_old` ago is told again.
        """
        if self._open is None:
            return UserHistory()
        async with self._turn:
            now = self._clock.now()
            if self._users is None or not timedelta(0) <= now - self._users[1] < at_most_old:
                found = await self._read(lambda reader: history_of(newest(reader, MOST)))
                self._users = found, now
            return self._users[0]

    def verification(self) -> VerificationState:
        """How far the last one is."""
        if self._state.state != "running":
            return self._state
        return msgspec.structs.replace(self._state, checked=self._checked)

    def verify(self) -> bool:
        """Begin to verify. False where that is under way. Raises NotFound where none is kept."""
        if self._open is None:
            raise NotFound(NO_AUDIT)
        if self._state.state == "running":
            return False
        self._checked = 0
        self._state = VerificationState("running", self._clock.now())
        # Nobody waits for it at a stop: it changes nothing.
        threading.Thread(target=self._verify, args=(self._open,), daemon=True).start()
        return True

    def _verify(self, open_audit: Callable[[], AbstractContextManager[AuditReader]]) -> None:
        try:
            with open_audit() as reader:
                total = sum(_events_of(reader, chain) for chain in Chain)
                self._state = msgspec.structs.replace(self._state, total=total)
                found = {chain: reader.verify(None, chain, self._count_checked) for chain in Chain}
            self._state = _finished(self._state, found)
        except StoreUnavailable as error:
            self._fail(str(error))
        finally:
            if self._state.state == "running":
                self._fail("an internal error ended it; standard error has more of it")

    def _fail(self, why: str) -> None:
        self._state = msgspec.structs.replace(
            self._state, state="unknown", checked=self._checked, problems=[why]
        )

    def _count_checked(self, payload: bytes) -> int:
        self._checked += 1
        return merged_in(payload)

    async def _read(self, what: Callable[[AuditReader], T]) -> T:
        open_audit = self._open
        if open_audit is None:
            raise NotFound(NO_AUDIT)

        def ask() -> T:
            with open_audit() as reader:
                return what(reader)

        return await asyncio.to_thread(ask)


def _events_of(reader: AuditReader, chain: Chain) -> int:
    last = reader.before(None, 1, chain)
    first = next(iter(reader.all(chain)), None)
    return last[0].number - first.number + 1 if last and first is not None else 0


def _finished(state: VerificationState, found: dict[Chain, ChainVerdict]) -> VerificationState:
    problems = [
        f"{chain.value}: broken at event {one.broken_at}: {one.why}"
        for chain, one in found.items()
        if one.broken_at is not None
    ]
    return msgspec.structs.replace(
        state,
        state="broken" if problems else "whole",
        checked=sum(one.events for one in found.values()),
        heads={chain.value: one.head.hex() for chain, one in found.items()},
        problems=problems,
    )
