"""Tokens, keys and tickets from random bytes that the caller brings. No meaning is inside them."""

import re
from collections.abc import Callable

import msgspec

TOKEN_BYTES = 20
"""160 bits. OWASP asks for 64 at least, our own rule for 128; 40 hex digits is vSphere's form."""

GUID_BYTES = 16
"""128 bits, all of them random: Zerto's tokens have the form of a GUID, not its version bits."""


def hex_token(random: bytes) -> str:
    """A token in the form that vSphere's clients know: 40 lower-case hex digits."""
    return random[:TOKEN_BYTES].hex()


def guid(random: bytes) -> str:
    """16 random bytes in GUID form, lower case: Zerto's tokens, and the public session keys."""
    text = random[:GUID_BYTES].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def clone_ticket(random: bytes, host: str) -> str:
    """A clone ticket, with the prefix and the server's name that vSphere's own tickets show."""
    return f"cst-{host}-{random[:TOKEN_BYTES].hex()}"


MANAGER_PREFIX = "sgm_"
"""What tokens of the session manager begin with, so that a scanner for secrets finds them."""

_MANAGER_TOKEN = re.compile(r"sgm_[A-Za-z0-9_-]{32,252}")

MANAGER_BYTES = 32
"""Random bytes in one. It is good until somebody revokes it, which may be years."""


def manager_token(random: bytes) -> str:
    """A token for a client of the session manager."""
    return f"{MANAGER_PREFIX}{random[:MANAGER_BYTES].hex()}"


def is_manager_token(text: str) -> bool:
    """Whether a text has the form of one: 32 letters or more after its beginning."""
    return _MANAGER_TOKEN.fullmatch(text) is not None


PERSON_PREFIX, SCRIPT_PREFIX = "sgp_", "sgc_"
"""What tokens of the console begin with: of people who are signed in there, and of scripts."""

_SCRIPT_TOKEN = re.compile(rf"{SCRIPT_PREFIX}[0-9a-f]{{{2 * MANAGER_BYTES}}}")


def person_token(random: bytes) -> str:
    """A token for somebody's session at the console."""
    return f"{PERSON_PREFIX}{random[:TOKEN_BYTES].hex()}"


def script_token(random: bytes) -> str:
    """A token for a script that asks the console."""
    return f"{SCRIPT_PREFIX}{random[:MANAGER_BYTES].hex()}"


def is_script_token(text: str) -> bool:
    """Whether a text has the form of one."""
    return _SCRIPT_TOKEN.fullmatch(text) is not None


def is_of_console(text: str) -> bool:
    """Whether a text can be a token of the console alone: no dialect needs to look for it.

    What is not looked for is not used by it either: an idle session of a person stays idle.
    """
    return text.startswith((PERSON_PREFIX, SCRIPT_PREFIX))


class TokenForm(msgspec.Struct, frozen=True):
    """How the tokens of a dialect look."""

    size: int
    """Random bytes in one."""
    write: Callable[[bytes], str]
    """From so many bytes to the token."""


HEX = TokenForm(TOKEN_BYTES, hex_token)
GUID = TokenForm(GUID_BYTES, guid)
PERSON = TokenForm(TOKEN_BYTES, person_token)
