"""What stands in Redis and cannot be read: of a later release, or put there by somebody else.

It is the trouble of whoever asks for that row. Everybody else goes on, and lists leave it out.
"""

import re
import struct

import msgspec

DECODING = (
    msgspec.MsgspecError,
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
)
"""What reading bytes of another form raises."""

# Of a key of another kind, or of a script that could make nothing of what it found. All else that
# Redis says, such as that its memory is full, is about Redis.
_OF_A_ROW = re.compile(r"WRONGTYPE |(?:ERR )?user_script:\d+: ")


def is_of_a_row(said: str) -> bool:
    """Whether an error that Redis says is about what it was asked for."""
    return _OF_A_ROW.match(said) is not None
