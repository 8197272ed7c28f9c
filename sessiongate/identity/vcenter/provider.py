"""Whoever a vCenter lets in: the login is tried at its own SessionManager.

Name, spelling and refusal are the vCenter's; which role somebody has here, our settings say. The
session opened for the check is closed before the login is answered, or handed on to `keep`. So
there are never more of our sessions at the vCenter than checks under way.

A vCenter tells nothing about an account without its password: `find` knows nobody. It does not
tell us of changes either; sessions here outlive a change there, up to their own limits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    Unavailable,
    UpstreamUnavailable,
)
from sessiongate.identity.guard.attempt import Attempt
from sessiongate.rules.accounts import (
    Account,
    canonical_domain,
    directory_form,
    parse_account,
    plain_letters,
)
from sessiongate.secret import Secret
from sessiongate.session import Principal
from sessiongate.upstream.port import SessionUpstream
from sessiongate.wire.vim.client import REFUSED_LOGINS, ReceivedFault, UpstreamSession

Keep = Callable[[Principal, UpstreamSession], Awaitable[None]]
"""Takes over the session of a check that came out well, and sees to its end."""

_log = structlog.get_logger(__name__)


class AccountNames:
    r"""Which spellings are one person at this vCenter, and which role each person has.

    `default_domain` is where names without a domain belong; `aliases` are other names of domains
    (`CORP` for `corp.example`); `roles` are by name, in any spelling.
    """

    def __init__(
        self,
        role: str,
        roles: Mapping[str, str] | None = None,
        *,
        default_domain: str = "",
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._aliases = {
            canonical_domain(other): canonical_domain(domain)
            for other, domain in (aliases or {}).items()
        }
        self._default_domain = self._domain(canonical_domain(default_domain))
        self._role = role
        self._roles = {
            self.canonical(parse_account(name)): one for name, one in (roles or {}).items()
        }

    def canonical(self, account: Account) -> str:
        """The one name of this person at this vCenter."""
        domain = self._domain(account.domain) or self._default_domain
        return f"{account.user}@{domain}" if domain else account.user

    def role(self, name: str) -> str:
        """The role of the person of this canonical name."""
        return self._roles.get(name, self._role)

    def _domain(self, domain: str) -> str:
        return self._aliases.get(domain, domain)


class VCenterIdentity:
    """Vouches for the users of one vCenter."""

    looks_up = False
    """`find` asks nobody, which is news to whoever judges by it whether the vCenter is up."""

    def __init__(
        self,
        name: str,
        upstream: SessionUpstream,
        names: AccountNames,
        *,
        keep: Keep | None = None,
        called: str = "the vCenter",
    ) -> None:
        """`called` is what sentences call the server that is asked."""
        self.name = name
        self._called = called
        self._upstream = upstream
        self._names = names
        self._keep = keep
        self._checks: set[asyncio.Task[Principal]] = set()

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Who this is there, or BadCredentials or IdentityUnavailable.

        A user who may do nothing at the vCenter may do nothing here: a principal without roles.
        """
        if not password.reveal():
            # Behind some directories an empty password is an anonymous login, which succeeds.
            raise BadCredentials("an empty password", answered=False)
        # A task of its own: whoever stops waiting must not stop the logout.
        check = asyncio.create_task(self._check(account, password))
        self._checks.add(check)
        check.add_done_callback(self._done)
        return await asyncio.shield(check)

    async def attempt(self, account: Account, password: Secret, attempt: Attempt) -> Principal:
        """The same, counted for the name without the marks on its letters, too.

        Active Directory behind a vCenter does not look at those. Which other names are one person
        there, nobody can ask.
        """
        await attempt.count(plain_letters(self.name_of(account)))
        return await self.authenticate(account, password)

    async def find(self, account: Account) -> Principal | None:
        """None: a vCenter knows nobody without a password."""
        return None

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Never calls `tell`: a vCenter does not say when an account changes."""

    async def start(self) -> None:
        """Prepare to call. Connects to nothing yet: the vCenter may be down for a while."""
        await self._upstream.start()

    async def close(self) -> None:
        """Wait for the checks under way, whose sessions would stay open, and let go."""
        await asyncio.gather(*self._checks, return_exceptions=True)
        await self._upstream.close()

    def name_of(self, account: Account) -> str:
        """The one name under which tries of this account count, whether it exists or not."""
        return self._names.canonical(account)

    async def version_of(self, account: Account) -> str:
        """Nothing: a vCenter does not say when a credential changes."""
        return ""

    def _done(self, check: asyncio.Task[Principal]) -> None:
        self._checks.discard(check)
        if not check.cancelled():
            check.exception()  # seen, also where nobody waits any more

    async def _check(self, account: Account, password: Secret) -> Principal:
        try:
            outcome = await self._upstream.login(account.typed.strip(), password)
        except UpstreamUnavailable as error:
            raise IdentityUnavailable(str(error), answered=error.answered) from None
        if isinstance(outcome, ReceivedFault):
            return self._refused(account, outcome)
        principal = None
        try:
            principal = self._principal(outcome)
        finally:
            await self._hand_on(principal, outcome)
        return principal

    def _refused(self, account: Account, fault: ReceivedFault) -> Principal:
        if fault.name == "PasswordExpired":
            raise BadCredentials(
                f"{self.name}: {self._called} says that the password has expired",
                known=True,
                guess=False,  # it was right: whoever has a wrong one is told InvalidLogin
            )
        if fault.name in REFUSED_LOGINS:
            raise BadCredentials(f"{self.name}: {self._called} says {fault.name}")
        if fault.name == "NoPermission":
            # The password was right, so this is no failed try; and nothing more than that.
            name = directory_form(account.typed)
            return Principal(self._names.canonical(account), name, name, (), self.name)
        said = fault.name or "a fault that is not known"
        # Such as one directory behind it being down: users of its other directories get in.
        raise IdentityUnavailable(f"{self.name}: {self._called} says {said}", answered=True)

    def _principal(self, opened: UpstreamSession) -> Principal:
        spelled = opened.user.user_name
        try:
            name = self._names.canonical(parse_account(spelled))
        except BadCredentials:
            # About the vCenter's answer, not about what the client typed.
            raise IdentityUnavailable(f"{self.name}: the session is of no readable name") from None
        full_name = opened.user.full_name or spelled
        return Principal(name, spelled, full_name, (self._names.role(name),), self.name)

    async def _hand_on(self, principal: Principal | None, opened: UpstreamSession) -> None:
        if principal is not None and self._keep is not None:
            try:
                await self._keep(principal, opened)
            except Unavailable as error:
                raise IdentityUnavailable(f"{self.name}: {error}", answered=True) from None
            return
        try:
            await self._upstream.logout(opened)
        except UpstreamUnavailable as error:
            # Who it is has been found out all the same. The vCenter ends the session by its clock.
            _log.warning("upstream session left open", provider=self.name, reason=str(error))
