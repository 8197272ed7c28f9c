"""Questions to a person at a terminal. Ctrl-C there ends the command, as everywhere."""

import getpass
import sys

from sessiongate.cli.output import Exit, fail


def hidden(question: str) -> str:
    """What is typed unseen."""
    try:
        return getpass.getpass(f"{question}: ")
    except UnicodeDecodeError:
        fail(Exit.SETTINGS, "what was typed is not text in this locale's encoding; use UTF-8")
    except EOFError:
        _end_line()
        fail(Exit.REFUSED, "nothing was done")
    except KeyboardInterrupt:
        _end_line()
        raise


def typed(question: str) -> str:
    """What is typed for all to see."""
    print(f"{question}: ", end="", file=sys.stderr, flush=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        fail(Exit.SETTINGS, "what was typed is not text in this locale's encoding; use UTF-8")
    except KeyboardInterrupt:
        _end_line()
        raise
    if not line:
        _end_line()
        fail(Exit.REFUSED, "nothing was done")
    return line.strip()


def confirmed(question: str) -> bool:
    """Whether that is answered with yes; no is what a mere Enter, or the end of input, means."""
    while True:
        print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
        try:
            typed = sys.stdin.readline()
        except UnicodeDecodeError:
            typed = "?\n"
        except KeyboardInterrupt:
            _end_line()
            raise
        if not typed:
            _end_line()
        answer = typed.strip().casefold()
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False
        print("Answer y or n.", file=sys.stderr)


def _end_line() -> None:
    """Whatever comes next begins in a line of its own."""
    print(file=sys.stderr)
