"""Whether a document holds one call, whoever reads it.

Readers differ: some go by local names and take the last of several elements, others the first; some
pass over what is in a namespace that they do not know, others do not. A document in which two of
them would find two calls, or two objects of one call, is not sent on.
"""

from collections import Counter
from collections.abc import Mapping

from sessiongate.errors import Malformed
from sessiongate.wire.vim.soap import ENVELOPE, XSI
from sessiongate.wire.xml import Element

_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"

# `versionId` is pyVmomi's, on the first element of a call: the version that it speaks.
_ATTRIBUTES = frozenset({"type", "serverGuid", "versionId"})

# What stands in a header besides goes by session, or is for us alone.
_PASSED_BLOCKS = frozenset({"operationID"})

_ONCE: Mapping[str, frozenset[str]] = {
    "objectSet": frozenset({"obj", "skip"}),
    "propSet": frozenset({"type", "all"}),
    "selectSet": frozenset({"name", "path", "skip", "type"}),
    "CreateFilter": frozenset({"spec"}),
    "Fetch": frozenset({"prop"}),
}
"""What of a call is judged, and may be there once: of two, one reader takes the first."""

_ONCE_IN_A_CALL = frozenset({"_this", "token"})


def one_call_only(root: Element, call: Element, carrying: frozenset[str] = frozenset()) -> None:
    """Raise Malformed where another reader could find another call, object or session in it.

    `carrying` are headers that the caller deals with.
    """
    passed = _PASSED_BLOCKS | carrying
    parts = [(part.namespace, part.name) for part in root.children]
    if parts not in ([(ENVELOPE, "Body")], [(ENVELOPE, "Header"), (ENVELOPE, "Body")]):
        raise Malformed("the envelope holds something else than one header and one body")
    for part in root.children:
        if part.name == "Header" and not all(_passes(one, passed) for one in part.children):
            raise Malformed("a header other than operationID is not forwarded")
    _check(call, call)


def _passes(block: Element, passed: frozenset[str]) -> bool:
    return block.name in passed and not block.children


def _check(element: Element, call: Element) -> None:
    if element.namespace not in (call.namespace, ""):
        raise Malformed("the call holds elements of several namespaces")
    for space, name in element.attributes:
        plain = space == "" and name in _ATTRIBUTES
        if not plain and space != XSI and (space, name) != (_ENCODING, "arrayType"):
            raise Malformed("the call holds an attribute that is none of the API")
    once = _ONCE.get(element.name, frozenset())
    if element is call:
        once |= _ONCE_IN_A_CALL
    if once:
        for name, count in Counter(child.name for child in element.children).items():
            if count > 1 and name in once:
                raise Malformed(f"the member {name} comes more than once")
    for child in element.children:
        _check(child, call)
