"""What XML 1.0 can hold at all, however it is written."""

import re

UNHOLDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Letters that no document has, not even as references."""


def can_hold(text: str) -> bool:
    """Whether a document can say exactly this."""
    return UNHOLDABLE.search(text) is None
