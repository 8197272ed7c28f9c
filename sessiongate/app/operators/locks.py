"""Who is locked out by failed logins with any provider, and opening that."""

from collections.abc import Mapping

from sessiongate.audit.journal import Journal
from sessiongate.identity.guard.guard import Guard
from sessiongate.operations.control import Locked
from sessiongate.rules.accounts import parse_account


class Locks:
    """The locks of all providers, for the command line."""

    def __init__(self, guards: Mapping[str, Guard], journal: Journal) -> None:
        self._guards = guards
        self._journal = journal

    async def unlock(self, name: str, by: str, how: str = "command line", detail: str = "") -> bool:
        """Let this name try again with every provider, and write down who said so, and how.

        False if none held anything against it. Raises BadCredentials for what is no name.
        """
        unlocked = [await guard.unlock(name) for guard in self._guards.values()]
        if not any(unlocked):
            return False
        subject = parse_account(name).canonical
        await self._journal.happened(
            "user unlocked", user=by, subject=subject, how=how, detail=detail
        )
        return True

    async def locked(self) -> Locked:
        """Who is locked for some address, by provider, and until when."""
        return {name: await guard.locked() for name, guard in self._guards.items()}
