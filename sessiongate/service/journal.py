"""One line for every decision: who, from where, in which dialect, and how it came out.

Names and keys only. Tokens and passwords are Secrets and cannot get in here.
"""

import structlog

from sessiongate.session import Client, Ended, Session

_log = structlog.get_logger("sessiongate.sessions")

# A key's first block tells sessions apart in a log without spelling out the whole name.
_KEY_PREFIX = 8


def opened(how: str, session: Session) -> None:
    """A session was opened: by login, clone or impersonation."""
    _log.info(
        "session opened",
        how=how,
        user=session.principal,
        key=session.key[:_KEY_PREFIX],
        dialect=session.dialect,
        ip=session.ip_address,
    )


def refused(how: str, name: str, client: Client, error: Exception) -> None:
    """A way in was refused, or could not be decided. The reason is for us, not for the client."""
    _log.warning(
        "login refused",
        how=how,
        user=name[:256],
        dialect=client.dialect,
        ip=client.ip_address,
        reason=type(error).__name__,
        detail=str(error),
    )


def ended(session: Session, reason: Ended, by: str = "") -> None:
    """A session is over. `by` names who ended it where that was somebody else."""
    _log.info(
        "session ended",
        reason=reason.value,
        user=session.principal,
        key=session.key[:_KEY_PREFIX],
        by=by or session.principal,
    )


def denied(session: Session, what: str, privilege: str) -> None:
    """A caller asked for something that its privileges do not allow."""
    _log.warning(
        "permission denied",
        user=session.principal,
        key=session.key[:_KEY_PREFIX],
        what=what,
        privilege=privilege,
    )


def acted(session: Session, what: str, **facts: str) -> None:
    """A caller did something that others notice, such as changing the global message."""
    _log.info("done", what=what, user=session.principal, key=session.key[:_KEY_PREFIX], **facts)
