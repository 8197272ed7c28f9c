"""What a command imports: most of its time, and nothing that is ever let go."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from sessiongate.cli.interrupts import ending_at_once


@contextmanager
def importing() -> Iterator[None]:
    """For imports: Ctrl-C ends the process at once, and no garbage is looked for.

    Modules stay for as long as the process. Looking through them again and again while they grow
    takes a sixth of a server's start, and they are left out of every later look, too.
    """
    looked_for = gc.isenabled()
    gc.disable()
    try:
        with ending_at_once():
            yield
    finally:
        if looked_for:
            gc.freeze()
            gc.enable()
