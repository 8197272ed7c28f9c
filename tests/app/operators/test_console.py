"""The console of a whole server: where it is, and what of it is said."""

import asyncio
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from sessiongate.app.in_process import running
from sessiongate.app.listeners import console_url, without
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from tests.each import each
from tests.until import PATIENCE


def settings(folder: Path, **more: object) -> Config:
    given: dict[str, object] = {
        "server.data_dir": str(folder),
        "server.listen": ["127.0.0.1:0"],
        "server.plain_http": True,
        "admin.listen": "off",
        "console.listen": "127.0.0.1:0",
        "store.url": "memory:",
    }
    return load(None, {}, given | {name.replace("__", "."): value for name, value in more.items()})


async def test_without_users_the_start_has_a_link_and_without_a_console_none(
    tmp_path: Path,
) -> None:
    async with running(settings(tmp_path / "one")) as one:
        assert one.started.console.startswith("http://127.0.0.1:")
        assert one.started.set_up.startswith(f"{one.started.console}setup/")
        assert len(one.started.set_up.rpartition("/")[2]) >= 40
    async with running(settings(tmp_path / "two", console__listen="off")) as two:
        assert (two.started.console, two.started.set_up) == ("", "")


async def test_a_link_that_cannot_add_says_why(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as one:
        (tmp_path / "users.toml").symlink_to(tmp_path / "elsewhere.toml")
        form = urlencode({"name": "ada", "password": "a" * 12, "again": "a" * 12}).encode()
        asked = Request(one.started.set_up, form, {"Sec-Fetch-Site": "same-origin"})
        with pytest.raises(HTTPError) as refused:
            await asyncio.to_thread(urlopen, asked, timeout=PATIENCE)
        page = await asyncio.to_thread(refused.value.read)
    assert refused.value.code == 400
    assert b"is a link" in page


async def test_an_address_that_is_taken_ends_the_start_where_it_was_asked_for(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"^console.listen: {address} cannot be had"):
            async with running(settings(tmp_path, console__listen=address)):
                raise AssertionError("it started")


def test_one_that_nobody_asked_for_is_gone_on_without_and_said() -> None:
    error = ConfigError(["listen: 127.0.0.1:9680 cannot be had; free it, or listen elsewhere"])
    told = without("console.listen", load(None, {}, {}), error)
    assert told == (
        "console.listen: 127.0.0.1:9680 cannot be had; free it, or set console.listen to another"
        ' port or to "off"'
    )


@each(
    ("address", "plain", "url"),
    [
        ("127.0.0.1:9680", False, "http://127.0.0.1:9680/console/"),
        ("[::1]:9680", False, "http://[::1]:9680/console/"),
        ("192.0.2.1:9680", False, "https://192.0.2.1:9680/console/"),
        ("192.0.2.1:9680", True, "http://192.0.2.1:9680/console/"),
        ("unix:/run/x.sock", False, ""),
    ],
)
def test_its_address_is_one_for_a_browser(address: str, plain: bool, url: str) -> None:
    config = load(None, {}, {"server.plain_http": plain})
    assert console_url(config, address) == url
