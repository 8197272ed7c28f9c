"""All credentials of one upstream's settings: what an operator asks of them, and says to them."""

from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.rest_logins import RestLogins


class UpstreamCredentials:
    """The service account's login by SOAP and to the Automation API, and the observer's."""

    def __init__(
        self, credential: Credential | None, rest: RestLogins | None, observer: Credential | None
    ) -> None:
        self._logins = [one for one in (credential, rest, observer) if one is not None]
        self._credentials = [one for one in (credential, observer) if one is not None]

    @property
    def problem(self) -> str:
        """Why a login is not tried now, with the setting and the way out; "" where all are."""
        return next((one.problem for one in self._logins if one.problem), "")

    def resume(self) -> None:
        """Try all of them again at the next need, whatever was."""
        for one in self._logins:
            one.resume()

    async def forget(self) -> None:
        """Have the store forget what was refused. Raises StoreUnavailable."""
        for one in self._credentials:
            if one.refusals is not None:
                await one.refusals.forget()
