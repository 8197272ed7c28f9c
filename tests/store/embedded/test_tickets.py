"""The ticket table is bounded, and makes room by itself."""

from datetime import timedelta

import pytest

from sessiongate.errors import Overloaded
from sessiongate.store.embedded.tickets import TicketTable
from sessiongate.testing import T0, a_ticket, digest_of


def test_a_full_table_refuses_until_tickets_expire() -> None:
    table = TicketTable(most=3)
    for number in range(3):
        table.put(digest_of(str(number)), a_ticket())
    with pytest.raises(Overloaded):
        table.put(digest_of("3"), a_ticket())
    later = T0 + timedelta(seconds=60)
    assert table.take(digest_of("0"), "clone", later) is None
    assert len(table.put(digest_of("3"), a_ticket(at=later))) == 3
    assert len(table) == 1


def test_purging_goes_round() -> None:
    """Each call looks at a few, and none is looked at twice before all were."""
    table = TicketTable()
    for number in range(10):
        table.put(digest_of(str(number)), a_ticket(at=T0 + timedelta(seconds=60 * (number % 2))))
    now = T0 + timedelta(seconds=60)
    purged = [digest for _ in range(5) for digest in table.purge(now, 2)]
    assert sorted(purged) == sorted(digest_of(str(number)) for number in range(0, 10, 2))
    assert len(table) == 5


def test_sec_54_a_mark_is_set_once_and_goes_when_it_has_expired() -> None:
    table = TicketTable(most=1)
    mark = a_ticket("mark")
    assert table.claim_once(digest_of("one"), mark) == []
    assert table.claim_once(digest_of("one"), mark) is None
    with pytest.raises(Overloaded):
        table.claim_once(digest_of("two"), mark)
    table.purge(mark.expires_at, 10)
    assert table.claim_once(digest_of("one"), mark) == []
