"""How large a body may be, by its head and its first bytes."""

import pytest

from sessiongate.http.connection.callers import (
    Verdict,
    allowed_unasked,
    judge_begun,
    judge_declared,
)
from sessiongate.http.framing import Head
from sessiongate.http.intake import Intake
from sessiongate.http.limits import HttpLimits
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
    intake, head = Intake(), posted(path, 50)
    intake.expect(head, allowed, 100)
    intake.add(begun)
    assert judge_begun(head, intake, LIMITS, Doorman()) is verdict


def test_where_nobody_knows_callers_everybody_may_send_as_much() -> None:
    intake, head = Intake(), posted("/", None)
    assert allowed_unasked(LIMITS, None) == 100
    intake.expect(head, 10, 100)
    assert judge_begun(head, intake, LIMITS, None) is Verdict.FITS
