"""The log line beside an event of the audit."""

import structlog

from sessiongate.audit.event import Event

_log = structlog.get_logger("sessiongate.sessions")


def log_refusal(event: Event) -> None:
    """Log one refusal, or an event that stands for several merged ones."""
    facts = {
        "how": event.how,
        "user": event.user,
        "subject": event.subject,
        "dialect": event.dialect,
        "ip": event.ip,
        "reason": event.reason,
        "detail": event.detail,
        "merged": event.merged,
    }
    say = _log.info if event.result == "ok" else _log.warning
    say(event.event, **{name: value for name, value in facts.items() if value})
