"""The page of keys."""

from tests.operations.console.browser import Desk, tags_of, words_of


async def test_each_key_is_told(desk: Desk) -> None:
    eve = await desk.signed_in("eve")
    said = words_of(await eve.get("/console/keys"))
    for words in ("/ to the filter", "x select the row", "off, in this browser"):
        assert words in said


async def test_the_key_of_each_page_in_the_menu_is_told(desk: Desk) -> None:
    """No rule finds them: two pages may begin with one letter."""
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/keys")
    said, menu = words_of(page), [one for one in tags_of(page, "a") if "data-letter" in one]
    letters = [one["data-letter"] for one in menu]
    assert len(set(letters)) == len(letters) > 8
    assert {"menu-settings", "menu-sessions"} <= {one["id"] for one in menu}
    assert [one for one in letters if f"g {one} to " not in said] == []
    assert "g s to Sessions" in said
    assert "g c to Settings" in said


async def test_no_key_is_told_of_a_page_that_one_may_not_see(desk: Desk) -> None:
    eve = await desk.signed_in("eve")
    assert "to Settings" not in words_of(await eve.get("/console/keys"))
