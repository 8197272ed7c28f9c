"""What becomes of a call that a client makes through us: whose it is, and which state it touches.

At an upstream, state belongs to a session: filters, collectors, views, pages of a read. Several
clients share one session there, so that each call is judged by its method before it is sent on.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from sessiongate.rules.relay_reads import READING


class Kind(Enum):
    """What becomes of a call. The value is what the metrics show."""

    OWN = "own"
    """Answered here: it is about sessions, which are ours."""
    DENY = "deny"
    """Not sent on: it would open or hand out a session that we do not know of."""
    STATELESS = "stateless"
    """May go by any session."""
    OPENS = "opens"
    """What it returns lives in the session it goes by, and has to be called there."""
    USES = "uses"
    """It is for something that was opened."""
    WAITS = "waits"
    """The same, and its answer may take as long as the client likes."""


class State(Enum):
    """What a session at an upstream may hold of a client."""

    FILTER = "PropertyFilter"
    COLLECTOR = "PropertyCollector"
    PAGE = "page"
    VIEW = "View"
    HISTORY = "HistoryCollector"
    TRANSFER = "HttpNfcLease"


class RelayVerdict(NamedTuple):
    """What becomes of a call, and whether it only reads."""

    kind: Kind
    reads: bool
    state: State | None = None
    """What it opens, uses or ends; None where that is nothing, or nobody knows."""
    ends: bool = False
    """Whether the object that it is called on is over afterwards."""


SESSION_MANAGER_TYPE = "SessionManager"

HANDS_OUT_FILES = "InitiateFileTransfer"
"""How methods begin that return addresses of files of guests."""

OWN = frozenset(
    {
        "AcquireCloneTicket",
        "AcquireLocalTicket",
        "CloneSession",
        "ImpersonateUser",
        "Login",
        "LoginBySSPI",
        "LoginByToken",
        "LoginExtensionByCertificate",
        "LoginExtensionBySubjectName",
        "Logout",
        "SessionIsActive",
        "SetLocale",
        "TerminateSession",
        "UpdateServiceMessage",
    }
)
"""The methods of SessionManager that are answered here."""

_DENIED = frozenset({"AcquireGenericServiceTicket", "ExecuteSoap"})
# Other services have logins of their own, such as VslmLoginByToken. One that got through would
# change or end the session of everybody who shares it.
_SESSION_LIKE = re.compile(
    r"Login|Logout|CloneSession|ImpersonateUser|TerminateSession|(Session|Clone|Local)Ticket",
    re.IGNORECASE,
)


def _rows(kind: Kind, state: State, names: str, **more: bool) -> dict[str, RelayVerdict]:
    return {name: RelayVerdict(kind, True, state, **more) for name in names.split()}


STATEFUL: Mapping[str, RelayVerdict] = {
    **_rows(Kind.OPENS, State.FILTER, "CreateFilter"),
    **_rows(Kind.USES, State.FILTER, "CheckForUpdates CancelWaitForUpdates"),
    **_rows(Kind.WAITS, State.FILTER, "WaitForUpdates WaitForUpdatesEx"),
    **_rows(Kind.USES, State.FILTER, "DestroyPropertyFilter", ends=True),
    **_rows(Kind.OPENS, State.COLLECTOR, "CreatePropertyCollector"),
    **_rows(Kind.USES, State.COLLECTOR, "DestroyPropertyCollector", ends=True),
    # A page is named by its token, which is used up, and called at a collector, which goes on.
    **_rows(Kind.USES, State.PAGE, "ContinueRetrievePropertiesEx CancelRetrievePropertiesEx"),
    **_rows(
        Kind.OPENS,
        State.VIEW,
        "CreateContainerView CreateInventoryView CreateListView CreateListViewFromView",
    ),
    **_rows(
        Kind.USES,
        State.VIEW,
        "CloseInventoryViewFolder ModifyListView OpenInventoryViewFolder ResetListView"
        " ResetListViewFromView",
    ),
    **_rows(Kind.USES, State.VIEW, "DestroyView", ends=True),
    **_rows(
        Kind.OPENS,
        State.HISTORY,
        "CreateCollectorForEvents CreateCollectorForTasks CreateCollectorWithInfoFilterForTasks",
    ),
    **_rows(
        Kind.USES,
        State.HISTORY,
        "ReadNextEvents ReadNextTasks ReadNextTasksByViewSpec ReadPreviousEvents"
        " ReadPreviousTasks ResetCollector RewindCollector SetCollectorPageSize",
    ),
    **_rows(Kind.USES, State.HISTORY, "DestroyCollector", ends=True),
    "ImportVApp": RelayVerdict(Kind.OPENS, False, State.TRANSFER),
    "ExportVm": RelayVerdict(Kind.OPENS, False, State.TRANSFER),
    "ExportVApp": RelayVerdict(Kind.OPENS, False, State.TRANSFER),
    "ExportSnapshot": RelayVerdict(Kind.OPENS, False, State.TRANSFER),
    "HttpNfcLeaseComplete": RelayVerdict(Kind.USES, False, State.TRANSFER, ends=True),
    "HttpNfcLeaseAbort": RelayVerdict(Kind.USES, False, State.TRANSFER, ends=True),
    "HttpNfcLeaseGetManifest": RelayVerdict(Kind.USES, True, State.TRANSFER),
    "HttpNfcLeaseProbeUrls": RelayVerdict(Kind.USES, True, State.TRANSFER),
    "HttpNfcLeaseProgress": RelayVerdict(Kind.USES, False, State.TRANSFER),
    "HttpNfcLeasePullFromUrls_Task": RelayVerdict(Kind.USES, False, State.TRANSFER),
    "HttpNfcLeaseSetManifestChecksumType": RelayVerdict(Kind.USES, False, State.TRANSFER),
}
"""The methods that open, use or end what a session holds.

The answer to one is another the second time, or its effect is: none is STATELESS, so that none is
sent twice."""

_LONGEST_KEPT = 200
"""Letters of type and method together for which a verdict is kept; real ones have up to 90."""

UNKNOWN = RelayVerdict(Kind.OPENS, False)
"""Of what no table has: it goes where the client's state is, and counts as changing something."""


def judge(kind: str, method: str) -> RelayVerdict:
    """What becomes of a call of this method on an object of this type.

    `kind` is the type of the object as the object's reference decides it: for the SessionManager
    that is its id. Reads of properties are no methods: `Fetch` and GET are STATELESS reads as long
    as they are for nothing that was opened, which the caller knows.
    """
    short = len(kind) + len(method) <= _LONGEST_KEPT
    return _kept(kind, method) if short else _judged(kind, method)


def _judged(kind: str, method: str) -> RelayVerdict:
    if kind == SESSION_MANAGER_TYPE and method in OWN:
        return RelayVerdict(Kind.OWN, method == "SessionIsActive")
    if method in _DENIED or method in OWN or _SESSION_LIKE.search(method) is not None:
        return RelayVerdict(Kind.DENY, False)
    stateful = STATEFUL.get(method)
    if stateful is not None:
        return stateful
    if method == "Fetch" or method in READING:
        return RelayVerdict(Kind.STATELESS, True)
    return UNKNOWN


_kept = lru_cache(maxsize=2048)(_judged)


def may_be_repeated(method: str, verdict: RelayVerdict) -> bool:
    """Whether a call whose outcome is not known may be sent once more."""
    repeatable = verdict.reads and verdict.kind is Kind.STATELESS
    return repeatable and not method.endswith("_Task")  # of a search it makes another
