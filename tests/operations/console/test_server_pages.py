"""What the server goes by, and how clients get in."""

import json

from sessiongate.operations.console.server_pages import address_in, recipes_for
from tests.each import each
from tests.operations.console.browser import Desk, header_of, tags_of, words_of


async def test_settings_are_shown_to_administrators_with_where_they_are_from(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    said = words_of(await ada.get("/console/settings"))
    for words in ("store.url", "memory:", "file", "AA:BB", "https://192.0.2.1:9669"):
        assert words in said
    twin = json.loads((await ada.get("/console/api/v1/settings")).body)
    assert twin["rows"] == [{"name": "store.url", "value": "memory:", "origin": "file"}]
    assert (await (await desk.signed_in("eve")).get("/console/settings")).status == 403


async def test_settings_name_providers_listeners_and_what_can_be_copied(desk: Desk) -> None:
    ada = await desk.signed_in("ada")
    page = await ada.get("/console/settings")
    said = words_of(page)
    assert "corp ldap does not answer" in said
    assert "local file answers" in said
    assert "http://127.0.0.1:9680/console/" in said
    copied = {one["id"]: one["data-copy"] for one in tags_of(page, "button") if "data-copy" in one}
    assert copied["copy-fingerprint"] == "AA:BB"
    assert copied["copy-settings"] == "store.url = memory:"
    assert copied["copy-listener-1"] == "https://192.0.2.1:9669"


async def test_lines_to_try_have_this_address_and_its_authority(desk: Desk) -> None:
    eve = await desk.signed_in("eve")
    said = words_of(await eve.get("/console/try"))
    for words in ("--cacert ca.pem", "https://192.0.2.1:9669/api/session", "Connect-VIServer"):
        assert words in said
    page = await eve.get("/console/try")
    copied = [one["data-copy"] for one in tags_of(page, "button") if "data-copy" in one]
    assert copied[0] == "AA:BB"
    assert copied[1].startswith("curl -sS --cacert ca.pem -u NAME")
    assert all("style" not in one for one in tags_of(page))
    reply = await eve.get("/console/try/ca.pem")
    assert reply.body == b"a CA"
    assert "ca.pem" in header_of(reply, "content-disposition")


def test_without_an_authority_of_ours_no_file_is_named() -> None:
    lines = "\n".join(one.lines for one in recipes_for("http://127.0.0.1:9669", trusts=False))
    assert "ca.pem" not in lines
    assert "host='127.0.0.1', port=9669" in lines


def test_without_tls_each_client_that_has_to_be_told_so_is() -> None:
    def lines(url: str) -> str:
        return "\n".join(one.lines for one in recipes_for(url, trusts=False))

    for told in ("protocol='http'", "-Protocol http "):
        assert told in lines("http://127.0.0.1:9669")
        assert told not in lines("https://127.0.0.1:9669")


@each(
    ("listens", "told"),
    [
        (("unix:/run/x", "https://192.0.2.1:9669", "https://10.0.0.1:1"), "https://192.0.2.1:9669"),
        (("https://0.0.0.0:9669",), "https://SERVER:9669"),
        (("http://[::]:9669",), "http://SERVER:9669"),
        (("https://[::1]:9669",), "https://[::1]:9669"),
        (("unix:/run/x",), "https://SERVER:9669"),
    ],
)
def test_where_a_server_does_not_know_its_name_one_is_to_be_put_in(
    listens: tuple[str, ...], told: str
) -> None:
    assert address_in(listens) == told
