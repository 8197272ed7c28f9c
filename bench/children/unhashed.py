"""A server as it comes, and a type of provider that compares passwords and hashes nothing.

Takes the arguments of `sessiongate`. What such a login costs is what is left for the slow hash, or
for remembering that it was done, to add to.
"""

from collections.abc import Callable, Mapping

from tools import populate

from sessiongate import plugins
from sessiongate.cli.main import main
from sessiongate.errors import BadCredentials
from sessiongate.identity.plugin import BuiltProvider, PluginContext
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.rules.accounts import Account
from sessiongate.secret import Secret
from sessiongate.session import Principal

_RIGHT = Secret(populate.PASSWORD)


class Unhashed:
    """Everybody has the one password of the bench."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def authenticate(self, account: Account, password: Secret) -> Principal:
        """Compare."""
        if not password.same_as(_RIGHT):
            raise BadCredentials("wrong password")
        user = account.canonical
        return Principal(user, user, user, (ADMINISTRATOR,), self._name)

    async def find(self, account: Account) -> Principal | None:
        """Nobody asks."""

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Nobody changes."""

    async def start(self) -> None:
        """Nothing to read."""

    async def close(self) -> None:
        """Nothing to let go of."""


def unhashed(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The plugin: it has no settings."""
    return BuiltProvider(Unhashed(name), in_process=True)


plugins.IDENTITY = {**plugins.IDENTITY, "unhashed": f"{__name__}:unhashed"}
main()
