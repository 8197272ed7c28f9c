"""How one setting is read: durations, sizes, names. Pure.

Each reader takes what TOML or the environment gave and returns the value, or raises ValueError
with the rule and the way out. No reader ever repeats what it was given: it may be a password that
ended up in the wrong place.
"""

# ruff: noqa: TRY004 -- pydantic collects ValueError and lets TypeError through

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from sessiongate import plugins
from sessiongate.errors import BadCredentials
from sessiongate.rules import locale
from sessiongate.rules.accounts import canonical_domain
from sessiongate.rules.store_url import StoreAddress, parse_store
from sessiongate.secret import Secret

T = TypeVar("T")

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,3})?"
_DURATION = re.compile(
    rf"(?=[0-9])(?:({_NUMBER}) ?d)? ?(?:({_NUMBER}) ?h)? ?(?:({_NUMBER}) ?m)? ?(?:({_NUMBER}) ?s)?"
    r" ?(?:([0-9]{1,9}) ?ms)?"
)
# Of days, hours, minutes, seconds, in the order of the expression.
_SECONDS = (86400, 3600, 60, 1)
_UNITS_OF_TIME = ("d", "h", "m", "s", "ms")
# A century: far above any sensible limit, and far below what overflows a date it is added to.
_LONGEST = timedelta(days=36500)
_DURATION_RULE = 'must be a duration such as "90s", "30m", "1h30m" or "2d"'
_OR_NONE = ' ("0" for none)'

