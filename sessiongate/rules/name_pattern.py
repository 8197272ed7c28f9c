"""Names as people look for them: `*` stands for any characters, all else for itself.

A name may have a star, too: `[*]` stands for that one.

Written without a regular expression: a pattern comes from a caller, and one of many stars takes a
tenth of a second to be made into an expression, which the library then keeps.
"""

LONGEST = 256
"""Characters of a pattern; names have no more."""

_STAR, _LITERAL = "*", "[*]"
_HELD = "\0"  # in the place of a literal star while a pattern is parted: no name has it


def pattern_of(name: str) -> str:
    """The pattern that this name fits, and no other."""
    return name.replace(_STAR, _LITERAL)


def only_name(pattern: str) -> str | None:
    """The one name that fits a pattern; None where many may."""
    parts = pattern.replace(_LITERAL, _HELD).split(_STAR)
    return parts[0].replace(_HELD, _STAR) if len(parts) == 1 else None


def fits_name(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern; both in the case in which they are compared."""
    parts = pattern.replace(_LITERAL, _HELD).split(_STAR)
    first, *rest = [one.replace(_HELD, _STAR) for one in parts]
    if not rest:
        return name == first
    *middle, last = rest
    if len(name) < len(first) + len(last) or not name.startswith(first):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return name.endswith(last)
