"""Requests to servers upstream, and their answers, as values."""

from sessiongate.wire.http import Answer, Ask


def test_neither_shows_what_it_holds() -> None:
    secret = (("cookie", "canary"),)
    shown = f"{Ask('/sdk', secret, b'canary')!r} {Answer(200, secret, b'canary')!r}"
    assert shown == "Ask('/sdk') Answer(200)"


def test_a_header_that_came_twice_is_read_twice() -> None:
    answer = Answer(200, (("set-cookie", "a"), ("date", "now"), ("set-cookie", "b")), b"")
    assert answer.all("set-cookie") == ["a", "b"]
    assert answer.all("via") == []
