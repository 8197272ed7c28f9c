"""The faults that there are, with what each may be told. Pure.

docs/faults.md says of each what clients see.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from sessiongate.config import values
from sessiongate.faults.rule import Scope
from sessiongate.rules import access
from sessiongate.rules.profile import PROFILES

_RELEASE = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,5}")
_LONGEST_BODY = 65536
_MOST_SECONDS = 3600.0


class Argument(msgspec.Struct, frozen=True):
    """One argument of a fault. `read` raises ValueError with the rule."""

    read: Callable[[object], object]
    default: object = None
    needed: bool = False


class KnownFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault."""

    about: str
    scope: Scope = Scope.ANY
    args: Mapping[str, Argument] = {}
    times: int | None = None
    """How often, where the rule does not say. None: without end."""
    of_upstream: bool = False
    """Whether a server needs an upstream to have it."""


def seconds(value: object) -> float:
    """Seconds, as a number or as a duration."""
    if isinstance(value, str) and not (value.isascii() and value.replace(".", "", 1).isdigit()):
        number = values.duration(value).total_seconds()
    elif isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('must be a number of seconds, or a duration such as "500ms"')
    else:
        number = _float(value)
    if not 0 <= number <= _MOST_SECONDS:
        raise ValueError(f"must be from 0 to {_MOST_SECONDS:g} seconds")
    return number


def _float(value: float | str) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of so many digits
        return math.inf


def names(value: object) -> tuple[str, ...]:
    """One name, several with commas between, or a list of them."""
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise ValueError("must be a name, or a list of names")
    return tuple(one.strip() for one in found if one.strip())


def text(value: object) -> str:
    """Any text, of bounded length."""
    if not isinstance(value, str) or len(value) > _LONGEST_BODY:
        raise ValueError(f"must be a text of at most {_LONGEST_BODY} characters")
    return value


def release(value: object) -> str:
    """A release of the API: numbers with dots between."""
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise ValueError("must be numbers with dots between, such as 9.0.0.0")
    return value


def skew(value: object) -> timedelta:
    """How far off: a duration, behind where it begins with `-`."""
    behind = isinstance(value, str) and value.startswith("-")
    span = values.duration(value[1:] if behind and isinstance(value, str) else value)
    return -span if behind else span


def privileges(value: object) -> tuple[str, ...]:
    """Names of privileges."""
    found = names(value)
    if not found:
        raise ValueError("must name a privilege, such as Sessions.ValidateSession")
    return found


REFUSALS = ("BadCredentials", "LockedOut", "NoPermission", "PasswordExpired", "InvalidLocale")

_WHICH = {"which": Argument(values.choice("one", "user", "all"), "one")}
_SLOW = {
    "seconds": Argument(seconds, 5.0),
    "jitter": Argument(seconds, 0.0),
    "dribble": Argument(values.whole(1, 1 << 30)),
}
_CUT = {"after_bytes": Argument(values.whole(0, 1 << 30))}
_PLACE = Argument(values.choice("accept", "head", "body"), "head")

