"""Which addresses are taken, and which are of the same server."""

import pytest

from sessiongate_client.addresses import base_of, same_server
from tests.each import each


@each(
    ("url", "base"),
    [
        ("https://zvm:9669", "https://zvm:9669"),
        ("https://vc.example/", "https://vc.example"),
        ("https://vc.example/sdk", "https://vc.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_what_is_taken(url: str, base: str) -> None:
    assert base_of(url) == base


@each(
    "url",
    [
        "zvm:9669",
        "https://",
        "ftp://zvm",
        "http://zvm",
        "http://127.evil.example",
        "https://ci:secret@zvm",
        "https://zvm/v1",
        "https://zvm?x",
        "https://zvm:x",
    ],
)
def test_what_is_not(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        base_of(url)
    assert "secret" not in str(refused.value)


@each(
    ("url", "same"),
    [
        ("https://zvm/v1/vpgs", True),
        ("https://ZVM:443/v1", True),
        ("http://zvm/v1", False),
        ("https://zvm:9669/", False),
        ("https://zvm.evil/", False),
        ("https://zvm@evil/", False),
        ("https://zvm:x/", False),
        ("/v1", False),
    ],
)
def test_the_token_is_one_servers(url: str, same: bool) -> None:
    assert same_server(url, "https://zvm") is same
