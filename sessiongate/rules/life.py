"""How long a session lives: the idle limit and the absolute one, judged from four values.

A limit just reached has been passed. Where both are passed the session has aged: activity could
not have saved it. Everything else that ends a session (logout, terminate, ...) is somebody's
deed and not judged here.
"""

from datetime import UTC, datetime

from sessiongate.session import Ended, Limits

_NEVER = datetime.max.replace(tzinfo=UTC)


def judge(login_at: datetime, active_at: datetime, limits: Limits, now: datetime) -> Ended | None:
    """Say which limit has ended the session, AGED before IDLE, or None while it lives."""
    if limits.total is not None and now - login_at >= limits.total:
        return Ended.AGED
    if now - active_at >= limits.idle:
        return Ended.IDLE
    return None


def due_at(login_at: datetime, active_at: datetime, limits: Limits) -> datetime:
    """The first moment at which `judge` ends this session if it is not used until then.

    Later use can only move it back. A moment past the calendar's end is the calendar's end.
    """
    try:
        due = active_at + limits.idle
    except OverflowError:
        due = _NEVER
    if limits.total is None:
        return due
    try:
        return min(due, login_at + limits.total)
    except OverflowError:
        return due


def last_end(login_at: datetime, limits: Limits) -> datetime | None:
    """When a session ends however it is used; None where nothing says so."""
    if limits.total is None:
        return None
    try:
        return login_at + limits.total
    except OverflowError:
        return None
