"""Sessions at a vCenter, a Zerto Virtual Manager or a Zerto appliance, logged out for sure.

`ZertoSession`, `ApplianceSession` and `VsphereSession` log in when they are first used and log out
at the end of their `with`. Needs nothing but the standard library.
"""

from __future__ import annotations

from .errors import (
    Busy,
    LoginRefused,
    NotTrusted,
    SessionClosed,
    SessionError,
    UnexpectedAnswer,
    Unreachable,
    WrongHost,
)
from .session import Session
from .sessions import ApplianceSession, VsphereSession, ZertoSession

__all__ = [
    "ApplianceSession",
    "Busy",
    "LoginRefused",
    "NotTrusted",
    "Session",
    "SessionClosed",
    "SessionError",
    "UnexpectedAnswer",
    "Unreachable",
    "VsphereSession",
    "WrongHost",
    "ZertoSession",
]
__version__ = "0.1.0"
