"""What a page of the console is: an address, its data, a template; and an action, which changes.

Who visits, and what he may do, the endpoint has found out before any of these is called.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

import msgspec

from sessiongate.audit.event import EventDetails
from sessiongate.errors import Malformed
from sessiongate.rules.access import LIST_SESSIONS
from sessiongate.service.sessions import acting
from sessiongate.session import Client, Session

_MOST_FIELDS = 2_000
"""Values in a query or form: fifty rows selected are fifty; nobody needs so many."""


class Values:
    """What a query or a form says, by name. Blank values are none; spaces around one are not it."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._exact = dict(reversed(pairs))
        self._pairs = [(name, value.strip()) for name, value in pairs if value.strip()]

    @classmethod
    def read(cls, text: str) -> "Values":
        """Of a query, or of a form's body. Raises Malformed."""
        try:
            pairs = parse_qsl(text, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError:
            raise Malformed("the query or form cannot be read") from None
        return cls(pairs)

    def first(self, name: str) -> str:
        """The first value of this name, "" where there is none."""
        return next((value for given, value in self._pairs if given == name), "")

    def exact(self, name: str) -> str:
        """The same, with all of its spaces: a password has them."""
        return self._exact.get(name, "")

    def all(self, name: str) -> list[str]:
        """Every value of this name, in order."""
        return [value for given, value in self._pairs if given == name]

    def but(self, *without: str, **other: str) -> str:
        """As a query again, without these names, and with others in their place."""
        left = [(n, v) for n, v in self._pairs if n not in without and n not in other]
        return urlencode([*left, *((n, v) for n, v in other.items() if v)])


_LONGEST_REASON = 200


class Input(msgspec.Struct, frozen=True):
    """A value that a query, a form or an address may have: what the document says of it."""

    name: str
    about: str
    required: bool = False
    many: bool = False
    """Whether it may be given several times."""


REASON = Input("reason", "Why: it stands in the audit.")
COUNT = Input("count", "How many it is about, where that is asked for again.")
PASSWORD = Input("password", "The person's own again, where it is asked for. A token needs none.")


class Visit(msgspec.Struct, frozen=True):
    """Somebody who is signed in asks for a page, or for an action."""

    session: Session
    privileges: frozenset[str]
    client: Client
    now: datetime
    query: Values
    form: Values = Values()
    """Of an action; empty for a page."""
    parts: Mapping[str, str] = {}
    """What stands in the address where the page's path has `{name}`."""
    is_script: bool = False
    """Whether a token says who it is: then nobody is there to be asked for a password."""

    @property
    def audit_details(self) -> EventDetails:
        """What the audit has of an action besides who did it: from where, and the form's reason."""
        token = f" token {self.session.digest[:4].hex()}" if self.is_script else ""
        said = EventDetails(how=f"console{token} from {self.client.ip_address}")
        said.update(acting(self.session))
        if reason := self.form.first("reason")[:_LONGEST_REASON]:
            said["detail"] = reason
        return said


class ActionDone(msgspec.Struct, frozen=True):
    """An action was done: which page to go to, and what to say there."""

    to: str
    """A path below `/console/`, with its query."""
    did: str = ""
    """What was done, a key of `DEEDS`."""
    count: int = 0


class ActionRefused(msgspec.Struct, frozen=True):
    """An action was not done: its page is shown anew, with the form's values, and says why."""

    problem: str


class Raw(msgspec.Struct, frozen=True):
    """What is sent as it is, as a file to keep."""

    content: bytes
    content_type: str
    filename: str


Look = Callable[[Visit], Awaitable[msgspec.Struct | Raw]]
Act = Callable[[Visit], Awaitable[ActionDone | ActionRefused]]


class Page(msgspec.Struct, frozen=True):
    """A page: GET of `/console/PATH`, and its JSON twin at `/console/api/v1/PATH`."""

    path: str
    """Below `/console/`; `{name}` stands for one segment."""
    title: str
    look: Look
    template: str = ""
    """"" for a page that only gives files away (`Raw`)."""
    needs: str = LIST_SESSIONS
    menu: str = ""
    """What the menu calls it; "" for a page that the menu has not."""
    letter: str = ""
    """The key after `g` that leads there; the page of keys tells them."""
    fragment: str = ""
    """The template of the part that is asked for again (`templates`: how often); "" for none."""
    asks: tuple[Input, ...] = ()
    """What its query may say."""
    content_type: str = "application/json"
    """Of the twin, where that is a file (`Raw`)."""
    mark: Callable[[], Hashable] = lambda: None
    """Another value whenever what the page shows may have changed, but for time; None where nobody
    can say."""


class Action(msgspec.Struct, frozen=True):
    """A change: POST to `/console/PATH`, and to `/console/api/v1/PATH`."""

    path: str
    act: Act
    needs: str
    form: str = ""
    """The path of the page that its form stands on; "" for the page of the same path."""
    asks: tuple[Input, ...] = ()
    """What its form may say."""
    title: str = ""
    """What it does, in a sentence."""
    verb: str = "POST"
    """DELETE for one that only scripts ask for, with the query in the place of a form."""
    by_person: bool = False
    """Whether it takes a person's password: a token does not do for what outlasts the token."""

    def page(self, asked: str, parts: Mapping[str, str]) -> str:
        """The path of that page, where this path was asked, with these parts in its `{name}`s."""
        return self.form.format(**parts) or asked


DEEDS: Mapping[str, str] = {
    "ended": "Ended: {count}.",
    "nothing": "Nothing was left to end.",
    "added": "The administrator was added. Sign in now.",
    "user-added": "Added, and may log in now.",
    "password": "Has another password now; sessions opened with the old one have ended.",
    "unlocked": "May try again.",
    "free": "Nothing was held against this name.",
    "disabled": "Disabled, and signed out everywhere.",
    "enabled": "May log in again.",
    "pause": "Paused: no new call is sent there.",
    "resume": "Calls go on.",
    "rotate": "Sessions there are being replaced.",
    "drain": "Draining: {count} clients still have something there.",
    "fault-add": "The rule is added.",
    "fault-scenario": "The scenario is on; rules: {count}.",
    "fault-remove": "The rule is removed.",
    "fault-clear": "Rules removed: {count}.",
    "fault-advance": "Time has gone ahead; sessions that have ended by it: {count}.",
    "role": "Has another role now; sessions with the old one have ended.",
    "out": "You have signed out.",
    "verifying": "The verification has begun; how far it is stands below.",
    "late": "Your session is over. Sign in again.",
}
"""What pages say of what was done, as `did` in an address: no other text gets onto a page so."""


def outcome_sentence(query: Values) -> str:
    """What an address says was done; "" where it says nothing that we know."""
    count = query.first("count")
    words = DEEDS.get(query.first("did"), "")
    return words.format(count=count if count.isdecimal() and len(count) < _LONG else "some")


_LONG = 9  # digits of a count


def parts_of(pattern: str, path: str) -> dict[str, str] | None:
    """What stands for the names of a pattern in this path; None where the path is another."""
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    found = {}
    for name, text in zip(wanted, given, strict=True):
        if name.startswith("{"):
            if not text:
                return None
            found[name[1:-1]] = text
        elif name != text:
            return None
    return found
