"""LoginByToken: a session for whoever a token vouches for, once where it is good for one login.

Whose token it is and whether it is to be believed, the verifiers know; each configured issuer has
one. Without any, nobody logs in this way. A refused token is no guess at anybody's password, so it
counts for no lock; what it costs to look at one is bounded by the verifiers.
"""

from collections.abc import Collection, Sequence

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.errors import BadCredentials, NotSupported, SessionGateError
from sessiongate.identity.tokens.port import TokenVerifier, VerifiedToken
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Opened
from sessiongate.session import Client, PresentedToken
from sessiongate.store.port import TicketStore


class TokenLogin:
    """Opens sessions for tokens."""

    def __init__(
        self,
        logins: Logins,
        tickets: TicketStore,
        clock: Clock,
        journal: Journal,
        verifiers: Sequence[TokenVerifier] = (),
        *,
        without: Collection[str] = (),
    ) -> None:
        """`without` are the upstreams that whoever has a token could not use."""
        self._logins = logins
        self._clock = clock
        self._journal = journal
        self._tickets = tickets
        self._verifiers = tuple(verifiers)
        self._without = frozenset(without)

    async def login(
        self, presented: PresentedToken | None, client: Client, locale: str | None
    ) -> Opened:
        """Open a session for whom this token names.

        Raises BadCredentials, InvalidLocale, NoPermission where none of the token's groups is a
        role here, CapReached, NotSupported, or an Unavailable. The audit says which; a client hears
        less.
        """
        how, vouched = "token", None
        try:
            if client.upstream in self._without:
                raise NotSupported("only the upstream itself can let anybody in there")
            self._logins.locale_of(locale)  # a bad one must not use the token up
            if not self._verifiers:
                raise BadCredentials("token logins are not configured here")
            if presented is None:
                raise BadCredentials("the request does not carry one token")
            verifier = self._of(presented)
            how = f"token {verifier.name}"
            with self._logins.meanwhile() as changed:
                vouched = await verifier.verify(presented, self._clock.now(), client.origin)
                await self._use_up(vouched)
                opened = await self._logins.login_as(
                    vouched.principal,
                    client,
                    locale,
                    changed=changed,
                    typed=vouched.typed,
                    how=how,
                )
        except SessionGateError as error:
            # A name stands here only where an issuer that is believed has vouched for it.
            name = vouched.typed if vouched is not None else ""
            shown = vouched.principal if vouched is not None else None
            await self._journal.refused(how, name, client, error, shown=shown)
            raise
        # Not as soon as the token is good: one that was used before can be sent by anybody who has
        # it, from wherever he likes.
        verifier.welcome(client.origin)
        return opened

    def _of(self, presented: PresentedToken) -> TokenVerifier:
        """The verifier of the issuer that the token names. Nothing is believed by that."""
        for verifier in self._verifiers:
            if verifier.takes(presented):
                return verifier
        raise BadCredentials("the token is of no issuer that is configured here")

    async def _use_up(self, vouched: VerifiedToken) -> None:
        once = vouched.once
        if once is not None and not await self._tickets.claim_once(once.digest, once.expires_at):
            raise BadCredentials("the token has been used before")
