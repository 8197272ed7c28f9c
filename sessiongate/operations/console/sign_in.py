"""The way in and out: a name and a password by the same service as every dialect's logins."""

import re

from sessiongate.errors import BadCredentials, CapReached, LockedOut, NoPermission
from sessiongate.operations.console.page import Values
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.rules.access import LIST_SESSIONS, TERMINATE_SESSION
from sessiongate.rules.token import PERSON
from sessiongate.secret import Secret
from sessiongate.service.sessions import Opened
from sessiongate.session import Client, Ended

ENOUGH = frozenset({LIST_SESSIONS, TERMINATE_SESSION})
"""Privileges of which one lets somebody use the console."""


def holds(held: frozenset[str], needed: str) -> bool:
    """Whether these privileges are enough. Whoever may end sessions sees them, as in vSphere."""
    return bool(held & ENOUGH) if needed == LIST_SESSIONS else needed in held


# A path of ours, and nothing that a browser could take for another address: no `//`, no `\\`.
_OURS = re.compile(r"/console/[A-Za-z0-9][A-Za-z0-9_./-]*(?:\?[A-Za-z0-9_.~%&=+*-]*)?|/console/")
_LONGEST = 1024

WRONG = "The name or the password is wrong, or there were too many tries."
NOT_ALLOWED = "You may not use the console."
FULL = (
    "There are as many sessions as may be, and this would be one. Somebody who may end sessions can"
    " still sign in and end some; on the server, `sessiongate sessions terminate` does. Or wait"
    " until one ends."
)


def place_to_go(asked: str) -> str:
    """Where to go after signing in: the asked place where it is a page of ours, else the first."""
    fits = len(asked) <= _LONGEST and _OURS.fullmatch(asked) and "//" not in asked
    return asked if fits and ".." not in asked else "/console/"


async def sign_in(parts: ConsoleParts, form: Values, client: Client) -> Opened | str:
    """A session of the console, or why there is none, for people. Raises Unavailable.

    Who may do nothing here has a session for a moment: then it has ended, and the audit says so.
    """
    try:
        opened = await parts.logins.login(
            form.first("name"),
            Secret(form.exact("password")),
            client,
            default=parts.provider,
            form=PERSON,
        )
    except (BadCredentials, LockedOut):
        return WRONG
    except NoPermission:
        return NOT_ALLOWED
    except CapReached:
        return FULL
    session = opened.session
    if parts.sessions.privileges(session) & ENOUGH:
        return opened
    parts.journal.denied(session, "console", LIST_SESSIONS)
    await parts.sessions.end(session.key, Ended.LOGOUT)
    return NOT_ALLOWED
