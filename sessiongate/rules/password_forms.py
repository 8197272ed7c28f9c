"""The texts that one typed password stands for: how it is stored, and how it may have been.

A letter with an accent has two forms in Unicode that no keyboard shows: macOS sends one, Windows
the other. So a password is stored in one form, that of RFC 8265 (OpaqueString, section 4.2): no
case folded, nothing cut, spaces of any kind are the usual space, and NFC. NIST SP 800-63B asks for
the same (3.1.1.2). Passwords stored earlier are as they were typed then. One with more marks on a
letter than any language writes has no form but itself: see `marks`.
"""

import re
import unicodedata

from sessiongate.rules.marks import has_too_many_marks

# Unicode's separators of category Zs but the space itself.
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def forms_of(password: str) -> tuple[str, ...]:
    """The form that is stored, then those that were: as typed, and decomposed. No two are equal.

    How many there are goes by the password alone, so that the time of refusing it does, too.
    """
    if password.isascii() or has_too_many_marks(password):
        return (password,)
    stored = unicodedata.normalize("NFC", _SPACES.sub(" ", password))
    return tuple(dict.fromkeys((stored, password, unicodedata.normalize("NFD", password))))
