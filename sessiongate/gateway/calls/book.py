"""How what a client has at an upstream changes by its calls (`store.gateway_port.Book` is that).

A client may use what stands in its book and nothing else that belongs to a session: what one client
opened by a shared session, no other can name. Only what an opening call returns is written down; a
reference that a client has read somewhere teaches nothing.
"""

from sessiongate.store.gateway_port import Book

MOST_PAGES = 64
"""Reads in pages that one client may have open, and tickets."""

TICKET = "\0"
"""How the token begins by which a ticket stands among pages: no page has such a one."""

PAGE_LIFE = 600.0
"""Seconds for which the next page may be asked for."""


def too_many(book: Book) -> tuple[str, ...]:
    """The tokens of the oldest reads, which make room for another one."""
    return tuple(book.pages)[: max(0, len(book.pages) - MOST_PAGES + 1)]
