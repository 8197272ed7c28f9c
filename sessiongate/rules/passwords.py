"""Which passwords may be set. A rule for changes: nobody is asked for another one because of it.

Length is what counts (NIST SP 800-63B, section 3.1.1.2: no rules about kinds of characters), in
characters and not in bytes, so that every script has the same rule.
"""

import unicodedata

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import parse_account


def problem_with(password: str, name: str, least: int) -> str | None:
    """Why this may not be the password of this user, with the way out; None where it may.

    `least` is the number of characters that it must have, by `hashing.min_length`.
    """
    if not password:
        return "must not be empty"
    if "\0" in password or any(unicodedata.category(letter) == "Cs" for letter in password):
        return "is not text that a client could send; give it as UTF-8"
    if len(unicodedata.normalize("NFC", password)) < least:  # as a person counts
        return f"must have at least {least} characters (hashing.min_length); choose a longer one"
    if _folded(password) in _spellings(name):
        return "must not be the user's name; choose another one"
    return None


def rule_of(least: int) -> str:
    """The rule in a sentence, for whoever is about to choose a password."""
    return f"A password has at least {least} characters and is not the user's name."


def _spellings(name: str) -> set[str]:
    found = {_folded(name)}
    try:
        account = parse_account(name)
    except BadCredentials:  # whoever adds a user is told so elsewhere
        return found
    return found | {account.canonical, account.user}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
