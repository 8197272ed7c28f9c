"""A SOAP request without its operation's id: what toolkits send again and again but for that.

govc and the SDKs name each call anew in `operationID`, so that no two requests have the same bytes,
though they ask the same. Cut here is what is certain to be that element's text, by looking at the
bytes alone: `operationID` stands in them exactly twice, which is the start tag and the end tag of
one element where a parser has found one, there is no comment, no CDATA and no declaration (`<!`),
and the text has letters, digits and `._:@/+=-` only, so that no other of these can change where
the tags are. Two documents of one shape are read alike but for that text.
"""

import re

_NAME = b"operationID"
_TEXT = re.compile(rb"[A-Za-z0-9._:@/+=-]{1,64}")
HOLE = b"\0"
"""Stands where the text was. No document has it: XML holds no NUL."""


def cut_operation(document: bytes) -> tuple[bytes, str] | None:
    """The shape, and the id. None where it is not certain what is the id."""
    first = document.find(_NAME)
    if first < 0:
        return None
    start = document.find(b">", first) + 1
    end = document.find(b"</", start)
    last = document.find(_NAME, end)
    if start <= 0 or end < 0 or last < 0 or document.find(_NAME, last + 1) >= 0:
        return None
    text = document[start:end]
    if _TEXT.fullmatch(text) is None or b"<!" in document or HOLE in document:
        return None
    return document[:start] + HOLE + document[end:], text.decode("ascii")
