"""What a client has at an upstream, and what ends with what."""

from sessiongate.gateway.calls.book import MOST_PAGES, too_many
from sessiongate.rules.relay import State
from sessiongate.store.gateway_port import Book, Changes, Thing

VIEW = Thing("ContainerView", State.VIEW, "")


def test_only_what_it_opened_is_its_own() -> None:
    book = Book()
    book.apply(Changes(opened=(("v1", VIEW),)))
    assert book.has("v1")
    for foreign in ("v2", "", "V1"):
        assert not book.has(foreign)
    ended = Changes(ended=book.ending("v1"))
    book.apply(ended)
    assert not book.has("v1")
    book.apply(ended)
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
    book.apply(Changes(ended=book.ending("c2")))
    assert set(book.objects) == {"f1", "v1"}
    book.apply(Changes(ended=book.ending("c1")))
    assert (set(book.objects), book.collector) == ({"v1"}, "")
    assert book.ending("c1") == ()


def test_a_collector_stays_until_it_is_over() -> None:
    book = Book()
    for made in ("c1", "c2"):
        book.apply(Changes(collector=made))
    assert book.collector == "c1"
    book.apply(Changes(ended=("c1",), collector="c2"))
    assert book.collector == "c2"


def test_reads_in_pages_are_bounded() -> None:
    book = Book()
    for number in range(MOST_PAGES + 5):
        book.apply(Changes(ended=too_many(book), page=(str(number), float(number))))
    assert len(book.pages) == MOST_PAGES
    assert next(iter(book.pages)) == "5"
