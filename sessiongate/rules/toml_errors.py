"""Where a text is no TOML, without a word of it: the parser's own may quote the text, and so a
secret, or a file that somebody has led a name to.
"""

import re

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)\Z")


def place_in_toml(problem: Exception) -> str:
    """Where the parser has stopped, " at line 3, column 5"; "" where it does not say."""
    found = _PLACE.search(str(problem))
    return f" at line {found[1]}, column {found[2]}" if found else ""
