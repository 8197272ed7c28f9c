"""When each user logged in last, and was refused last: from the newest events of the audit.

A refusal has the name as it was typed, so that it counts for every provider's user of that name.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from sessiongate.audit import event as audit
from sessiongate.audit.event import Event
from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import parse_account
from sessiongate.rules.audit_chain import Link
from sessiongate.session import Person

MOST = 20_000
"""Events that are looked at: some 50 ms of reading."""

# Sessions that somebody who was there already has opened are no login of theirs.
_NO_LOGINS = {"clone", "impersonation"}

_ABOUT_LOGINS = (b'opened"', b'login refused"')
"""What an event has in it that is looked at: of most there is no need to read more."""


class UserHistory(msgspec.Struct, frozen=True):
    """What was found."""

    logins: dict[Person, datetime] = {}
    refusals: dict[str, datetime] = {}
    """By canonical name."""


def history_of(newest_first: Iterable[Link]) -> UserHistory:
    """The last of each that stands in these events."""
    found, undone = UserHistory({}, {}), set[str]()
    for link in newest_first:
        payload = bytes(link.payload)
        if not any(one in payload for one in _ABOUT_LOGINS):
            continue
        try:
            event = audit.read(payload)
        except msgspec.DecodeError:
            continue
        if event.event == "session not opened":
            undone.add(event.key)
        elif event.event == "session opened" and event.how not in _NO_LOGINS:
            if event.key not in undone:
                found.logins.setdefault(Person(event.provider, event.user), event.at)
        elif event.event == "login refused" and event.result == "refused":
            found.refusals.setdefault(_name_in(event), event.at)
    return found


def _name_in(event: Event) -> str:
    try:
        return parse_account(event.user).canonical
    except BadCredentials:
        return ""
