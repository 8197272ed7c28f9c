"""Types of events: the special ones begin as the general one does."""

from sessiongate.wire.vim.types.events import BASES, TYPES


def test_every_event_begins_as_event_does() -> None:
    for special, base in BASES.items():
        assert TYPES[special][: len(TYPES[base])] == TYPES[base]
