"""Text in and out of a command, whatever the locale.

Python reads arguments, variables and standard input by the locale's encoding, and keeps bytes that
are no text in it as half letters, which nothing can print or store. A password that came in so
could be set, and nobody could log in with it. So it is refused here, before any command sees it.
"""

import io
import os
import sys
from collections.abc import Mapping, Sequence

from sessiongate.cli.output import Exit, fail
from sessiongate.files import null_device
from sessiongate.secret import secret_text

# Far above any password, and far below what hurts.
_LONGEST_LINE = 1 << 16
_WAY_OUT = "use UTF-8, such as by LC_ALL=C.UTF-8"


def settle_streams() -> None:
    """Have all three standard streams, and show ? for letters that an encoding lacks.

    What was closed reads and writes nothing: the next file would get its number, and output.
    """
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def _open_what_is_closed() -> None:
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            null_device()  # gets the lowest number that is free, this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def refuse_what_is_none(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Fail if an argument or a variable of ours holds bytes that are no text."""
    encoding = sys.getfilesystemencoding()
    problems = [
        f"argument {number} is not text in this locale's encoding ({encoding}); {_WAY_OUT}"
        for number, argument in enumerate(arguments, 1)
        if not is_text(argument)
    ]
    problems += [
        f"{name}: is not text in this locale's encoding ({encoding}); {_WAY_OUT}"
        for name, value in sorted(environ.items())
        if name.upper().startswith("SESSIONGATE_") and not is_text(name + value)
    ]
    if problems:
        fail(Exit.SETTINGS, *map(escaped, problems))


def is_text(text: str) -> bool:
    """Whether this is whole letters only."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def escaped(text: str) -> str:
    """The text with half letters as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def line_of_stdin(what: str) -> str:
    """The first line of standard input, in UTF-8 whatever the locale, without BOM and line end."""
    stream = getattr(sys.stdin, "buffer", None)
    raw = stream.readline(_LONGEST_LINE) if stream is not None else sys.stdin.readline().encode()
    try:
        return secret_text(raw)
    except UnicodeDecodeError:
        fail(
            Exit.SETTINGS,
            f"the {what} on standard input is not UTF-8",
            "Latin-1 and UTF-16 are taken for other letters by clients: convert it, such as with"
            " iconv -f LATIN1 -t UTF-8",
        )
