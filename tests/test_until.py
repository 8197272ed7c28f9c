"""Waiting, by a clock of its own: what counts as quick."""

from types import SimpleNamespace

import pytest

from tests import until
from tests.each import each
from tests.until import is_quick

WITHIN = 2.0


@each(
    ("takes", "quick", "tried"),
    [
        ([1.9], True, 1),
        ([2.1, 1.9], True, 2),
        ([9.9, 9.9, 9.9, 1.9], True, 4),
        ([2.1, 2.1, 2.1, 2.1], False, 4),
        ([10.1, 1.9], False, 1),
        ([2.1, 10.1, 1.9], False, 2),
    ],
    ids=["at once", "held up", "held up often", "slow", "hangs", "hangs later"],
)
def test_what_hangs_once_is_not_quick_and_what_is_held_up_may_be(
    takes: list[float], quick: bool, tried: int
) -> None:
    now, left = 100.0, iter(takes)

    def work() -> None:
        nonlocal now, tried
        now += next(left)
        tried -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(until, "time", SimpleNamespace(monotonic=lambda: now))
        assert is_quick(work, WITHIN) == quick
    assert tried == 0
