"""An upstream that takes connections and opens no session: the log has its begin and its end.

One that cannot be connected to is in the log by its `Exchange`, and a refused password by itself.
"""

import structlog

_log = structlog.get_logger(__name__)


class FailingLogins:
    """Of one account, by one form of login. Many failures after each other are one line."""

    def __init__(self, upstream: str, account: str, form: str) -> None:
        self._facts = {"upstream": upstream, "account": account, "form": form}
        self._failing = False

    def failed(self, why: str) -> None:
        """One has come to nothing, for this reason."""
        if not self._failing:
            self._failing = True
            _log.warning("the upstream answers no login", **self._facts, why=why)

    def answered(self) -> None:
        """The upstream has opened a session, or has said no."""
        if self._failing:
            self._failing = False
            _log.info("the upstream answers logins again", **self._facts)
