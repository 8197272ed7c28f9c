"""How large a body may be, by its head and its first bytes."""

import pytest

from sessiongate.http.connection.callers import (
    Verdict,
    allowed_unasked,
    judge_begun,
    judge_declared,
)
from sessiongate.http.framing import Head
from sessiongate.http.limits import HttpLimits
from sessiongate.http.request_buffer import RequestBuffer
from tests.http.connection.test_request_reader import Doorman

LIMITS = HttpLimits(body=100, anonymous_body=10)


def posted(path: str, length: int | None) -> Head:
    head = Head("POST", path)
    head.length = length
    return head


@pytest.mark.parametrize(
    ("path", "length", "known", "verdict"),
    [
        ("/", 10, True, Verdict.FITS),
        ("/", 11, True, Verdict.ASK),
        ("/", 11, False, Verdict.FITS),
        ("/", None, True, Verdict.FITS),
        ("/", 101, True, Verdict.TOO_LARGE),
        ("/", 101, False, Verdict.TOO_LARGE),
        ("/excused", 100, True, Verdict.WAIT),
        ("/excused", 101, True, Verdict.TOO_LARGE),
    ],
)
def test_a_body_is_judged_by_its_head(
    path: str, length: int | None, known: bool, verdict: Verdict
) -> None:
    """`known`: somebody can say whose it is."""
    assert judge_declared(posted(path, length), LIMITS, Doorman() if known else None) is verdict


@pytest.mark.parametrize(
    ("path", "begun", "allowed", "verdict"),
    [
        ("/", b"a" * 10, 10, Verdict.ASK),
        ("/", b"a" * 100, 100, Verdict.TOO_LARGE),
        ("/excused", b"a", 10, Verdict.WAIT),
        ("/excused", b"a" * 10, 10, Verdict.ASK),
        ("/excused", b"assertion", 10, Verdict.FITS),
    ],
)
def test_a_body_is_judged_by_its_beginning(
    path: str, begun: bytes, allowed: int, verdict: Verdict
) -> None:
    buffer, head = RequestBuffer(), posted(path, 50)
    buffer.expect(head, allowed, 100)
    buffer.add(begun)
    assert judge_begun(head, buffer, LIMITS, Doorman()) is verdict


def test_where_nobody_knows_callers_everybody_may_send_as_much() -> None:
    buffer, head = RequestBuffer(), posted("/", None)
    assert allowed_unasked(LIMITS, None) == 100
    buffer.expect(head, 10, 100)
    assert judge_begun(head, buffer, LIMITS, None) is Verdict.FITS
