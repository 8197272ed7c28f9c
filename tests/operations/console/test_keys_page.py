"""The page of keys."""

from tests.operations.console.browser import Desk, words_of


async def test_each_key_is_told(desk: Desk) -> None:
    eve = await desk.signed_in("eve")
    said = words_of(await eve.get("/console/keys"))
    for words in ("/ to the filter", "x select the row", "off, in this browser"):
        assert words in said
