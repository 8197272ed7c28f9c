"""Sessions at a vCenter, by VI/JSON where it speaks that, else by SOAP.

vCenter speaks VI/JSON since 8.0 U1. Which form an upstream speaks is found out by the first login,
and remembered once that form has given an answer; a vCenter that is set back to an older release
is noticed at the next login. A password is sent a second time only where the first form was not
understood, so that one try here is one try there.
"""

import asyncio
from datetime import timedelta

import structlog

from sessiongate.errors import Malformed, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.upstream.http import TIMEOUT, HttpUpstream
from sessiongate.upstream.unread_logins import end_unread
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import (
    ReceivedFault,
    UpstreamSession,
    WireForm,
    lacks_json,
    read_fault,
    read_login,
    write_end_of_unread,
    write_login,
    write_logout,
)

# A login waits for its own logout, but not as long as for an answer about the password.
LOGOUT_TIMEOUT = timedelta(seconds=3)

_log = structlog.get_logger(__name__)


class VCenter:
    """One vCenter. `form` fixes the wire form, which is otherwise found out.

    `locale` is that of the sessions; "" leaves it to the vCenter.
    """

    def __init__(
        self,
        name: str,
        http: HttpUpstream,
        *,
        timeout: timedelta = TIMEOUT,
        form: WireForm | None = None,
        locale: str = "",
    ) -> None:
        self.name = name
        self._http = http
        self._timeout = timeout.total_seconds()
        self._fixed = form
        self._locale = locale
        self._form = form or WireForm.JSON

    async def login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        """Open a session there, or say which fault was answered instead.

        Raises UpstreamUnavailable, or BadCredentials for what no account there can have.
        """
        try:
            # For both forms together: whoever waits for a login has been promised one timeout.
            async with asyncio.timeout(self._timeout):
                return await self._login(name, password)
        except TimeoutError:
            why = f"no answer within {self._timeout:g} seconds"
            raise UpstreamUnavailable(f"{self.name}: {why}") from None

    async def _login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        form = self._form
        answer = await self._post(form, name, password)
        if form is WireForm.JSON and self._fixed is None and lacks_json(answer):
            form = WireForm.SOAP
            answer = await self._post(form, name, password)
        try:
            outcome = read_login(form, answer)
        except Malformed as unreadable:
            await end_unread(self.name, write_end_of_unread(form, answer), self._http.post)
            # Something in front of the vCenter may take offence at a single name. Whoever types
            # it must not make the vCenter count as down for everybody.
            raise UpstreamUnavailable(
                f"{self.name}: {form.value}: {unreadable}", answered=400 <= answer.status < 500
            ) from None
        if form is not self._form:
            self._form = form
            _log.info("upstream speaks another form", upstream=self.name, form=form.value)
        return outcome

    async def _post(self, form: WireForm, name: str, password: Secret) -> Answer:
        try:
            return await self._http.post(write_login(form, name, password, self._locale))
        except UpstreamUnavailable as error:
            raise UpstreamUnavailable(f"{self.name}: {error}") from None

    async def logout(self, opened: UpstreamSession) -> None:
        """End a session there. One that has already ended is no error."""
        try:
            async with asyncio.timeout(LOGOUT_TIMEOUT.total_seconds()):
                answer = await self._http.post(write_logout(opened.form, opened.token))
            if answer.status in (200, 204):
                return
            if answer.status == 500 and read_fault(opened.form, answer.body).name == _ENDED:
                return
            why = f"status {answer.status}"
        except TimeoutError:
            why = "no answer in time"
        except (UpstreamUnavailable, Malformed) as error:
            why = str(error)
        raise UpstreamUnavailable(f"{self.name}: logout: {why}")

    async def start(self) -> None:
        """Prepare to call. Connects to nothing yet."""
        await self._http.start()

    async def close(self) -> None:
        """Close connections. Idempotent."""
        await self._http.close()


_ENDED = "NotAuthenticated"
