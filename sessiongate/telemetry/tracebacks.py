"""What the log is told of an unforeseen error: its kind and its places, never its text.

The text may hold what a client sent, and so may local variables: a password that did not parse, a
header that did not fit. Where it happened is enough to find out why.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path


def traced(error: BaseException) -> dict[str, object]:
    """Facts for a log line: the kind of the error, where it went through, and what came before."""
    facts: dict[str, object] = {"error": type(error).__qualname__, "at": _where(error)}
    if before := [_in_short(one) for one in _before(error)]:
        facts["after"] = before
    return facts


def _where(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _in_short(error: BaseException) -> str:
    return " at ".join([type(error).__qualname__, *_where(error)[-1:]])


def _before(error: BaseException) -> Iterator[BaseException]:
    """What this error was raised for or while, the newest first."""
    seen = {id(error)}
    found = _earlier(error)
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = _earlier(found)


def _earlier(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
