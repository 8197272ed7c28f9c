"""Names of entries (DN, RFC 4514): written, read, and compared as directories compare them.

What stands in a name is never trusted to end where it should: values are escaped as a whole.
"""

import re
import unicodedata
from collections.abc import Mapping

# Letters that mean something in a DN (RFC 4514, section 2.4); written as \XX all of them.
_SPECIAL = frozenset('"+,;<>\\=#\0')


def escape_dn(value: str) -> str:
    """The text as the value of one attribute of a DN, whatever is in it."""
    inner = value.strip(" ")
    before, _, after = value.partition(inner) if inner else (value, "", "")
    escaped = "".join(_hex(letter) if letter in _SPECIAL else letter for letter in inner)
    return _hex(before) + escaped + _hex(after)


def canonical_dn(text: str) -> str:
    """A DN as it is compared: without case, superfluous spaces or a choice of escapes.

    Raises ValueError for what is no DN.
    """
    return ",".join(_canonical_rdn(rdn) for rdn in _split(text, ",;"))


def first_part(dn: str) -> tuple[tuple[str, bytes | None], ...]:
    """The attributes that name an entry in its DN, with their values; None for one in hexadecimal.

    Raises ValueError for what is no DN.
    """
    pairs = []
    for pair in _split(_split(dn, ",;")[0], "+"):
        name, value = _pair(pair)
        is_hex = value.lstrip(" ").startswith("#")
        pairs.append((name, None if is_hex else _unescaped(value).strip(b" ")))
    return tuple(pairs)


def fill_dn(template: str, facts: Mapping[str, str]) -> str:
    """A bind name from a template: escaped where it is a DN, as it is where it is a UPN."""
    is_dn = "=" in template

    def put(name: re.Match[str]) -> str:
        fact = facts[name[1]]
        return escape_dn(fact) if is_dn else fact

    return re.sub(r"\{([a-z]+)\}", put, template)


def without_case(text: str) -> str:
    """Without case, and no letter taken for two: `cn=straße` is not the group `cn=strasse`."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(
        folded if len(folded := letter.casefold()) == 1 else letter.lower() for letter in normal
    )


def _hex(text: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _split(text: str, separators: str) -> list[str]:
    """The parts between separators that are not escaped."""
    parts, part, letters = [], "", iter(text)
    for letter in letters:
        if letter == "\\":
            part += letter + next(letters, "")
        elif letter in separators:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [*parts, part]


def _canonical_rdn(rdn: str) -> str:
    pairs = [_pair(pair) for pair in _split(rdn, "+")]
    return "+".join(sorted(f"{name.lower()}={_canonical_value(value)}" for name, value in pairs))


def _pair(text: str) -> tuple[str, str]:
    """An attribute of a DN and its value, escaped as it is. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|[0-9.]+", name.strip()):
        raise ValueError("is no DN: it is made of parts such as cn=admins")
    return name.strip(), value


def _unescaped(value: str) -> bytes:
    return re.sub(
        rb"\\([0-9A-Fa-f]{2}|.)",
        lambda code: bytes([int(code[1], 16)]) if len(code[1]) == 2 else code[1],
        value.encode("utf-8", "surrogatepass"),
        flags=re.DOTALL,
    )


def _canonical_value(value: str) -> str:
    """Unescaped, folded, and escaped in the one way of `escape_dn`."""
    plain = _unescaped(value).decode("utf-8", "replace")
    return escape_dn(" ".join(without_case(plain).split()))
