"""Faults in an upstream's answers that decide what a relay does next, in either wire form.

They are told by their type, whatever their text says.
"""

from sessiongate.errors import Malformed
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import WireForm, read_fault

SESSION_OVER = frozenset({"NotAuthenticated", "InvalidSession"})
"""Of a call without a session that lives."""

CANCELLED = frozenset({"RequestCanceled"})
"""Of a wait that was ended on purpose."""

# These faults are short. Others may be long, and are not looked into.
_LONGEST = 64 * 1024


def is_one_of(form: WireForm, answer: Answer, names: frozenset[str]) -> bool:
    """Whether it is a fault of one of these types."""
    body = answer.body
    if answer.status != 500 or len(body) > _LONGEST:
        return False
    if not any(name.encode() in body for name in names):
        return False
    try:
        return read_fault(form, body).name in names
    except Malformed:
        return False
