"""How far a test says that time goes ahead. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from sessiongate.config.values import duration


def step_of(by: timedelta | str, more: Mapping[str, float]) -> timedelta:
    """How far `advance` goes: a timedelta or text such as `31m`, and `minutes=31` and the like.

    Raises ValueError for a text that is no duration, TypeError for a name that is no unit.
    """
    try:
        return (duration(by) if isinstance(by, str) else by) + timedelta(**more)
    except ValueError as error:
        raise ValueError(f"advance: {error}") from None
    except TypeError:
        raise TypeError(
            'advance: must be a timedelta, a text such as "31m", or have names: weeks, days, hours,'
            " minutes, seconds, milliseconds, as in advance(minutes=31)"
        ) from None
