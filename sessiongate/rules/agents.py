"""Which program a User-Agent means, without its version: for lists and sums that people read.

A User-Agent is what a client says of itself. What is made of it here groups and labels; nothing is
decided by it.
"""

import re
from functools import lru_cache

LONGEST = 256
"""Characters of a User-Agent that are looked at: as many as the audit keeps of one."""

NONE = "(none)"
"""The family of a client that names none."""

# So many letters tell programs apart; the whole text is shown beside it.
_LONGEST_FAMILY = 40

# Libraries and tools by what their User-Agents hold, in the order in which they are looked for: a
# program of its own says more than the library that it is built with.
_KNOWN = (
    ("terraform", "Terraform"),
    ("packer", "Packer"),
    ("ansible", "Ansible"),
    ("powercli", "PowerCLI"),
    ("vmware-client", "vSphere Client"),
    ("vsphere client", "vSphere Client"),
    ("pyvmomi", "pyVmomi"),
    ("web services client protocol", "PowerCLI or .NET"),
)

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Chrome, headless"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)

# A name, and after it a version or a remark: "govc/0.40", "Go-http-client/1.1", "curl 8.4 (x)".
_PRODUCT = re.compile(r"[^/;,(]*?(?=\s*(?:[/;,(]|\s+v?[0-9]|$))")


@lru_cache(maxsize=1024)
def agent_family(user_agent: str) -> str:
    """The program that this User-Agent means: "govc", "pyVmomi", "Firefox", or its first word.

    Never empty, never longer than 40 characters, and without characters that steer a terminal.
    """
    text = user_agent[:LONGEST].strip()
    if not text:
        return NONE
    lower = text.casefold()
    for part, family in _KNOWN:
        if part in lower:
            return family
    if text.startswith("Mozilla/"):
        return next((family for part, family in _BROWSERS if part in text), "browser")
    found = _PRODUCT.match(text)
    name = found[0].strip() if found else ""
    shown = "".join(letter for letter in name or text if letter.isprintable())
    return shown[:_LONGEST_FAMILY].strip() or NONE


_VERSION = re.compile(r"(?:[/ ])v?([0-9][0-9A-Za-z.+-]{0,15})")


def agent_label(user_agent: str) -> str:
    """The same with the version that stands behind the program's name: "govc 0.40.0".

    A browser's own version says little; its first number does.
    """
    family, text = agent_family(user_agent), user_agent[:LONGEST]
    token = next((part for part, name in _BROWSERS if name == family), "")
    at = text.find(token) if token else text.casefold().find(family.casefold())
    found = _VERSION.match(text, at + len(token or family) - bool(token)) if at >= 0 else None
    if found is None:
        return family
    return f"{family} {found[1].partition('.')[0] if token else found[1]}"
