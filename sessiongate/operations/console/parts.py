"""What the pages stand on: the services of the server, as far as pages ask them."""

import msgspec

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Limits


class ConsoleParts(msgspec.Struct, frozen=True):
    """The services. A page that needs another one has it here."""

    sessions: Sessions
    logins: Logins
    journal: Journal
    clock: Clock
    limits: Limits
    """Of all sessions."""
    own_limits: Limits
    """Of the console's sessions, beside those."""
    provider: str
    """Whom names without a domain belong to."""
