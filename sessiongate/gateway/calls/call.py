"""A client's call on its way, and what is told of it when it is over.

Never a body, a query, or anything that could be a secret: of what clients choose, the name of the
method and its operation id, as far as they look like such.
"""

import asyncio
import re
from collections.abc import Iterable
from itertools import islice
from time import monotonic
from typing import Protocol

import structlog

from sessiongate.errors import (
    Malformed,
    NoPermission,
    NoSession,
    NotSupported,
    OutcomeUnknown,
    SessionGateError,
    UnknownObject,
    WaitCancelled,
)
from sessiongate.gateway.calls.facts import facts_of, loggable
from sessiongate.rules.relay import Kind, RelayVerdict
from sessiongate.session import Session
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.wire.http import Answer, Headers
from sessiongate.wire.vim.client import WireForm
from sessiongate.wire.vim.relayed import Relayed
from sessiongate.wire.vim.relayed_forms import BY_FORM
from sessiongate.wire.vim.types import MoRef

_ID = re.compile(r"[a-zA-Z]{2,24}-[a-zA-Z]?[0-9]{1,20}")
"""The id of an object of a vCenter, such as `vm-42`, and nothing that could be a text."""

_MOST_IDS = 8

# Python 3.11 finds an enum's member through a descriptor, and hashes one by a function in Python.
_WAITS, _SOAP = Kind.WAITS, WireForm.SOAP
_SOAP_FORM = BY_FORM[_SOAP]

OF_A_WHOLE_SESSION = frozenset({"viewlist", "filter"})
"""Properties, in small letters, of what nobody owns: they show what a whole session has."""

_OPERATION = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")

_log = structlog.get_logger(__name__)


class Audit(Protocol):
    """What writes down what was forwarded, and what was not."""

    def forwarded(
        self,
        session: Session,
        upstream: str,
        what: str,
        outcome: str,
        *,
        lease: str,
        operation: str,
    ) -> None:
        """A call that changes something was sent."""
        ...

    def denied(self, session: Session, what: str, privilege: str, why: str = "") -> None:
        """No setting lets it through; `why` names the one that would."""
        ...

    def failed(self, session: Session, what: str, subject: str, error: Exception) -> None:
        """It was not sent, for it is none that may be."""
        ...


class CallUnderWay:
    """What is written down of a call of any form: how it was judged, and by which lease it went."""

    __slots__ = (
        *(
            "_operation",
            "began",
            "headers",
            "keeps_for",
            "kind",
            "lease",
            "method",
            "sent",
            "size",
            "verdict",
        ),
        "waited",
        "waits",
    )

    def __init__(
        self,
        verdict: RelayVerdict,
        headers: Headers,
        method: str,
        kind: str = "",
        operation: str = "",
        size: int = 0,
    ) -> None:
        """`method` and `kind`, the type of what it is for, are fit for logs; "" is for no type.

        `operation` is the client's id for it, as it came, and `size` is of its body.
        """
        self.verdict = verdict
        self.headers = headers
        self.method = method
        self.kind = kind
        self._operation = operation
        self.size = size
        self.lease = ""
        """Our id of the last one; "" for none."""
        self.sent = False
        """Whether the upstream can have had it."""
        self.keeps_for = 0.0
        """Seconds for which what it was answered is of use, if the session there stays."""
        self.waited = 0.0
        """Seconds for which it had no lease."""
        self.waits = verdict.kind is _WAITS
        """Whether it waits for news, for as long as the client likes."""
        self.began = monotonic()

    def took_lease(self, lease: str) -> None:
        """It has this lease now."""
        if not self.lease:
            self.waited = monotonic() - self.began
        self.lease = lease

    @property
    def operation(self) -> str:
        """The client's id for it, as far as it looks like one."""
        return self._operation if _OPERATION.fullmatch(self._operation) else ""

    @property
    def objects(self) -> tuple[str, ...]:
        """Ids that it names, the first of what it is for."""
        return ()

    @property
    def description(self) -> str:
        """What it is, for the audit: method, type, and ids of objects, that it is for first."""
        what = f"{self.method} of {self.kind}" if self.kind else self.method
        if not (objects := self.objects):
            return what
        first, *others = objects
        besides = f" with {' '.join(others)}" if others else ""
        return f"{what} {first}{besides}"

    def reply_held_back(self, shown: str) -> NotSupported | OutcomeUnknown:
        """What a client gets in the place of a reply that shows this; the call has been made all
        the same.
        """
        _log.warning("a reply is held back", method=self.method, shows=shown)
        why = f"{self.method} shows {shown}"
        return NotSupported(why) if self.verdict.reads else OutcomeUnknown(why)


class UnreadCall(CallUnderWay):
    """A call of vim25 of which its address alone has been read."""

    __slots__ = ("_name",)

    def __init__(self, target: MoRef, method: str, verdict: RelayVerdict) -> None:
        super().__init__(verdict, (), method=loggable(method), kind=loggable(target.kind))
        self._name = target.name

    @property
    def objects(self) -> tuple[str, ...]:
        """The id of what it is for."""
        return ids_in((self._name,))


