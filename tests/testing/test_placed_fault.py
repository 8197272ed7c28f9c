"""What a test is told whose fault no request has met."""

import re

import pytest

from sessiongate.testing.placed_fault import PlacedFault, PlacedScenario


def placed(rule_id: str, hits: int, **told: object) -> PlacedFault:
    return PlacedFault(rule_id, lambda: hits, lambda: None, told)


def test_a_fault_that_nobody_met_is_named_with_what_it_is_about() -> None:
    said = re.escape("no request has met the fault r1 (cap.reached dialect=soap)")
    with pytest.raises(AssertionError, match=said):
        placed("r1", 0, fault="cap.reached", dialect="soap").must_hit()
    placed("r1", 1, fault="cap.reached", dialect="soap").must_hit()


def test_of_a_scenario_one_hit_is_enough() -> None:
    rules = placed("r1", 0, fault="conn.close", times=1), placed("r2", 0, fault="conn.refuse")
    said = re.escape("met any of r1 (conn.close times=1), r2 (conn.refuse)")
    with pytest.raises(AssertionError, match=said):
        PlacedScenario(rules).must_hit()
    PlacedScenario([*rules, placed("r3", 1, fault="session.forget")]).must_hit()
