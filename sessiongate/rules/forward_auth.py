"""Whether a session may do what a proxy asks about: the rules of `[forward_auth]`, in order.

The first rule whose host, path and methods fit decides. A path is compared by whole segments, after
its percent-escapes are read once. A path that an application could read as another one (an escaped
slash, backslash, `?` or `#`, an empty or a dot segment, a parameter after `;`, an escape of an
escape) fits no rule's path for sure and misses none for sure: it is denied wherever the path would
decide. So is one that comes close to a rule's path: other letters for the same ones, or a sign
right behind it.
"""

import re
from collections.abc import Collection, Sequence
from enum import Enum
from functools import lru_cache
from unicodedata import category, normalize
from urllib.parse import unquote_to_bytes

import msgspec

from sessiongate.errors import Malformed
from sessiongate.networks import host_and_port

# As tokens of HTTP are spelled in the field. Others (RFC 9110, 9.1, allows more) are no method that
# an application would tell apart in the same way as we do, such as one in small letters.
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")

# RFC 3986, 3.2.2, without escapes: nobody writes those into a Host, and readers differ.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_VISIBLE = re.compile(r"/[!-~]*")
_ESCAPES = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")

# `%2f`, `%5c`, `%3b` and control letters; `%3f` and `%23`, which end a path for whoever reads the
# escapes first; and `%25` before two hex digits, which a second reader takes for another escape.
_ODD_ESCAPES = re.compile(r"%(?:2f|5c|3b|3f|23|[01][0-9a-f]|7f|25[0-9a-f]{2})", re.IGNORECASE)

# Letters that make a path another one. Some readers fold wide forms such as U+FF0F into them.
_MEANING = frozenset("/\\.;%?#")

# A target that is longer is no page that anybody visits; proxies stop at 8 KiB by default.
_LONGEST = 16_384


class ProxiedRequest(msgspec.Struct, frozen=True, gc=False):
    """What a client wants from the application behind the proxy."""

    method: str
    host: str
    """In small letters, without a port or a dot at its end."""
    path: str
    """As it came, without the query."""


class AccessRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what, at which host, below which path."""

    host: str = ""
    """As in `ProxiedRequest`; "" fits every host."""
    path: str = ""
    """As `plain_path` reads it, without a slash at its end; "" is the whole host."""
    methods: frozenset[str] = frozenset()
    """None given: all of them."""
    roles: frozenset[str] | None = None
    """Of which a session has to have one; None: every live session."""


class AccessPolicy(msgspec.Struct, frozen=True):
    """What `[forward_auth]` says."""

    rules: tuple[AccessRule, ...] = ()
    headers: str = "remote"
    """Which set of headers says who it is (`wire.forward_auth`)."""
    touch: bool = True
    """Whether a check counts as a call of the session."""
    login_url: str = ""
    """Where browsers are sent that have no session; "" for nowhere."""


class AccessVerdict(Enum):
    """What comes of a check of a live session. The value is what metrics and audit show."""

    ALLOWED = "allowed"
    NO_ROLE = "no_role"
    """The rule that decides names no role of the session."""
    NO_RULE = "no_rule"
    ODD_PATH = "odd_path"
    """The path would decide, and may be read in two ways."""


def parse_request(method: str, host: str, target: str) -> ProxiedRequest:
    """What is asked for, from a request line's method and target, and a Host.

    Raises Malformed for what no proxy would forward in one meaning: the answer is no.
    """
    if len(target) > _LONGEST:
        raise Malformed("the path is too long")
    path = target.partition("?")[0]
    short = len(method) + len(host) + len(path) <= _LONGEST_KEPT
    return (_read_request_cached if short else _read_request)(method, host, path)


def _read_request(method: str, host: str, path: str) -> ProxiedRequest:
    if _METHOD.fullmatch(method) is None:
        raise Malformed("the method is none")
    if _HOST.fullmatch(host) is None:
        raise Malformed("the host is none")
    if _VISIBLE.fullmatch(path) is None or "#" in path:
        raise Malformed("the path is none, or has letters that must be escaped")
    if _ESCAPES.fullmatch(path) is None:
        raise Malformed("the path has a broken escape")
    name_and_port = host_and_port(host)
    if name_and_port is None or not name_and_port[0]:
        raise Malformed("the host is none")
    return ProxiedRequest(method, name_and_port[0], path)


def plain_path(path: str) -> str | None:
    """The path with its escapes read; None for one that somebody may read as another path."""
    return (_kept_path if len(path) <= _LONGEST_KEPT else _plain_path)(path)


def _plain_path(path: str) -> str | None:
    if _ODD_ESCAPES.search(path) is not None or "\\" in path or ";" in path:
        return None
    try:
        plain = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    *segments, last = plain[1:].split("/")
    if any(segment in ("", ".", "..") for segment in segments) or last in (".", ".."):
        return None
    if not plain.isascii() and any(map(_is_folded, plain)):
        return None
    return plain


# The same pages are asked for all day, and each is read alike for everybody. A kilobyte each.
_LONGEST_KEPT, _MOST_KEPT = 256, 1024
_read_request_cached = lru_cache(maxsize=_MOST_KEPT)(_read_request)
_kept_path = lru_cache(maxsize=_MOST_KEPT)(_plain_path)


def _is_folded(letter: str) -> bool:
    return not letter.isascii() and not _MEANING.isdisjoint(normalize("NFKC", letter))


def decide(
    rules: Sequence[AccessRule], wanted: ProxiedRequest, roles: Collection[str]
) -> AccessVerdict:
    """What comes of it for a session of these roles. Without any rules it is allowed.

    A path that comes close to a rule's is odd, too: some applications make no difference. They
    compare without case, accents or wide forms, drop what cannot be seen, take dots and spaces off
    the end of a name (Windows), or what follows a colon (NTFS), or a suffix.
    """
    if not rules:
        return AccessVerdict.ALLOWED
    path = plain_path(wanted.path)
    for rule in rules:
        if rule.host and rule.host != wanted.host:
            continue
        if rule.methods and wanted.method not in rule.methods:
            continue
        if rule.path:
            if path is None:
                return AccessVerdict.ODD_PATH
            if not _is_below(path, rule.path):
                if _is_close(path, rule.path):
                    return AccessVerdict.ODD_PATH
                continue
        if rule.roles is None or not rule.roles.isdisjoint(roles):
            return AccessVerdict.ALLOWED
        return AccessVerdict.NO_ROLE
    return AccessVerdict.NO_RULE


def _is_below(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")


def _is_close(path: str, prefix: str) -> bool:
    """Whether some application could take a path for one that is below the prefix."""
    segments, ruled = path.split("/"), prefix.split("/")
    return len(segments) >= len(ruled) and all(map(_could_be, segments, ruled))


def _could_be(segment: str, ruled: str) -> bool:
    """Whether these are the same name, or the first has a sign, and anything, right behind it."""
    told, known = _bare(segment), _bare(ruled)
    behind = told[len(known) : len(known) + 1]
    return told.startswith(known) and not (behind.isalnum() or behind in ("-", "_"))


def _bare(segment: str) -> str:
    """A name without case, accents, wide forms, unseen letters, and dots and spaces around it."""
    if not segment.isascii():
        parts = normalize("NFKD", segment)
        # Upper case makes an I of the dotless one.
        segment = "".join(one for one in parts if category(one) not in ("Mn", "Cf")).upper()
    return segment.casefold().lstrip().rstrip(" .")


def covers(first: AccessRule, later: AccessRule) -> bool:
    """Whether all that the later rule would decide is decided, or found odd, by the first."""
    return (
        first.host in ("", later.host)
        and (not first.path or (bool(later.path) and _is_close(later.path, first.path)))
        and (not first.methods or (bool(later.methods) and later.methods <= first.methods))
    )
