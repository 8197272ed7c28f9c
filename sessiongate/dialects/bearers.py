"""What signed tokens open: which session they name, and which refresh tokens are spent.

The tokens of a session come in generations: those of the login are number 0, and a refresh answers
with the next. The store keeps one number for each session, the newest generation that anybody has
used. A refresh token of an older one has been copied, or was kept by a client that has gone on:
nobody can say which, so the session ends. Until a newer one is used it is a repetition after a
lost reply, and is answered by the same generation again; so are refreshes in parallel.
"""

from contextlib import suppress
from datetime import timedelta

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.dialects.openid.access_tokens import ACCESS, REFRESH, AccessTokens, Claims
from sessiongate.errors import NoSession, Unavailable
from sessiongate.service.sessions import Sessions
from sessiongate.session import Client, Ended, Principal, Session
from sessiongate.store.port import GenerationStore

# Sessions whose newest generation is remembered here, so that a check need not ask the store. Past
# it the memory starts afresh, which costs each of them one question.
_REMEMBERED = 10_000


class Spent(Exception):
    """A refresh token came again after its successor was used."""


class Bearers:
    """Judges tokens that `tokens` has signed."""

    def __init__(
        self,
        tokens: AccessTokens,
        sessions: Sessions,
        generations: GenerationStore,
        clock: Clock,
        journal: Journal,
        *,
        refresh_life: timedelta,
    ) -> None:
        self.tokens = tokens
        self.refresh_life = refresh_life
        """How long a refresh token may wait for its use."""
        self._sessions = sessions
        self._generations = generations
        self._clock = clock
        self._journal = journal
        self._known: dict[bytes, int] = {}

    def read(self, text: str) -> Claims | None:
        """What a token of ours says, expired or not; None for any other text."""
        return self.tokens.read(text)

    def digest_of(self, text: str) -> bytes | None:
        """The digest of the session that a token of ours is of, expired or not."""
        claims = self.read(text)
        return claims.digest if claims is not None else None

    async def check(self, claims: Claims, *, touch: bool = True) -> Session | None:
        """The live session of an access token, with this call counted; None if there is none.

        The use of a token spends the refresh tokens of older generations. Without `touch` it does
        so too, and no call of the session is counted.
        """
        if claims.kind != ACCESS or claims.expired:
            return None
        look = self._sessions.check_digest if touch else self._sessions.peek
        session = await look(claims.digest)
        if session is not None:
            await self.used(claims)
        return session

    async def used(self, claims: Claims) -> None:
        """Somebody has used an access token. An outage here concerns no session.

        A later use tells the store again.
        """
        if self._known.get(claims.digest, 0) >= claims.generation:
            return
        with suppress(Unavailable):
            newest = await self._advance(claims.digest, claims.generation)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[claims.digest] = newest

    async def refresh(self, claims: Claims, client: Client) -> tuple[Session, int]:
        """The session of a refresh token, and the generation of its next tokens.

        Raises NoSession where the session is over, or of another Host's upstream. Where the token
        is spent, the session ends here, for nobody knows which of those who use its tokens it
        belongs to; then raises Spent.
        """
        session = await self._sessions.check_digest(claims.digest)
        if session is None or session.upstream != client.upstream:
            raise NoSession("the refresh token's session is over, or one of another upstream")
        if await self._advance(claims.digest, claims.generation) > claims.generation:
            spent = Spent("a refresh token came again after its successor was used")
            # Whoever holds it has shown session and account: no flood of strangers hides a theft.
            await self._journal.refused(
                "refresh", session.login_name, client, spent, shown=Principal.of(session)
            )
            await self._sessions.end(session.key, Ended.TOKEN_REUSED)
            raise spent
        return session, claims.generation + 1

    async def is_spent(self, claims: Claims) -> bool:
        """Whether this is a refresh token that a newer one has followed. Uses nothing."""
        return claims.kind == REFRESH and await self._advance(claims.digest, 0) > claims.generation

    async def _advance(self, digest: bytes, generation: int) -> int:
        keep_until = self._clock.now() + self.refresh_life
        return await self._generations.advance(digest, generation, keep_until)
