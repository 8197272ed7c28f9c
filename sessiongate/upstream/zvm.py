"""Sessions at a ZVM: classic ones by its own API, an appliance's by tokens of its Keycloak.

Which of the two it is, is found out where the settings do not say: an appliance has a discovery
document, a classic one asks for a Basic credential at `/v1/session/add`. Nothing of an account is
sent for that.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from sessiongate.errors import Malformed, OutcomeUnknown, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.unread_logins import end_unread
from sessiongate.wire import zerto_client as wire
from sessiongate.wire.http import Answer, Ask
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession, WireForm
from sessiongate.wire.zerto_client import Flavor, Grant, Renewal, Tokens, ZvmSession

_LARGEST = 256 * 1024

_REFUSED = ReceivedFault("InvalidLogin")

_log = structlog.get_logger(__name__)


class Zvm:
    """One ZVM. All calls may raise UpstreamUnavailable; OutcomeUnknown where one was sent."""

    def __init__(
        self,
        name: str,
        exchange: Exchange,
        timeout: timedelta,
        seconds: Callable[[], float],
        *,
        flavor: Flavor | None = None,
        windows: bool = True,
    ) -> None:
        """`seconds` is the time, since 1970. `windows`: the accounts of a classic one are such.

        Without a `flavor` it is found out.
        """
        self.name = name
        self.flavor = flavor
        self._fixed = flavor is not None
        self._exchange = exchange
        self._timeout = timeout
        self._seconds = seconds
        self._windows = windows
        self._looking: asyncio.Task[Flavor] | None = None

    async def login(
        self, name: str, password: Secret, grant: Grant = Grant.PASSWORD
    ) -> ZvmSession | ReceivedFault:
        """Open a session there, or say that name and password are refused.

        Raises BadCredentials for what no account there can have, Malformed for an answer that makes
        no sense.
        """
        if await self.find_flavor() is Flavor.CLASSIC:
            answer = await self._call(wire.write_start(name, password, windows=self._windows))
            self._forget_if(answer.status == 404)
            try:
                token = wire.read_start(answer)
            except Malformed:
                await self._end_unread(Flavor.CLASSIC, answer)
                raise
            return _REFUSED if token is None else wire.zvm_session(Flavor.CLASSIC, token, name)
        write = wire.write_client_grant if grant is Grant.CLIENT else wire.write_password_grant
        by_client = grant is Grant.CLIENT
        return await self._request_tokens(
            write(name, password), name, by_client=by_client, opens=True
        )

    async def renewed(self, session: ZvmSession) -> ZvmSession | None:
        """The same session with the tokens that follow; None where the appliance has ended it."""
        renewal = session.renewal
        if renewal is None or not renewal.refresh.reveal():
            return None
        try:
            found = await self._request_tokens(
                wire.write_refresh(renewal.refresh), session.user.user_name
            )
        except Malformed as unreadable:
            raise UpstreamUnavailable(f"{self.name}: {unreadable}") from None
        if not isinstance(found, ZvmSession):
            return None
        if found.renewal is not None and not found.renewal.refresh.reveal():
            # One that says nothing of it goes on with the one that it has (RFC 6749, 6).
            kept = Renewal(
                renewal.refresh, found.renewal.life, found.renewal.until, renewal.refresh_life
            )
            return wire.zvm_session(
                Flavor.APPLIANCE, found.token, found.user.user_name, kept, found.good_until
            )
        return found

    async def lives(self, session: ZvmSession) -> bool:
        """Whether a session is alive. It counts as use there."""
        answer = await self._ask_without_effect(wire.write_probe(session.form, session.token))
        if answer.status == 401:
            return False
        if answer.status >= 500:
            raise UpstreamUnavailable(f"{self.name}: status {answer.status}")
        return True

    async def logout(self, session: ZvmSession) -> bool:
        """End a session. Whether it is over now; one of a client has none that could be ended."""
        if session.form is WireForm.ZERTO:
            return wire.is_over(await self._call(wire.write_end(session.token)))
        renewal = session.renewal
        if renewal is None or not renewal.refresh.reveal():
            return True
        return wire.is_over(await self._call(wire.write_token_logout(renewal.refresh)))

    async def find_flavor(self) -> Flavor:
        """Which kind of ZVM it is, found out once."""
        if self.flavor is not None:
            return self.flavor
        if self._looking is None:
            self._looking = asyncio.create_task(self._probe_flavor(), name="find flavor")
            self._looking.add_done_callback(self._keep_flavor)
        return await asyncio.shield(self._looking)

    def _keep_flavor(self, task: asyncio.Task[Flavor]) -> None:
        self._looking = None
        if not task.cancelled() and task.exception() is None:
            self.flavor = task.result()
            _log.info("kind of ZVM found out", upstream=self.name, flavor=self.flavor.value)

    async def _probe_flavor(self) -> Flavor:
        if wire.says_appliance(await self._ask_without_effect(wire.write_discovery())):
            return Flavor.APPLIANCE
        answer = await self._ask_without_effect(wire.write_unnamed_start())
        if wire.says_classic(answer):
            return Flavor.CLASSIC
        why = "what answers is no ZVM: it has no realm zerto, and no sessions at /v1/session/add"
        raise UpstreamUnavailable(f"{self.name}: {why} (status {answer.status})")

    def _forget_if(self, another: bool) -> None:
        """A ZVM that was replaced by one of the other kind is looked at anew."""
        if another and not self._fixed:
            self.flavor = None

    async def _request_tokens(
        self, ask: Ask, name: str, *, by_client: bool = False, opens: bool = False
    ) -> ZvmSession | ReceivedFault:
        """The tokens of a session, of one that this `opens` or another."""
        asked_at, now = asyncio.get_running_loop().time(), self._seconds()
        answer = await self._call(ask)
        self._forget_if(answer.status == 404)
        try:
            found = wire.read_tokens(answer)
        except Malformed:
            if opens:
                await self._end_unread(Flavor.APPLIANCE, answer)
            raise
        if isinstance(found, Tokens):
            renewal = Renewal(found.refresh, found.life, now + found.life, found.refresh_life)
            return wire.zvm_session(
                Flavor.APPLIANCE, found.access, found.name or name, renewal, asked_at + found.life
            )
        if found.code == wire.INVALID_GRANT or by_client:
            return _REFUSED
        raise Malformed(f"it refuses our client zerto-client: {found.code}")

    async def _end_unread(self, flavor: Flavor, answer: Answer) -> None:
        await end_unread(self.name, wire.write_end_of_unread(flavor, answer), self._call)

    async def _ask_without_effect(self, ask: Ask) -> Answer:
        """The answer to what has no effect: that it is not known is that there was none."""
        try:
            return await self._call(ask)
        except OutcomeUnknown as error:
            raise UpstreamUnavailable(str(error)) from None

    async def _call(self, ask: Ask) -> Answer:
        return await self._exchange.exchange(ask, within=self._timeout, largest=_LARGEST)


class ZvmLogins:
    """A ZVM as the provider of its users sees it: `upstream.port.SessionUpstream`."""

    def __init__(self, name: str, zvm: Zvm) -> None:
        self.name = name
        self._zvm = zvm

    async def login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        """Open a session there, or say which fault stands for the refusal.

        Raises UpstreamUnavailable, or BadCredentials for what no account there can have.
        """
        try:
            return await self._zvm.login(name, password)
        except Malformed as unreadable:
            raise UpstreamUnavailable(f"{self.name}: {unreadable}") from None

    async def logout(self, opened: UpstreamSession) -> None:
        """End a session there. One that has already ended is no error."""
        if isinstance(opened, ZvmSession) and not await self._zvm.logout(opened):
            raise UpstreamUnavailable(f"{self.name}: logout: the ZVM does not end it")

    async def start(self) -> None:
        """Nothing to do: its connections are the gateway's."""

    async def close(self) -> None:
        """Nothing to close."""
