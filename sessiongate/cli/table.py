"""How a table fits a terminal: which columns there is room for, and how wide each may be. Pure.

What people copy (a key, a name, a fingerprint, a command) is never cut and never folded. Where
there is no room, texts are cut first, with an ellipsis; then whole columns go, the least important
first.
"""

import re
from collections.abc import Callable, Sequence
from textwrap import wrap

import msgspec
from rich.cells import cell_len, set_cell_size

_GAP = "  "
# Commands in prose, and what stands for a space in them while the prose is folded.
_QUOTED = re.compile(r"`[^`]*`")
_UNBROKEN = "\x00"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

Paint = Callable[[str, str], str]
"""Colours a text for a style's name."""


class Column(msgspec.Struct, frozen=True):
    """A column, by the name of its value in a row."""

    name: str
    rank: int = 0
    """Columns of the highest rank go first where there is no room; those of rank 0 stay."""
    least: int = 0
    """The width to which its texts may be cut; 0: they are shown whole or not at all."""
    prose: bool = False
    """Folded between words where it is too long, instead of cut. For the last column.

    A command in backticks is a word.
    """
    style: str = ""
    """"result" colours each text by what it says."""
    only_wide: bool = False

    @property
    def heading(self) -> str:
        """What stands above it."""
        return self.name.replace("_", " ").upper()

    def least_of(self, natural: int) -> int:
        """The smallest width it can have where its texts would like this one."""
        return min(natural, max(self.least, len(self.heading))) if self.least else natural


class Layout(msgspec.Struct, frozen=True):
    """The columns that are shown, the width of each, and those that there is no room for."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    dropped: tuple[int, ...]


def fit(columns: Sequence[Column], natural: Sequence[int], width: int | None) -> Layout:
    """Choose columns and widths for a terminal; `width` of None is room for everything.

    `natural` has the width that each column would like.
    """
    if width is None:
        every = tuple(range(len(columns)))
        return Layout(every, tuple(natural), ())
    shown = [number for number, column in enumerate(columns) if not column.only_wide]
    while _total([columns[one].least_of(natural[one]) for one in shown]) > width:
        last = max(shown, key=lambda one: columns[one].rank)
        if not columns[last].rank:
            break
        shown.remove(last)
    widths = {one: natural[one] for one in shown}
    # From the right: what stands there matters least.
    for one in reversed(shown):
        over = _total(list(widths.values())) - width
        if over > 0:
            widths[one] = max(columns[one].least_of(natural[one]), natural[one] - over)
    dropped = tuple(one for one in range(len(columns)) if one not in widths)
    return Layout(tuple(shown), tuple(widths[one] for one in shown), dropped)


def render(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int | None,
    paint: Paint = lambda text, _: text,
) -> tuple[list[str], list[str]]:
    """The lines of a table, and the names of the columns that there is no room for."""
    natural = [
        max(cell_len(column.heading), *(cell_len(row[number]) for row in rows))
        for number, column in enumerate(columns)
    ]
    layout = fit(columns, natural, width)
    chosen = [columns[one] for one in layout.shown]
    lines = [_line([column.heading for column in chosen], layout.widths, ["heading"] * 99, paint)]
    for row in rows:
        cells = [row[one] for one in layout.shown]
        styles = [cells[n] if column.style == "result" else "" for n, column in enumerate(chosen)]
        folded = [
            _folded(cell, column, space)
            for cell, column, space in zip(cells, chosen, layout.widths, strict=True)
        ]
        for depth in range(max(map(len, folded))):
            line = [texts[depth] if depth < len(texts) else "" for texts in folded]
            lines.append(_line(line, layout.widths, styles, paint))
    return lines, [columns[one].name.replace("_", " ") for one in layout.dropped]


def span(seconds: int) -> str:
    """A span of time in a few letters, rounded down: `43s`, `12m`, `5h`, `3d`."""
    for unit, length, most in (("s", 1, _MINUTE), ("m", _MINUTE, _HOUR), ("h", _HOUR, 2 * _DAY)):
        if seconds < most:
            return f"{max(0, seconds) // length}{unit}"
    return f"{seconds // _DAY}d"


def _folded(text: str, column: Column, space: int) -> list[str]:
    if cell_len(text) <= space:
        return [text]
    if column.prose:
        whole = _QUOTED.sub(lambda found: found[0].replace(" ", _UNBROKEN), text)
        lines = wrap(whole, space, break_long_words=False, break_on_hyphens=False)
        return [line.replace(_UNBROKEN, " ") for line in lines]
    return [set_cell_size(text, space - 1).rstrip() + "…"]


def _line(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str], paint: Paint) -> str:
    parts = []
    for number, (cell, space) in enumerate(zip(cells, widths, strict=True)):
        last = number == len(widths) - 1
        padding = "" if last else " " * (space - cell_len(cell))
        parts.append(paint(cell, styles[number]) + padding)
    return _GAP.join(parts).rstrip()


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)
