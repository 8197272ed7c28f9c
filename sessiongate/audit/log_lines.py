"""The log line beside an event of the audit."""

import structlog

from sessiongate.audit.event import Event

_log = structlog.get_logger("sessiongate.sessions")


def say_refused(event: Event) -> None:
    """Log a refusal, or many that were merged into one event."""
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