_SIZE = re.compile(r"([0-9]{1,12}) ?(b|kib|mib|gib)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SIZE_RULE = 'must be a size above 0 such as "64KiB" or "1MiB", or a whole number of bytes'

# Without braces, which say to a Cluster what belongs together.
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def duration(value: object) -> timedelta:
    """Read `30m`, `90s`, `1h30m`, `2d`, `1.5s`, `500ms` or `0`: milliseconds are the smallest."""
    return _duration(value, _DURATION_RULE + _OR_NONE)


def positive_duration(value: object) -> timedelta:
    """Read a duration that may not be 0."""
    span = _duration(value, _DURATION_RULE)
    if not span:
        raise ValueError('must be above 0; write a duration such as "30m"')
    return span


def a_second_or_more(read: Callable[[object], timedelta]) -> Callable[[object], timedelta]:
    """Make the reader of a duration that is 0, where that is allowed, or at least a second."""

    def read_long(value: object) -> timedelta:
        span = read(value)
        if timedelta(0) < span < timedelta(seconds=1):
            raise ValueError('must be at least "1s"; write a longer duration')
        return span

    return read_long


def _duration(value: object, rule: str) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{rule}; write it in quotes")
    text = str(value).strip()
    if text == "0":
        return timedelta(0)
    if text.isascii() and text.isdigit():
        raise ValueError(f'{rule}; a number alone has no unit, add one: "90s"')
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{rule}; {_no_duration(text)}")
    *longer, milliseconds = found.groups()
    # In whole numbers: three decimals of a unit that is whole seconds are whole milliseconds.
    total = int(milliseconds or 0) + sum(map(_milliseconds, longer, _SECONDS))
    if total > _LONGEST // timedelta(milliseconds=1):
        raise ValueError("must not exceed 36500 days; write a shorter duration")
    return timedelta(milliseconds=total)


def _milliseconds(number: str | None, seconds: int) -> int:
    """So many units of so many seconds."""
    whole, _, decimals = (number or "0").partition(".")
    return int(whole + decimals.ljust(3, "0")) * seconds


def _no_duration(text: str) -> str:
    """Why this text is none, as far as that can be said without repeating it."""
    if not text:
        return "it is empty"
    if text.startswith("-"):
        return "it cannot be negative"
    return (
        "it is numbers, each with one of d, h, m, s and ms (days, hours, minutes, seconds,"
        " milliseconds), the longer unit before the shorter"
    )


def duration_text(span: timedelta) -> str:
    """Write a duration the way `duration` reads it."""
    rest, parts = span // timedelta(milliseconds=1), ""
    for unit, length in zip(_UNITS_OF_TIME, (*(1000 * one for one in _SECONDS), 1), strict=True):
        count, rest = divmod(rest, length)
        parts += f"{count}{unit}" if count else ""
    return parts or "0"


class Bytes(int):
    """A number of bytes that is a size, and shown with a unit."""


def size(value: object) -> int:
    """Read `1MiB`, `64KiB` or a number of bytes, above 0."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(_SIZE_RULE)
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f"{_SIZE_RULE}; units are KiB, MiB and GiB")
    count = int(found[1]) * _UNITS[(found[2] or "").lower()]
    if not count:
        raise ValueError(_SIZE_RULE)
    return Bytes(count)


def size_text(count: int) -> str | int:
    """Write a size the way `size` reads it: in the largest unit that it is a multiple of."""
    for unit in ("GiB", "MiB", "KiB"):
        if count and count % _UNITS[unit.lower()] == 0:
            return f"{count // _UNITS[unit.lower()]}{unit}"
    return int(count)


def whole(at_least: int, at_most: int | None = None) -> Callable[[object], int]:
    """Make the reader of a whole number that has a lowest value, and perhaps a highest."""
    rule = f"must be a whole number of at least {at_least}"
    above = f"{rule} and below a thousand million"
    if at_most is not None:
        rule = above = f"must be a whole number from {at_least} to {at_most}"
    highest = 10**9 - 1 if at_most is None else at_most

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            example = max(at_least, min(50, highest))
            raise ValueError(f"{rule}; write it in digits, such as {example}")
        if not at_least <= value <= highest:
            raise ValueError(above)
        return value

    return read


def yes_or_no(value: object) -> bool:
    """Read a boolean; the environment may also say yes, no, on, off, 1 and 0."""
    if isinstance(value, bool):
        return value
    said = value.strip().lower() if isinstance(value, str) else ""
    if said in {"true", "yes", "on", "1"}:
        return True
    if said in {"false", "no", "off", "0"}:
        return False
    raise ValueError("must be true or false")


def choice(*names: str) -> Callable[[object], str]:
    """Make the reader of one word out of a few."""

    def read(value: object) -> str:
        if isinstance(value, str) and value.strip() in names:
            return value.strip()
        raise ValueError(f"must be one of {', '.join(names)}")

    return read


def word(value: object) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty; write it in quotes")
    return value.strip()


def secret(value: object) -> Secret:
    """Read a secret. White space in it counts; an empty one is refused, as nobody means that."""
    if isinstance(value, Secret):
        value = value.reveal()
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty; write it in quotes, or leave it out")
    return Secret(value)


def texts(value: object) -> dict[str, str]:
    """Read a table of texts, none of them empty, under names that the operator chooses."""
    rule = "must be a table of texts under names in quotes"
    if not isinstance(value, dict):
        raise ValueError(rule)
    found: dict[str, str] = {}
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str) or not text.strip():
            raise ValueError(rule)
        found[name] = text.strip()
    return found


def https_url(value: object) -> str:
    """Read an address that begins with https."""
    text = word(value)
    rule = 'must be an address such as "https://idp.example/path", without user or fragment'
    if _address(text, ("https",), rule).fragment:
        raise ValueError(rule)
    return text


def server_url(value: object) -> str:
    """The address of a server, without user, path or query."""
    text = word(value).rstrip("/")
    rule = 'must be an address such as "https://vcenter.example", without user, path or query'
    parts = _address(text, ("https", "http"), rule)
    if parts.path or parts.query or parts.fragment:
        raise ValueError(rule)
    return text


def http_proxy(value: object) -> str:
    """The address of an HTTP proxy that connects us."""
    text = word(value).rstrip("/")
    rule = 'must be an address such as "http://proxy.example:3128", without user, path or query'
    parts = _address(text, ("http",), rule)
    if parts.path or parts.query or parts.fragment:
        raise ValueError(rule)
    return text


def _address(text: str, schemes: Collection[str], rule: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(rule) from None
    if parts.scheme not in schemes or not parts.hostname or port == 0 or "@" in parts.netloc:
        raise ValueError(rule)
    if " " in text or not text.isprintable():
        raise ValueError(rule)
    return parts


def file_path(value: object) -> Path:
    """Read a file or directory name, `~` allowed, and make it absolute."""
    if isinstance(value, Path):
        value = str(value)
    if value == "":
        raise ValueError(
            "must be the name of a file or directory, and is empty; name one, or leave it out"
        )
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("must be the name of a file or directory; write it in quotes")
    try:
        return Path(value).expanduser().absolute()
    except (OSError, RuntimeError):
        raise ValueError("begins with ~ but no home is known; write the full name") from None


def file_in(base: Path, value: object) -> Path:
    """Read the name of a file, `~` allowed; one that is not absolute is below `base`."""
    text = word(value)
    file_path(text)  # for its rules
    return base / Path(text).expanduser()


class Several(ValueError):
    """More than one thing is wrong with a value; `problems` has a rule and way out for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def many(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Make the reader of a list: a TOML array, or a text with commas in the environment."""

    def read_all(value: object) -> tuple[T, ...]:
        if isinstance(value, str):
            value = [part for part in (part.strip() for part in value.split(",")) if part]
        if not isinstance(value, list | tuple):
            raise ValueError('must be a list such as ["one", "two"]')
        entries: list[T] = []
        problems: list[str] = []
        for position, entry in enumerate(value, 1):
            try:
                entries.append(read(entry))
            except ValueError as problem:
                problems.append(f"entry {position} {problem}")
        if problems:
            raise Several(problems)
        return tuple(entries)

    return read_all


def some(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Make the reader of a list as `many` reads it, of which an empty one is refused."""
    read_many = many(read)

    def read_some(value: object) -> tuple[T, ...]:
        entries = read_many(value)
        if not entries:
            raise ValueError('must name one at least: a text, or a list such as ["one", "two"]')
        return entries

    return read_some


def domain(value: object) -> str:
    """Read the name of a domain, as it was written but for dots and white space around it."""
    text = value.strip(" .") if isinstance(value, str) else ""
    try:
        known = canonical_domain(text)
    except BadCredentials:  # it holds control letters
        known = ""
    if not known or "@" in known or "\\" in known:
        raise ValueError('must be the name of a domain, such as "corp.example.com"')
    return text


_FINGERPRINTS = {64: ("sha256 fingerprint",), 40: ("sha1 fingerprint",)}
"""What openssl puts before a fingerprint of so many digits."""


def fingerprint(value: object) -> str:
    """Read a SHA-256 or SHA-1 fingerprint, with or without colons; lower-case hex digits out.

    The whole line that `openssl x509 -fingerprint` prints will do, too.
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    label, _, digits = text.rpartition("=")
    digits = digits.strip().replace(":", "")
    known = _FINGERPRINTS.get(len(digits), ())
    if label.strip() not in ("", *known) or not known or set(digits) - set("0123456789abcdef"):
        raise ValueError(
            "must be the 64 hex digits of a SHA-256, or the 40 of a SHA-1, or the line that"
            " `openssl x509 -noout -fingerprint -sha256` prints"
        )
    return digits


def syslog(value: object) -> str:
    """Read where a syslog is: udp:HOST:PORT, tcp:HOST:PORT or unix:PATH."""
    text = value.strip() if isinstance(value, str) else ""
    kind, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if kind == "unix" and rest.startswith("/"):
        return text
    if kind in ("udp", "tcp") and host and port.isascii() and port.isdigit():
        if 0 < int(port[:6]) < 65536:
            return text
        raise ValueError("has a port that is not 1 to 65535; syslog's own is 514")
    raise ValueError("must be udp:HOST:PORT, tcp:HOST:PORT or unix:PATH, such as unix:/dev/log")


def store_url(value: object) -> StoreAddress:
    """Read which store: `memory:`, `sqlite:FILE`, the address of a Redis, or a package's own."""
    text = value.strip() if isinstance(value, str) else ""
    with suppress(ValueError):
        return parse_store(text)
    # What each installed package adds is in a file of its own, and read only where it counts.
    return parse_store(text, plugins.names(plugins.STORE_GROUP))


def store_prefix(value: object) -> str:
    """Read what the names of our keys in a shared store begin with."""
    text = value.strip() if isinstance(value, str) else ""
    if not _PREFIX.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, colons, hyphens or underscores")
    return text


def supported_locale(value: object) -> str:
    """Read a locale that the server knows."""
    if isinstance(value, str) and value in locale.SUPPORTED:
        return value
    raise ValueError('must be a locale that CLDR knows, written as "en" or "en_US"')
