"""`sessiongate sessions watch`: the sessions of a running server, as they come and go.

At a terminal a screen that is drawn anew, elsewhere a line for each session that has come or gone.
To look is no use of a session: whoever is watched idles out as before.
"""

import os
import select
import shutil
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from sessiongate.cli.control_client import ask, in_address
from sessiongate.cli.lazy_candidates import user_names
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Failed, Output, clean, fail, json_line, note, table_lines
from sessiongate.cli.session_rows import COLUMNS, RowFacts, for_people
from sessiongate.config.values import positive_duration
from sessiongate.files import null_device

_OPEN_SCREEN, _CLOSE_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

# A line says how many there are, and one how this ends.
_AROUND = 2

Row = dict[str, object]
Look = Callable[[], "Seen"]


class TerminalGone(Exception):
    """Nobody sees what is drawn."""


class Seen(msgspec.Struct):
    """What the server has told."""

    total: int
    sessions: list[Row]


def watch(
    user: Annotated[
        str | None, typer.Option("--user", help="Only this user's.", autocompletion=user_names)
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="Between two looks.")] = "2s",
    times: Annotated[
        int | None, typer.Option("--times", min=1, help="End after so many looks.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show live sessions as they come and go, the one used last first. Ends with q or Ctrl-C.

    What is no terminal gets a line for each session that is open, was opened or has ended since the
    look before, and so does --output json.
    """
    try:
        pause = positive_duration(interval).total_seconds()
    except ValueError as problem:
        fail(Exit.SETTINGS, f"--interval: {problem}")
    where = settings(config, data_dir).server.data_dir
    of_user = f"?user={in_address(user)}" if user is not None else ""
    if output is Output.TABLE and sys.stdout.isatty() and sys.stdin.isatty():
        on_screen(lambda: ask(where, "GET", f"/latest{of_user}", Seen), pause, times)
        return

    def whole() -> Seen:
        rows = ask(where, "GET", f"/sessions{of_user}", list[Row])
        return Seen(len(rows), rows)

    _in_lines(whole, pause, times, output)


def on_screen(look: Look, pause: float, times: int | None) -> None:
    """Draw what is seen until q is pressed, the terminal has gone, or so many `times`."""
    seen = look()  # where nobody answers, that is said instead of an empty screen
    with _screen(), suppress(TerminalGone):
        why, at = "", datetime.now().astimezone()
        while True:
            size = shutil.get_terminal_size()
            lines = screen_lines(seen, at, why, size.columns, size.lines)
            drawn = "".join(f"{one}{_CLEAR_LINE}\r\n" for one in lines[:-1])
            _draw(f"{_HOME}{drawn}{lines[-1]}{_CLEAR_LINE}{_CLEAR_BELOW}")
            times = None if times is None else times - 1
            if times == 0 or _pressed_q(pause):
                return
            try:
                seen, why, at = look(), "", datetime.now().astimezone()
            except Failed as failed:
                why = failed.sentences[0]


def screen_lines(seen: Seen, at: datetime, why: str, columns: int, lines: int) -> list[str]:
    """What a screen of this size shows: a head, the table, and as much of it as there is room for.

    `why` says why it is no newer than of this time; "" where it is new.
    """
    count = "1 session" if seen.total == 1 else f"{seen.total} sessions"
    state = f"not updated since {at:%H:%M:%S}: {why}" if why else f"{at:%H:%M:%S}"
    head = clean(f"{count}  {state}")[:columns]
    room = max(1, lines - _AROUND - 1)
    rows = [for_people(msgspec.convert(one, RowFacts), one) for one in seen.sessions[:room]]
    table = table_lines(rows, COLUMNS, columns)[0] if rows else ["No session is open."]
    more = seen.total - len(rows)
    foot = f"{more} more; q ends" if more else "q ends"
    return [head, *table, foot[:columns]]


@contextmanager
def _screen() -> Iterator[None]:
    """A screen of our own, and keys as they are pressed. What was there before comes back."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write(_OPEN_SCREEN)
        yield
    finally:
        with suppress(TerminalGone, termios.error):
            _draw(_CLOSE_SCREEN)
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _draw(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        # What is left would be written once more at the end, and fail once more.
        os.dup2(null_device(), sys.stdout.fileno())
        raise TerminalGone from None


def _pressed_q(pause: float) -> bool:
    """Wait so long for a key. Whether it was q, or nobody can press one any more."""
    descriptor, until = sys.stdin.fileno(), time.monotonic() + pause
    while (left := until - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return False
        try:
            pressed = os.read(descriptor, 64)
        except OSError:
            return True
        if not pressed or b"q" in pressed.lower():
            return True
    return False


def _in_lines(look: Look, pause: float, times: int | None, output: Output) -> None:
    before: Mapping[str, Row] | None = None
    told_why = ""
    while True:
        try:
            now = {str(row.get("key")): row for row in look().sessions}
            told_why = ""
        except Failed as failed:
            if before is None:
                raise
            if failed.sentences[0] != told_why:
                told_why = failed.sentences[0]
                note(told_why)
        else:
            _print_changes(before, now, output)
            before = now
        times = None if times is None else times - 1
        if times == 0:
            return
        time.sleep(pause)


def _print_changes(
    before: Mapping[str, Row] | None, now: Mapping[str, Row], output: Output
) -> None:
    at = datetime.now().astimezone()
    for what, row in changes(before, now):
        if output is Output.JSON:
            print(json_line({"at": at.isoformat(), "change": what, **row}))
            continue
        shown = (row.get(one, "") for one in ("key", "user", "ip_address", "dialect", "user_agent"))
        print(clean("  ".join((f"{at:%H:%M:%S}", what, *map(str, shown)))))
    sys.stdout.flush()


def changes(before: Mapping[str, Row] | None, now: Mapping[str, Row]) -> Sequence[tuple[str, Row]]:
    """What has changed between two looks, oldest login first: `opened` and `ended`.

    At the first look (`before` is None) all that are there are `open`.
    """
    came = [row for key, row in now.items() if before is None or key not in before]
    went = [row for key, row in (before or {}).items() if key not in now]
    return [
        *(("ended", row) for row in sorted(went, key=_login)),
        *(("open" if before is None else "opened", row) for row in sorted(came, key=_login)),
    ]


def _login(row: Row) -> tuple[str, str]:
    return str(row.get("login_at")), str(row.get("key"))
