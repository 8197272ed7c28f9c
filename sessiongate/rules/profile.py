"""What imitating a vCenter generation means for limits and caps.

A profile gives the values that the operator left unset; what was set always wins. The figures are
those of the product: 550 sessions per user and 2000 in all up to 8.0 U2, one shared limit of 3000
from 8.0 U3 on (KB 375546, KB 437427), dormant for thirty minutes throughout.
"""

from datetime import timedelta

from sessiongate.session import Caps, Limits

_IDLE = timedelta(minutes=30)
_NO_CAPS = Caps()
_OLD = Caps(per_principal=550, total=2000)

# The names that `sessions.profile` takes.
PROFILES: dict[str, tuple[Limits, Caps]] = {
    "none": (Limits(_IDLE), _NO_CAPS),
    "vc7": (Limits(_IDLE), _OLD),
    "vc8": (Limits(_IDLE), _OLD),
    "vc8u3": (Limits(_IDLE), Caps(per_principal=0, total=3000)),
}


def effective(
    profile: str,
    *,
    idle: timedelta | None = None,
    absolute: timedelta | None = None,
    per_principal: int | None = None,
    total: int | None = None,
) -> tuple[Limits, Caps]:
    """Say which limits and caps are in force; None means "not set", an absolute of 0 "no limit".

    Raises KeyError for a profile that does not exist.
    """
    limits, caps = PROFILES[profile]
    return (
        Limits(
            idle=limits.idle if idle is None else idle,
            total=limits.total if absolute is None else (absolute or None),
        ),
        Caps(
            per_principal=caps.per_principal if per_principal is None else per_principal,
            total=caps.total if total is None else total,
        ),
    )
