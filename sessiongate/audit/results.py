"""What metrics and audit call a refusal or an outage."""

from collections.abc import Mapping

from sessiongate import errors
from sessiongate.errors import Unavailable

RESULTS: Mapping[type[Exception], str] = {
    errors.LockedOut: "locked",
    errors.NoPermission: "no_permission",
    errors.CapReached: "cap",
    errors.InvalidLocale: "invalid_locale",
}
"""What metrics call a refusal; every other one is "refused", and every outage "unavailable"."""


def result_of(error: Exception) -> str:
    """What metrics call it."""
    if isinstance(error, Unavailable):
        return "unavailable"
    return RESULTS.get(type(error), "refused")


def outcome(error: Exception) -> str:
    """What the audit calls a no and an outage."""
    return "unavailable" if isinstance(error, Unavailable) else "refused"
