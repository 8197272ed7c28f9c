"""The page that says which keys do what."""

import msgspec

from sessiongate.operations.console.page import Action, Page, Visit

KEYS = (
    ("/", "to the filter"),
    ("j, k", "to the next row, to the one before"),
    ("x", "select the row"),
    ("Enter", "open the row's session"),
    ("e", "end the row's session: the next page asks first"),
    ("g s", "to the sessions; g and the first letter of another page leads there"),
    ("?", "to this page"),
)


class KeysPage(msgspec.Struct, frozen=True):
    """Each key, and what it does."""

    keys: list[tuple[str, str]]


def pages() -> list[Page | Action]:
    """The page of this module."""
    return [Page("keys", "Keys", _look, "keys.html", menu="Keys", letter="k")]


async def _look(_: Visit) -> KeysPage:
    return KeysPage(list(KEYS))
