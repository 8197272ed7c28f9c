"""What a method of a type says of every call of it, found once: calls come by the thousand."""

import re
from functools import lru_cache
from typing import NamedTuple

from sessiongate.rules.relay import HANDS_OUT_FILES, Kind, RelayVerdict, State, judge
from sessiongate.wire.vim.relayed import Relayed

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")

_LONGEST_KEPT = 200
"""Letters of type and method together, as in `rules.relay`."""


class CallFacts(NamedTuple):
    """What a method of a type says of every call of it."""

    verdict: RelayVerdict
    method: str
    """Its name for logs and audit; "?" for what is none."""
    kind: str
    """The same of the type."""
    opens: bool
    """Whether what it returns lives in the session that it goes by."""
    leaves_something: bool
    """Whether its answer stands for something in the session that it went by."""
    goes_home: bool
    """Whether it has to go where the client's state is.

    A read may come back with a page that goes on in the same session.
    """
    uses: bool
    """Whether it is for something that its client has opened."""
    teaches: bool
    """Whether its answer may change what its client has."""
    hands_out_files: bool


def _facts(kind: str, method: str, pages: bool) -> CallFacts:
    verdict = judge(kind, method)
    opens = verdict.kind is Kind.OPENS and verdict.state is not None
    leaves = opens or pages or verdict.state is State.PAGE
    return CallFacts(
        verdict,
        loggable(method),
        loggable(kind),
        opens,
        leaves,
        verdict.kind is not Kind.STATELESS or pages,
        verdict.kind in (Kind.USES, Kind.WAITS) or verdict.state is State.PAGE,
        leaves or verdict.ends,
        method.startswith(HANDS_OUT_FILES),
    )


_cached_facts = lru_cache(maxsize=2048)(_facts)


def facts_of(request: Relayed) -> CallFacts:
    """Those of a request."""
    kind, method = request.target.kind, request.method
    find = _cached_facts if len(kind) + len(method) <= _LONGEST_KEPT else _facts
    return find(kind, method, request.pages)


def loggable(text: str) -> str:
    """The name of a method or type, for logs and audit; "?" for what is none."""
    return text if _NAME.fullmatch(text) else "?"
