"""What a client has at an upstream, and what ends with what."""

import pytest

from sessiongate.errors import UnknownProperty
from sessiongate.gateway.book import MOST_PAGES, MOST_TICKETS, PAGE_LIFE, Book, Thing
from sessiongate.rules.relay import State

VIEW = Thing("ContainerView", State.VIEW, "")


def test_only_what_it_opened_is_its_own() -> None:
    book = Book()
    book.objects["v1"] = VIEW
    assert book.has("v1")
    for foreign in ("v2", "", "V1"):
        assert not book.has(foreign)
    book.ended("v1")
    assert not book.has("v1")
    book.ended("v1")
    assert book.size == 0


def test_a_collector_takes_its_filters_with_it_and_no_others() -> None:
    book = Book()
    book.collector = "c1"
    book.objects = {
        "c2": Thing("PropertyCollector", State.COLLECTOR, ""),
        "f1": Thing("PropertyFilter", State.FILTER, "c1"),
        "f2": Thing("PropertyFilter", State.FILTER, "c2"),
        "v1": VIEW,
    }
    assert book.size == 5
    book.ended("c2")
    assert set(book.objects) == {"f1", "v1"}
    book.ended("c1")
    assert (set(book.objects), book.collector) == ({"v1"}, "")


def test_a_page_is_turned_once_by_whoever_began_the_read_and_not_late() -> None:
    book = Book()
    book.goes_on("t1", 0.0)
    book.turn_page("t1", 1.0)
    book.goes_on("t2", 1.0)
    for token, now in (("t1", 2.0), ("of another", 2.0), ("t2", 1.0 + PAGE_LIFE), ("", 2.0)):
        with pytest.raises(UnknownProperty):
            book.turn_page(token, now)


def test_reads_in_pages_are_bounded_and_forgotten() -> None:
    book = Book()
    for number in range(MOST_PAGES + 5):
        book.goes_on(str(number), float(number))
    assert len(book.pages) == MOST_PAGES
    assert "4" not in book.pages
    book.tidy(PAGE_LIFE + 9.0)
    assert next(iter(book.pages)) == "10"
    book.tidy(PAGE_LIFE * 2)
    assert book.size == 0


def test_tickets_count_until_they_are_over_and_there_are_not_too_many() -> None:
    book = Book()
    book.has_ticket(60.0)
    book.has_ticket(70.0)
    assert book.size == 2
    book.tidy(60.0)
    assert book.size == 1
    for number in range(2 * MOST_TICKETS):
        book.has_ticket(100.0 + number)
    assert book.size == MOST_TICKETS
    book.tidy(1000.0)
    assert book.size == 0
