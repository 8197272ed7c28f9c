"""Single values: how each is written, and what is refused."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.config import Address, load
from sessiongate.config.addresses import listen, public_name
from sessiongate.config.values import (
    duration,
    duration_text,
    file_path,
    fingerprint,
    positive_duration,
    size,
    store_prefix,
    store_url,
    yes_or_no,
)
from tests.config.test_load import problems
from tests.each import each


@each(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("90s", 90),
        ("1h30m", 5400),
        ("2d", 172800),
        ("0", 0),
        ("0s", 0),
        (0, 0),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        ("1.5s", 1.5),
        ("1.5h", 5400),
        ("0.001s", 0.001),
        ("30 m", 1800),
        ("1h 30m", 5400),
        ("5m5ms", 300.005),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@each(
    "value",
    [
        *("", "30", 30, True, 1.5, "m", "1m1h", "1ms1s", "-1s", "٣s", "99999999d"),
        *("999999999d24h", "0.5ms", "1.s", ".5s", "1.2345s", "1  m", "1h  1m", "1 m s", "1m30"),
    ],
)
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        duration(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("30x", "numbers, each with one of d, h, m, s and ms"),
        ("0.5ms", "numbers, each with one of d, h, m, s and ms"),
        ("1m1h", "the longer unit before the shorter"),
        ("-5m", "it cannot be negative"),
        (-5, "it cannot be negative"),
        ("", "it is empty"),
        (1.5, "write it in quotes"),
        ("30", "a number alone has no unit"),
    ],
)
def test_a_duration_that_is_none_is_told_what_the_forms_are(value: object, said: str) -> None:
    for read in (duration, positive_duration):
        with pytest.raises(ValueError, match="must be") as refused:
            read(value)
        assert '"90s", "30m", "1h30m" or "2d"' in str(refused.value)
        assert said in str(refused.value)
        # Only where 0 is allowed is it offered.
        assert ('"0" for none' in str(refused.value)) == (read is duration)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("fifty", "must be a whole number of at least 0; write it in digits, such as 50"),
        ("", "must be a whole number of at least 0; write it in digits, such as 50"),
        (1.5, "must be a whole number of at least 0; write it in digits, such as 50"),
        (True, "must be a whole number of at least 0; write it in digits, such as 50"),
        (-1, "must be a whole number of at least 0 and below a thousand million"),
        ("-1", "must be a whole number of at least 0 and below a thousand million"),
        (10**9, "must be a whole number of at least 0 and below a thousand million"),
        (str(10**9), "must be a whole number of at least 0 and below a thousand million"),
    ],
)
def test_a_number_that_is_none_is_told_how_one_is_written(value: object, said: str) -> None:
    assert problems(None, {}, {"sessions.max_per_principal": value}) == [
        f"sessions.max_per_principal: {said} (on the command line)"
    ]


def test_a_setting_of_the_server_is_a_second_at_least_or_none() -> None:
    rule = 'must be at least "1s"; write a longer duration'
    for setting in ("sessions.idle_timeout", "sessions.absolute_timeout", "lockout.window"):
        assert problems(None, {}, {setting: "999ms"}) == [
            f"{setting}: {rule} (on the command line)"
        ]
    assert load(None, {}, {"sessions.idle_timeout": "1.5s"}).sessions.limits.idle.seconds == 1
    assert load(None, {}, {"store.timeout": "250ms"}).store.timeout == timedelta(seconds=0.25)


@given(st.text() | st.from_regex(r"([0-9]+(\.[0-9]+)? ?(d|h|m|s|ms)? ?)+"))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        span = duration(text)
    except ValueError as problem:
        assert str(problem).startswith("must")  # noqa: PT017 -- either outcome is right
    else:
        assert duration(duration_text(span)) == span


@pytest.mark.parametrize(
    ("value", "count"), [("1MiB", 1 << 20), ("64 KiB", 65536), (9, 9), ("9", 9), ("2GiB", 2 << 30)]
)
def test_sizes(value: object, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize("value", ["", "1MB", 0, -1, True, "0KiB", 1.5, "KiB"])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        size(value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9669", Address("127.0.0.1", 9669)),
        ("0.0.0.0:0", Address("0.0.0.0", 0)),
        ("[::]:65535", Address("::", 65535)),
        ("LocalHost:80", Address("localhost", 80)),
        ("unix:/run/a:b", Address(path="/run/a:b")),
        ("unix:" + "x" * 107, Address(path="x" * 107)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert listen(text) == address
    assert listen(str(address)) == address


@each(
    "text",
    ["", ":9669", "9669", "host", "a.example:80", "h:65536", "h:-1", "::1:80",
     "[h]:1", "[127.0.0.1]:1", "1.2.3:1", "h:1\n2", "a b:1", "unix:",
     "unix:" + "x" * 108, "unix:" + "é" * 54, "unix:a\0", "http://h:1"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is a socket path longer)"):
        listen(text)


@given(st.text() | st.from_regex(r"(unix:|\[)?[a-z0-9.:]*\]?:[0-9]{0,6}"))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = listen(text)
    except ValueError as problem:
        assert str(problem).startswith(("must", "is a socket path"))  # noqa: PT017 -- as above
    else:
        assert listen(str(address)) == address


def test_names_for_the_certificate() -> None:
    assert public_name("Gate.Example.COM") == "gate.example.com"
    assert public_name("*.example.com") == "*.example.com"
    assert public_name("0::1") == "::1"
    for wrong in ["", "a b", "gäte", "*.*.x", "a..b", 3]:
        with pytest.raises(ValueError, match="must be a DNS name"):
            public_name(wrong)


def test_the_rest_of_the_readers() -> None:
    assert [yes_or_no(value) for value in (True, "on", "0")] == [True, True, False]
    with pytest.raises(ValueError, match="must be true or false"):
        yes_or_no(1)
    for wrong in ["", 3, "a\0"]:
        with pytest.raises(ValueError, match="must be the name"):
            file_path(wrong)
    with pytest.raises(ValueError, match="no home"):
        file_path("~no-such-user-here/x")
    assert store_url("sqlite:/abs/file.db").file == "/abs/file.db"
    for wrong in ["sqlite://host/x", "sqlite::memory:", "memory", 3]:
        with pytest.raises(ValueError, match="must be memory:"):
            store_url(wrong)
    assert str(store_url(" redis://cache.example.com/3 ")) == "redis://cache.example.com/3"
    with pytest.raises(ValueError, match=r"store\.password"):
        store_url("redis://me:secret@cache.example.com")
    assert store_prefix(" lab.1:sg ") == "lab.1:sg"
    for wrong in ["", "a{b}", "x" * 65, 3]:
        with pytest.raises(ValueError, match="must be 1 to 64"):
            store_prefix(wrong)


SHA256 = "AB:" * 31 + "CD"


@pytest.mark.parametrize(
    "text",
    [
        SHA256,
        f"sha256 Fingerprint={SHA256}",
        f"SHA256 Fingerprint={SHA256}\n",
        "SHA1 Fingerprint=" + "AB:" * 19 + "CD",
        SHA256.replace(":", "").lower(),
    ],
)
def test_a_fingerprint_as_openssl_prints_it(text: str) -> None:
    digits = text.rpartition("=")[2].strip().replace(":", "").lower()
    assert fingerprint(text) == digits


@pytest.mark.parametrize(
    "text", [f"SHA1 Fingerprint={SHA256}", f"x={SHA256}", "sha256 Fingerprint=", SHA256[:-1], "", 5]
)
def test_what_is_no_fingerprint(text: object) -> None:
    with pytest.raises(ValueError, match="openssl x509 -noout -fingerprint -sha256"):
        fingerprint(text)
