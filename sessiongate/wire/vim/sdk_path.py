"""Two spellings of addresses below `/sdk` that clients in the field write, read as what they mean.

pyVmomi joins its `path` to a name with one `/` too many: up to 5.5 it asks for
`//sdk/vimServiceVersions.xml`, and given a `path` of `/sdk/` for `/sdk//vimServiceVersions.xml`. So
one empty segment before `sdk` and one after it are passed over. That is done once, before anybody
looks at the path, so that all see the same; every other path stays as it came.
"""

import re

_SPELLED = re.compile(r"//?sdk(?:/?(/|/[^/].*))?")


def passed_over(path: str) -> str:
    """The path without these two empty segments. Three slashes in a row are none of them."""
    if not path.startswith(("//sdk", "/sdk//")):
        return path
    found = _SPELLED.fullmatch(path)
    return f"/sdk{found[1] or ''}" if found is not None else path
