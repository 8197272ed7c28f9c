"""Whose script asks the console: a token says so, and nothing else.

It is known by its digest from the store, which every server asks, so that one that was revoked is
unknown at once. The audit has the first use from each address within an hour: reading by a script
leaves no other trace.
"""

from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NoReturn

import msgspec

from sessiongate.audit import event as audit
from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import BadCredentials, LockedOut, Unavailable
from sessiongate.networks import network_of
from sessiongate.rules.scopes import console_role
from sessiongate.rules.token import is_script_token
from sessiongate.secret import Secret
from sessiongate.service.wrong_tokens import TOO_MANY, WrongTokens
from sessiongate.session import Client, Person
from sessiongate.store.manager_port import ManagerTokens, StoredToken

PROVIDER = "console-tokens"
"""What stands in the place of an identity provider: tokens have names of their own."""

HOW = "console token"

_TOLD_FOR = timedelta(hours=1)
_MOST_TOLD = 10_000
"""Tokens at addresses that are remembered, about 2 MB."""


class ScriptCaller(msgspec.Struct, frozen=True):
    """A script that has shown its token."""

    name: str
    """What logs and audit call it: `token:` and the token's name, as no user is called."""
    digest: bytes
    role: str


def called(name: str) -> str:
    """What whoever has a token of this name is called."""
    return f"token:{name}"


class ConsoleTokens:
    """Knows scripts by their tokens."""

    def __init__(
        self, tokens: ManagerTokens, wrong: WrongTokens, clock: Clock, journal: Journal
    ) -> None:
        self._tokens = tokens
        self._wrong = wrong
        self._clock = clock
        self._journal = journal
        self._recorded_at: OrderedDict[tuple[bytes, str], datetime] = OrderedDict()

    async def identify(self, token: Secret, client: Client) -> ScriptCaller:
        """Whose token it is; a refusal is written down, and is no use of it.

        Raises BadCredentials, LockedOut where too many wrong ones came from there, and Unavailable
        where that could not be found out.
        """
        try:
            found = await self._find(token)
            if found is None:
                self._refuse(client.ip_address)
        except (BadCredentials, LockedOut, Unavailable) as error:
            await self._journal.refused(HOW, "", client, error)
            raise
        caller = ScriptCaller(called(found.name), found.digest, console_role(found.scopes))
        with suppress(Unavailable):  # when it was used is for people to read
            await self._tokens.used(found.digest, self._clock.now())
        await self._record_use(caller, client)
        return caller

    async def _find(self, token: Secret) -> StoredToken | None:
        if not is_script_token(token.reveal()):
            return None
        found = await self._tokens.find(token.digest())
        return found if found is not None and console_role(found.scopes) else None

    def _refuse(self, address: str) -> NoReturn:
        if self._wrong.locked(address):
            raise LockedOut(TOO_MANY)
        self._wrong.note(address)
        raise BadCredentials("the token is none of the console, or was revoked")

    async def _record_use(self, caller: ScriptCaller, client: Client) -> None:
        """Record the use of a token in the audit, once in an hour."""
        use, now = (caller.digest, network_of(client.ip_address)), self._clock.now()
        if use in self._recorded_at and now - self._recorded_at[use] < _TOLD_FOR:
            return
        self._recorded_at.pop(use, None)
        self._recorded_at[use] = now
        if len(self._recorded_at) > _MOST_TOLD:
            self._recorded_at.popitem(last=False)
        event = audit.of_client(
            client, now, "console token used", "ok", user=caller.name, provider=PROVIDER, how=HOW
        )
        event.token = caller.digest[:4].hex()
        await self._journal.granted(event, Person(PROVIDER, caller.name), PROVIDER)
