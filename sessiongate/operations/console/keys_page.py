"""The page that says which keys do what."""

import msgspec

from sessiongate.operations.console.page import Action, Page, Visit


class KeyLine(msgspec.Struct, frozen=True):
    """A key, or several, and what they do."""

    key: str
    does: str


KEYS = (
    KeyLine("/", "to the filter"),
    KeyLine("j, k", "to the next row, to the one before"),
    KeyLine("x", "select the row"),
    KeyLine("Enter", "open the row's session"),
    KeyLine("e", "end the row's session: the next page asks first"),
    KeyLine("?", "to this page"),
)


class KeysPage(msgspec.Struct, frozen=True):
    """Each key, and what it does. Those of pages come from the menu, and are in the template."""

    keys: list[KeyLine]


def pages() -> list[Page | Action]:
    """The page of this module."""
    return [Page("keys", "Keys", _look, "keys.html", menu="Keys", letter="k")]


async def _look(_: Visit) -> KeysPage:
    return KeysPage(list(KEYS))
