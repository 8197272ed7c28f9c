"""Settings of the console, the pages for people."""

from sessiongate.config.kinds import ListenOrOff, PositiveDuration, Table, setting
from sessiongate.session import Limits


class ConsoleTable(Table):
    """The pages on which people see sessions and end them."""

    listen: ListenOrOff = setting(
        "127.0.0.1:9680",
        'Address of the console, or "off" for none. Beyond this machine it speaks TLS with the '
        "server's certificate. With several workers the first one has it.",
    )
    idle_timeout: PositiveDuration = setting(
        "15m",
        "Somebody who has done nothing at the console for this long is signed out. "
        "sessions.idle_timeout holds besides.",
    )
    absolute_timeout: PositiveDuration = setting(
        "8h",
        "Somebody who has signed in this long ago is signed out. "
        "sessions.absolute_timeout holds besides.",
    )

    @property
    def limits(self) -> Limits:
        """How long somebody stays signed in."""
        return Limits(idle=self.idle_timeout, total=self.absolute_timeout)
