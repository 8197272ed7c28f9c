r"""One canonical name per person, however the name was typed.

`user`, `\user`, `DOMAIN\user`, `user@domain.tld`, any case, any Unicode compatibility form, any
letters that do not show and any white space around it: the canonical name is `user` or
`user@domain`, NFKC, case-folded. A canonical name reads back as itself. What a directory would
take for one name (RFC 4518) must be one name here too, or each spelling gets guesses of its own.

The canonical name is for our own books. Whoever else is asked about somebody is asked in the
letters that were typed (`Account.asked`): to many a directory `weiss` is somebody else than `weiß`.

Which domains stand for which provider is not decided here.
"""

import re
import unicodedata

import msgspec

from sessiongate.errors import BadCredentials
from sessiongate.rules.marks import has_too_many_marks

# Longest name worth a look-up: AD caps UPNs at 1024 characters, everyone else far below.
LONGEST_NAME = 1024

# Letters that directories skip when they compare names (RFC 4518, section 2.2) and whose Unicode
# category is not Cf: combining grapheme joiner, Mongolian todo soft hyphen, Mongolian and general
# variation selectors, object replacement character.
_SKIPPED = re.compile("[\u034f\u1806\u180b-\u180d\ufe00-\ufe0f\ufffc]")

# Case-folding and NFKC each undo a little of the other: two rounds settle every letter of Unicode
# 16, the third is for those to come.
_ROUNDS = 3


class Account(msgspec.Struct, frozen=True):
    """A parsed account name. `typed` is what the client sent; `domain` is "" where none was.

    `user` and `domain` are folded: for comparing with what was folded in the same way.
    """

    user: str
    domain: str
    typed: str

    @property
    def asked(self) -> str:
        """The user as typed, without domain and outer white space: the name to ask others for.

        Folded it is `user`, so that what is asked is what is counted.
        """
        for text in (self.typed.strip(), unicodedata.normalize("NFKC", self.typed).strip()):
            # The second is for names whose backslash or @ is a wide one.
            user, _ = _split(text)
            if user == self.user or _fold(user) == self.user:
                return user
        return self.user

    @property
    def canonical(self) -> str:
        """The one name of this person."""
        return f"{self.user}@{self.domain}" if self.domain else self.user


def parse_account(typed: str) -> Account:
    r"""Read a name in any of its spellings. Raises BadCredentials when no user is left of it.

    Both `DOMAIN\user` and `user@DOMAIN` give the same account. In `a\b@c` the part before the
    backslash is the domain and the rest is the user, as Windows reads it; `\user` and `.\user`
    name no domain.
    """
    if len(typed) > LONGEST_NAME:
        raise BadCredentials("the user name is too long")
    user, domain = _split(_fold(typed))
    if not user:
        raise BadCredentials("no user name")
    # Each of these would give two accounts one canonical name, or one account two.
    if "\\" in user or "\\" in domain or "@" in domain or ("@" in user and not domain):
        raise BadCredentials("the user name holds more than one domain")
    return Account(user, domain, typed)


def is_reserved(name: str) -> bool:
    """Whether the audit calls so what is nobody: `os:ACCOUNT`, `token:NAME`, `command line`.

    So are commands and scripts called there, and a person of such a name could pass for one.
    """
    if name.isascii() and ":" not in name and " " not in name:  # nearly all names
        return False
    return _fold(name).startswith(("os:", "token:")) or _fold(name) == "command line"


def canonical_domain(typed: str) -> str:
    """A domain as it stands in canonical names: `CORP.` and `corp` are both `corp`."""
    return _trim_domain(_fold(typed))


# Letters with a stroke, and pairs in one: no letter with a mark to Unicode, but to Windows.
_STROKES = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i"}
    | {"æ": "ae", "œ": "oe", "þ": "th"}
    | {chr(kana): chr(kana - 0x60) for kana in range(0x30A1, 0x30F7)}
)


def plain_letters(name: str) -> str:
    """A canonical name without the marks on its letters, which Active Directory does not look at.

    To it `müller` and `muller` are one name (MS-ADTS 3.1.1.2.2.4.13: case, marks, width and the
    kind of kana are ignored). Folds rather more than it does: for counting, never for asking.
    """
    if name.isascii():  # nothing is to be taken away, and each merged login asks
        return name
    apart = unicodedata.normalize("NFKD", name.translate(_STROKES))
    return unicodedata.normalize(
        "NFC", "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")
    )


def directory_form(typed: str) -> str:
    r"""A name as vSphere's directory shows it: `user` as spelled, or `DOMAIN\user`."""
    user, domain = _split(unicodedata.normalize("NFKC", typed).strip())
    return f"{domain.upper()}\\{user}" if domain else user


def _split(text: str) -> tuple[str, str]:
    """The user and the domain in it, "" for none."""
    before, backslash, rest = text.partition("\\")
    if backslash and _trim_domain(before):
        return rest.strip(), _trim_domain(before)
    rest = rest if backslash else text
    user, at, domain = rest.rpartition("@")
    return (user.strip(), _trim_domain(domain)) if at else (rest.strip(), "")


def _trim_domain(text: str) -> str:
    """Without white space around it and without the dots that end a rooted DNS name."""
    return text.strip(" .")


def _fold(typed: str) -> str:
    """The letters that tell one name from another. Raises BadCredentials for control letters."""
    text = typed.strip()
    if text.isascii():  # most names: the same as below, in a twentieth of the time
        if not text.isprintable():
            raise BadCredentials("the user name holds control characters")
        return " ".join(text.lower().split())
    if has_too_many_marks(text):
        raise BadCredentials("the user name holds too many marks on one letter")
    if not text.isprintable() and any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise BadCredentials("the user name holds control characters")
    for _ in range(_ROUNDS):
        before, text = text, " ".join(_visible(_visible(text).casefold()).split())
        if text == before:
            break
    return text


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    if len(normal) > LONGEST_NAME:
        # One letter can stand for eighteen. Such names would fill the tables of failed tries with
        # gigabytes, each after 30 ms of the event loop.
        raise BadCredentials("the user name is too long")
    shown = _SKIPPED.sub("", normal)
    if shown.isprintable():  # no letter of Cf is, and to look each up takes ten times as long
        return shown
    return "".join(letter for letter in shown if unicodedata.category(letter) != "Cf")
