"""Reading a request's JSON body, bounded before it is read.

The edge bounds how many bytes there are; here it is how many values, since a megabyte of empty
arrays is a hundred thousand objects to build and to throw away. Depth is the parser's own limit.
"""

import msgspec

from sessiongate.errors import Malformed

# As many as XML may hold elements (`wire.xml`): far more than any request has.
MOST_VALUES = 10_000
_BEFORE_VALUES = (b",", b"[", b"{")


def read_json(body: bytes) -> object:
    """The value of a body. Raises Malformed; the text never repeats what was sent.

    A comma or bracket inside a string counts as one before a value.
    """
    if sum(map(body.count, _BEFORE_VALUES)) > MOST_VALUES:
        raise Malformed(f"the body holds more than {MOST_VALUES} values")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("the body is not JSON") from None
