"""Logins: from a name and a password, or from somebody else's word, to a session.

Which provider decides is chosen before the password is looked at (`identity.routing`); how often
somebody may try, its guard knows. Each refusal is written down here.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from time import perf_counter

from sessiongate.audit.journal import Journal
from sessiongate.errors import BadCredentials, SessionGateError
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.routing import ProviderRouter
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.locale import choose
from sessiongate.rules.token import HEX, TokenForm
from sessiongate.secret import Secret
from sessiongate.service.account_changes import AccountChanges
from sessiongate.service.sessions import Objection, Opened, Sessions, TakenBack, check_name
from sessiongate.session import Client, Ended, Person, Principal, Session


class Logins:
    """Lets people in. `default_locale` is that of clients that ask for none."""

    def __init__(
        self,
        sessions: Sessions,
        router: ProviderRouter[Guard],
        changes: AccountChanges,
        journal: Journal,
        *,
        default_locale: str,
    ) -> None:
        self._sessions = sessions
        self._router = router
        self._changes = changes
        self._journal = journal
        self._default_locale = default_locale

    async def login(
        self,
        name: str,
        password: Secret,
        client: Client,
        *,
        locale: str | None = None,
        provider: str | None = None,
        default: str,
        form: TokenForm = HEX,
    ) -> Opened:
        """Open a session for who this is.

        `provider` names the provider where the dialect chose one; else the name's domain does,
        else `default`. `form` is how the dialect's tokens look. Raises InvalidLocale,
        BadCredentials, LockedOut, NoPermission (a known user without any privilege), CapReached,
        or an Unavailable.
        """
        began = perf_counter()
        principal = None
        try:
            chosen = self.locale_of(locale)
            account = parse_account(name)
            guard = self._router.route(account, default, provider or "", upstream=client.upstream)
            with self._changes.meanwhile() as changed:
                principal = await guard.authenticate(account, password, client.origin)
                opened = await self._sessions.open_session(
                    "login",
                    principal,
                    client,
                    chosen,
                    typed=name,
                    form=form,
                    objection=_unchanged(changed),
                )
        except SessionGateError as error:
            await self._journal.refused("login", name, client, error, shown=principal)
            raise
        finally:
            meters = self._journal.meters
            meters.timing(meters.login_times, client.dialect).add(perf_counter() - began)
        return opened

    async def verify_credentials(
        self, name: str, password: Secret, client: Client, *, provider: str
    ) -> Principal:
        """Who this is, without opening a session. Raises as `login` does, and writes refusals."""
        try:
            account = parse_account(name)
            guard = self._router.route(account, provider, provider, upstream=client.upstream)
            principal = await guard.authenticate(account, password, client.origin)
            check_name(principal)
        except SessionGateError as error:
            await self._journal.refused("vouch", name, client, error)
            raise
        return principal

    async def login_as(
        self,
        principal: Principal,
        client: Client,
        locale: str | None,
        *,
        changed: Collection[Person],
        typed: str,
        how: str,
        extension: bool = False,
    ) -> Opened:
        """Open a session for a principal whom somebody else has vouched for.

        `changed` are the accounts that change since before that (`meanwhile`): of such a one no
        session stays. Raises BadCredentials then, InvalidLocale, and as `Sessions.open_session`
        does. Writes no refusal down: that is for the caller.
        """
        chosen = self.locale_of(locale)
        return await self._sessions.open_session(
            how,
            principal,
            client,
            chosen,
            typed=typed,
            extension=extension,
            objection=_unchanged(changed),
        )

    def meanwhile(self) -> AbstractContextManager[Collection[Person]]:
        """The accounts that change while a login is under way, for `login_as`."""
        return self._changes.meanwhile()

    def locale_of(self, asked: str | None) -> str:
        """The locale of a client that asks for this one, or for none. Raises InvalidLocale."""
        return choose(asked, self._default_locale)

    async def principal(self, name: str, default: str, client: Client) -> Principal | None:
        """The account of this name as this client means it, without a password check."""
        account = parse_account(name)
        guard = self._router.route(account, default, upstream=client.upstream)
        return await guard.find(account)

    async def person(self, name: str, default: str, *, upstream: str = "") -> Person:
        """Whom any spelling of a name means at the Host of this upstream, known or not.

        `default` is the provider of names without a domain of their own. Without a provider where
        none knows the name. Raises BadCredentials for what is no name.
        """
        account = parse_account(name)
        guard = self._router.owner(account, default, upstream=upstream)
        if guard is None:
            return Person("", account.canonical)
        found = await guard.find(account)
        return Person(guard.name, found.name if found is not None else guard.name_of(account))


def _unchanged(changed: Collection[Person]) -> Objection:
    """Objects where the account is among those that have changed meanwhile."""

    async def objection(session: Session) -> TakenBack | None:
        if Person(session.provider, session.principal) not in changed:
            return None
        error = BadCredentials("the account changed during the login")
        return TakenBack(Ended.USER_CHANGED, error)

    return objection
