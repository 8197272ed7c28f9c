"""The `sessiongate` command, up to where `root` can be imported: Ctrl-C is heeded before that."""

import signal
import sys

from sessiongate.cli.imports import importing
from sessiongate.cli.interrupts import INTERRUPTED

SERVERS = {"serve", "dev"}
"""The commands that go on until they are stopped."""


def main() -> None:
    """Run the command line. Ctrl-C ends it quietly, whenever it comes."""
    try:
        with importing():
            alone = not SERVERS.isdisjoint(sys.argv[1:2]) and "--" not in sys.argv
            if alone and hasattr(signal, "SIGHUP"):
                # It ends a process by default. A server reads its settings again, once it listens;
                # what it is made of is imported after this, which takes most of its start.
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            from sessiongate.cli.root import run
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
