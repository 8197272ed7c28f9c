"""How many combining marks may stand on one letter, before Unicode's normal forms cost too much.

To normalise is to sort the marks of each letter, in a time that goes with the square of how many
there are: 4,000 of them take 50 ms, which nobody else gets. Unicode's Stream-Safe Text Format (UAX
#15, section 13) allows thirty, far more than any language writes. Text with more is not normalised.
"""

import unicodedata

MOST_MARKS = 30

# Letters that are marks though their combining class says otherwise: they come apart into some.
_COME_APART = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")


def has_too_many_marks(text: str) -> bool:
    """Whether more than `MOST_MARKS` stand on one letter, in a time that goes with the length."""
    if len(text) <= MOST_MARKS or text.isascii():
        return False
    combining = unicodedata.combining
    run = 0
    for letter in text:
        if combining(letter) or letter in _COME_APART:
            run += 1
            if run > MOST_MARKS:
                return True
        else:
            run = 0
    return False
