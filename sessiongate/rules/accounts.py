"""One canonical name per person, however the name was typed.

`user`, `\\user`, `DOMAIN\\user`, `user@domain.tld`, any case, any Unicode compatibility form and
any white space around it: the canonical name is `user` or `user@domain`, NFKC, case-folded.
"""

import unicodedata

import msgspec

from sessiongate.errors import BadCredentials

# Longest name worth a look-up: AD caps UPNs at 1024 characters, everyone else far below.
LONGEST_NAME = 1024


class Account(msgspec.Struct, frozen=True):
    """A parsed account name. `typed` is what the client sent; `domain` is "" where none was."""

    user: str
    domain: str
    typed: str

    @property
    def canonical(self) -> str:
        """The one name of this person."""
        return f"{self.user}@{self.domain}" if self.domain else self.user


def parse_account(typed: str) -> Account:
    """Read a name in any of its spellings. Raises BadCredentials when no user is left of it.

    Both `DOMAIN\\user` and `user@DOMAIN` give the same account. In `a\\b@c` the part before the
    backslash is the domain and the rest is the user, as Windows reads it.
    """
    if len(typed) > LONGEST_NAME:
        raise BadCredentials("the user name is too long")
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", typed).casefold()).strip()
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise BadCredentials("the user name holds control characters")
    domain, backslash, user = text.partition("\\")
    if not backslash:
        user, at, domain = text.rpartition("@")
        if not at:
            user, domain = text, ""
    user, domain = user.strip(), domain.strip().rstrip(".")
    if not user:
        raise BadCredentials("no user name")
    return Account(user, domain, typed)