class ForwardedCall(CallUnderWay):
    """A call of vim25. What is no name of a method or type is "?" in logs and audit."""

    __slots__ = ("facts", "form", "opens", "request", "shows_whole_sessions")

    def __init__(self, request: Relayed, headers: Headers) -> None:
        facts = self.facts = facts_of(request)
        super().__init__(
            facts.verdict,
            headers,
            facts.method,
            facts.kind,
            request.operation_id,
            len(request.document),
        )
        self.request = request
        self.opens = facts.opens
        """Whether what it returns lives in the session that it goes by."""
        self.form = _SOAP_FORM if request.form is _SOAP else BY_FORM[request.form]
        self.shows_whole_sessions = bool(request.paths) and any(
            first_of(path) in ("", *OF_A_WHOLE_SESSION) for _, path in request.paths
        )
        """Whether it asks for properties that show what all clients of a session have."""

    @property
    def objects(self) -> tuple[str, ...]:
        """Ids that it names, the first of what it is for; looked up only to be written down."""
        return ids_in((self.request.target.name, *sorted(self.request.named)))

    @property
    def leaves_something(self) -> bool:
        """Whether its answer stands for something in the session that it went by."""
        return self.facts.leaves_something


class LeaseRefused(Exception):
    """The upstream has not let the lease's session in. `answer` is its word of one that lives."""

    def __init__(self, answer: Answer | None) -> None:
        super().__init__()
        self.lost = answer is None
        self._answer = answer

    def outcome(self) -> Answer:
        """What the client is told."""
        if self._answer is None:
            raise NoSession("the session at the upstream has ended")
        return self._answer


class CallRecord:
    """Takes down what became of the calls to one upstream."""

    def __init__(
        self,
        meters: UpstreamMeters,
        upstream: str = "",
        audit: Audit | None = None,
        slow: float | None = None,
    ) -> None:
        """A call that takes more than `slow` seconds is in the log."""
        self._meters = meters
        self._upstream = upstream
        self._audit = audit
        self._slow = slow

    def answered(self, session: Session, call: CallUnderWay, answer: Answer) -> None:
        """The upstream has answered."""
        self._over(session, call, "ok" if answer.status < 400 else "fault", len(answer.body))

    def streamed(self, session: Session, call: CallUnderWay, result: str, received: int) -> None:
        """The upstream has answered, and so much has gone on as it came; `result` as metrics have
        it.
        """
        self._over(session, call, result, received)

    def failed(self, session: Session, call: CallUnderWay, error: BaseException) -> None:
        """The client was told something else, or had left."""
        self._over(session, call, _result_of(error), 0)
        if self._audit is None:
            return
        if isinstance(error, NoPermission):
            what = f"{call.description} at {self._upstream}"
            self._audit.denied(session, what, error.privilege, error.why)
        elif isinstance(error, NotSupported | UnknownObject) and not call.sent:
            self._audit.failed(session, "call not forwarded", call.description, error)

    def transferred(
        self, session: Session | None, what: str, result: str, changed_by: str | None
    ) -> None:
        """A file has gone through. `changed_by`: our lease by which it may have changed something,
        None where it cannot have.
        """
        self._meters.forwarded["transfer", result] += 1
        if session is None:
            return
        self._meters.served(session.key)
        if self._audit is not None and changed_by is not None:
            self._audit.forwarded(
                session, self._upstream, what, result, lease=changed_by, operation=""
            )

    def not_transferred(
        self, session: Session | None, what: str, error: BaseException, changed_by: str | None
    ) -> None:
        """The client was told something else than the upstream has said, or had left."""
        result = _result_of(error)
        if changed_by is not None:
            if isinstance(error, Malformed):  # of an upload, which has stopped before its end
                result = "gone"
            self.transferred(session, what, result, changed_by)
            return
        self._meters.forwarded["transfer", result] += 1
        if session is not None and self._audit is not None and isinstance(error, NoPermission):
            what = f"{what} at {self._upstream}"
            self._audit.denied(session, what, error.privilege, error.why)

    def _over(self, session: Session, call: CallUnderWay, result: str, received: int) -> None:
        meters = self._meters
        meters.forwarded[call.verdict.kind._value_, result] += 1  # `value` is a descriptor
        if call.lease:
            meters.served(session.key)
            if not call.waits:
                seconds = monotonic() - call.began
                meters.forward_times.add(seconds)
                if self._slow is not None and seconds > self._slow:
                    self._say_slow(call, result, seconds, received)
            if self._audit is not None and call.sent and not call.verdict.reads:
                self._audit.forwarded(
                    session,
                    self._upstream,
                    call.description,
                    result,
                    lease=call.lease,
                    operation=call.operation,
                )

    def _say_slow(self, call: CallUnderWay, result: str, seconds: float, received: int) -> None:
        _log.info(
            "a forwarded call took long",
            upstream=self._upstream,
            method=call.method,
            type=call.kind or None,
            result=result,
            seconds=round(seconds, 3),
            waited=round(call.waited, 3),
            sent=call.size,
            received=received,
            operation=call.operation or None,
            lease=call.lease,
        )


def first_of(path: str) -> str:
    """The property that a path begins with, as a reader that ignores case has it."""
    return re.split(r"[.\[]", path, maxsplit=1)[0].casefold()


def ids_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Those of them that are ids of objects, each once and not too many."""
    found = dict.fromkeys(text for text in texts if _ID.fullmatch(text))
    return tuple(islice(found, _MOST_IDS))


def _result_of(error: BaseException) -> str:
    if isinstance(error, WaitCancelled | asyncio.CancelledError):
        return "gone"
    if isinstance(error, OutcomeUnknown) or not isinstance(error, SessionGateError):
        return "unknown"
    return "refused"