FAULTS: Mapping[str, KnownFault] = {
    "session.expire": KnownFault(
        about="The session has ended, idle.", scope=Scope.SESSION, args=_WHICH, times=1
    ),
    "session.terminate": KnownFault(
        about="The session was ended by an administrator.",
        scope=Scope.SESSION,
        args=_WHICH,
        times=1,
    ),
    "session.forget": KnownFault(
        about="The session is unknown, as after a restart.",
        scope=Scope.SESSION,
        args=_WHICH,
        times=1,
    ),
    "session.half-rotten": KnownFault(
        about="Some operations of a session fail as if it had ended, others go on.",
        scope=Scope.SESSION,
        args={
            "fail": Argument(names, ()),
            "style": Argument(values.choice("fault", "missing-set"), "fault"),
        },
    ),
    "cap.reached": KnownFault(
        about="There is no room for one more session.",
        scope=Scope.LOGIN,
        args={
            "profile": Argument(values.choice(*PROFILES), "vc8"),
            "body": Argument(values.choice("own", "vendor"), "own"),
        },
    ),
    "login.slow": KnownFault(about="Logins take long.", scope=Scope.LOGIN, args=_SLOW),
    "login.hang": KnownFault(
        about="Logins get no reply.",
        scope=Scope.LOGIN,
        args={"seconds": Argument(seconds, 120.0)},
    ),
    "reply.slow": KnownFault(about="Replies take long.", args=_SLOW),
    "login.refuse": KnownFault(
        about="Logins are refused.",
        scope=Scope.LOGIN,
        args={"as": Argument(values.choice(*REFUSALS), "BadCredentials")},
    ),
    "privilege.remove": KnownFault(
        about="The session's user lacks privileges.",
        scope=Scope.SESSION,
        args={"privileges": Argument(privileges, (access.VALIDATE_SESSION,))},
    ),
    "provider.down": KnownFault(
        about="Whoever knows names, a directory or an issuer of tokens, does not answer.",
        scope=Scope.NAMES,
    ),
    "store.down": KnownFault(about="The session store does not answer."),
    "http.status": KnownFault(
        about="Another status than the server's own.",
        args={
            "status": Argument(values.whole(400, 599), needed=True),
            "retry_after": Argument(values.whole(0, 86400)),
            "body": Argument(text, ""),
            "after": Argument(values.yes_or_no, default=False),
        },
    ),
    "conn.reset": KnownFault(about="The connection is reset.", args={**_CUT, "at": _PLACE}),
    "conn.close": KnownFault(about="The connection is closed.", args={**_CUT, "at": _PLACE}),
    "conn.truncate": KnownFault(about="The reply's body ends too early.", args=_CUT),
    "conn.garbage": KnownFault(about="The reply's body is framed wrongly.", args=_CUT),
    "conn.refuse": KnownFault(
        about="New connections are closed unread, before TLS.", scope=Scope.CONNECTION
    ),
    "tls.expired": KnownFault(about="The certificate has expired.", scope=Scope.HANDSHAKE),
    "tls.wrong-name": KnownFault(
        about="The certificate is for another name.", scope=Scope.HANDSHAKE
    ),
    "tls.rotated": KnownFault(
        about="The certificate is a new one.",
        scope=Scope.HANDSHAKE,
        args={"issuer": Argument(values.choice("same", "new"), "same")},
    ),
    "version.is": KnownFault(
        about="The server is another release.",
        args={
            "version": Argument(release, needed=True),
            "build": Argument(text, ""),
            "instanceUuid": Argument(text, ""),
        },
    ),
    "token.short": KnownFault(
        about="Access tokens of the appliance end early.",
        scope=Scope.TOKEN,
        args={
            "seconds": Argument(seconds, 5.0),
            "refresh": Argument(values.yes_or_no, default=True),
        },
    ),
    "clock.advance": KnownFault(
        about="Time has gone on.",
        args={"by": Argument(values.positive_duration, needed=True)},
        times=1,
    ),
    "clock.skew": KnownFault(
        about="The server's clock is off.",
        args={"by": Argument(skew, needed=True)},
    ),
    "ticket.spent": KnownFault(about="The clone ticket was used before.", scope=Scope.CLONE),
    "upstream.down": KnownFault(about="The upstream does not answer.", of_upstream=True),
    "upstream.slow": KnownFault(
        about="The upstream's answers take long.",
        args={"seconds": Argument(seconds, 5.0)},
        of_upstream=True,
    ),
    "upstream.cap": KnownFault(
        about="The upstream has no room for one more session.", of_upstream=True
    ),
    "upstream.rotten": KnownFault(
        about="The session at the upstream by which a request goes has ended.",
        args={"half": Argument(values.yes_or_no, default=False)},
        of_upstream=True,
    ),
    "upstream.wrong-type": KnownFault(
        about="What answers at the upstream's address is another server.", of_upstream=True
    ),
}
"""Every fault by its name."""
