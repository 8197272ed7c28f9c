"""Everything sessiongate raises on purpose.

Two branches, and code may catch one without the other:

* `Refused`: we know the answer, and it is no.
* `Unavailable`: we could not find out. Never end, open or extend a session because of it, and
  never count it as a failed guess.

Each dialect turns every leaf of this tree into its own form in one table; a test finds the gap.
The texts are for people and for logs, and hold no secret; which words reach a client is decided
by the dialect. What an error says is said when it is made: nobody changes one later.
"""

from typing import Self


class SessionGateError(Exception):
    """Anything sessiongate raises on purpose."""

    known = False
    """Whether it is about somebody who exists. For the audit; no client may ever tell by it."""

    person: tuple[str, str] = ("", "")
    """Provider and canonical name of that somebody, as far as they were found out."""

    says = ""
    """What a client may be told of the reason, "" for nothing. It names no setting and nobody."""

    def of_somebody(self, provider: str = "", name: str = "") -> Self:
        """The same error, known to be about somebody who exists; itself where it says so already.

        Another object than this one: an error may have been told to many, and never changes. Who
        it is stays what was said first.
        """
        person = self.person if any(self.person) else (provider, name)
        if self.known and self.person == person:
            return self
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__, known=True, person=person)
        return twin.with_traceback(self.__traceback__)


class Refused(SessionGateError):
    """We know the answer, and it is no."""

    answered = True
    """Whether the identity service replied. False where we refused without asking it."""


class BadCredentials(Refused):
    """Unknown name, wrong password, disabled account: one and the same to the client."""

    guess = True
    """Whether it counts as a failed guess. Not where the password was right, or not looked at for
    a reason that whoever has the wrong one is not told."""

    def __init__(
        self, why: str = "", *, known: bool = False, guess: bool = True, answered: bool = True
    ) -> None:
        super().__init__(why)
        self.known = known
        self.guess = guess
        self.answered = answered


class LockedOut(Refused):
    """Too many failed tries. To the client it looks like BadCredentials."""

    def __init__(self, why: str = "", *, known: bool = False, answered: bool = True) -> None:
        super().__init__(why)
        self.known = known
        self.answered = answered


class AlreadyLoggedIn(Refused):
    """A login came on a live session."""


class BadTicket(Refused):
    """A clone ticket that is unknown, used, expired, or whose session has ended."""


class NoSession(Refused):
    """No session, an unknown one, an ended one, or carriers that contradict each other."""


class NoPermission(Refused):
    """The caller is known and lacks a privilege.

    `why` says more to log and audit, such as the setting that lets nobody like this one in; no
    client is told.
    """

    def __init__(self, privilege: str, why: str = "") -> None:
        super().__init__(f"the privilege {privilege} is missing")
        self.privilege = privilege
        self.why = why


class InvalidLocale(Refused):
    """The locale is not of the form `en` or `en_US`, or is unknown to the server."""


class NotFound(Refused):
    """The session (or extension) that a request names does not exist."""


class InvalidArgument(Refused):
    """One argument is well-formed but not allowed. `name` is the argument's name on the wire."""

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(f"{name}: {why}" if why else name)
        self.name = name


class NotSupported(Refused):
    """The operation exists in the dialect, and this server does not offer it."""


class NoClientCertificate(Refused):
    """An extension login came over a connection without a client certificate."""


class NoSubjectName(Refused):
    """The client certificate of an extension login names no subject."""


class CapReached(Refused):
    """No room for one more session. `scope` says which cap: "principal", "total" or "upstream".

    At an upstream `principal` is the account there.
    """

    def __init__(self, scope: str, limit: int, principal: str) -> None:
        super().__init__(f"the {scope} cap of {limit} sessions is reached")
        self.scope = scope
        self.limit = limit
        self.principal = principal


class Malformed(Refused):
    """The request cannot be read. The text says where it breaks, never what it contained."""


class EncodedBody(Refused):
    """The body came packed (Content-Encoding), and nobody here unpacks it."""


class ForeignOrigin(Refused):
    """A browser sent the request for a page of another site, and it could change something."""


# How much of a name that a client made up is repeated to it.
_LONGEST_NAME = 200


class UnknownAddress(Refused):
    """No such path, release, object type, method or property in this dialect."""


class UnknownObject(Refused):
    """A managed object of a known type that does not exist here."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} of this name")
        self.kind = kind
        self.name = name


class UnknownMethod(Refused):
    """A method that the object's type does not have here."""

    def __init__(self, kind: str, name: str, method: str) -> None:
        super().__init__(f"{kind} has no such method")
        self.kind = kind
        self.name = name
        self.method = method


class UnknownName(Refused):
    """A method that no type of object has here. `name` is its name as asked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no method {name[:_LONGEST_NAME]!r}")
        self.name = name


class UnknownProperty(Refused):
    """A property that the object's type does not have here. `name` is its path as asked."""

    def __init__(self, name: str) -> None:
        super().__init__("no such property")
        self.name = name


class UnknownType(Refused):
    """A type of managed object that this API does not have. `name` is the argument with it."""

    def __init__(self, name: str) -> None:
        super().__init__("no such type of managed object")
        self.name = name


class UnknownVersion(Refused):
    """Updates since another version than the last that was given out, or named by the client."""


class WaitCancelled(Refused):
    """A wait for updates was cancelled by its own client, or what it waited on is gone."""


class QuotaReached(Refused):
    """A client has as much of something open as it may have. The text says of what."""


class WrongVerb(Refused):
    """The address exists and does not take this HTTP method. `allowed` lists those it takes."""

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"only {', '.join(allowed)} here")
        self.allowed = allowed


class Unavailable(SessionGateError):
    """We could not find out."""

    retry_after = 5
    """Seconds after which a client may usefully try again."""

    useless_for = 0
    """Seconds for which another try is known to be of no use; 0 where that is not known."""

    answered = False
    """Whether the service replied, and could not tell of this one account: it is not down."""

    def __init__(
        self,
        why: str = "",
        *,
        answered: bool = False,
        retry_after: int | None = None,
        says: str = "",
    ) -> None:
        super().__init__(why)
        self.answered = answered
        self.says = says
        if retry_after is not None:
            self.retry_after = self.useless_for = retry_after


class IdentityUnavailable(Unavailable):
    """The directory that knows this name does not answer."""


class StoreUnavailable(Unavailable):
    """The session store does not answer, or cannot write."""


class EndNotWritten(StoreUnavailable):
    """A session has ended and the store cannot write that yet. `session` is the one."""

    session: object

    def __init__(self, why: str, session: object) -> None:
        super().__init__(why)
        self.session = session


class UnreadableRow(StoreUnavailable):
    """The store answers, and what it has there cannot be read: all else in it can."""


class UpstreamUnavailable(Unavailable):
    """A vCenter or ZVM that we call does not answer."""


class OutcomeUnknown(UpstreamUnavailable):
    """A call was sent to a vCenter or ZVM, and no whole answer came: it may have been carried out.

    To the client it is an error that no client repeats by itself: what has an effect would have it
    twice.
    """


class Overloaded(Unavailable):
    """A queue is full, or held: the answer would come too late to be of use.

    `why` is what a client is told, too, unless `says` is something else.
    """

    retry_after = 1

    def __init__(
        self, why: str = "", *, retry_after: int | None = None, says: str | None = None
    ) -> None:
        super().__init__(why, retry_after=retry_after, says=why if says is None else says)


class ConfigError(Exception):
    """Settings that cannot be served: every problem at once, each naming setting, rule, way out."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
