"""Charts as SVG: lines without a script, without styles of their own, and with a name."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from sessiongate.operations.console.charts import Chart

WIDTH, HEIGHT = 600, 100

_CLASSES = ("first", "second", "third")
"""What the style sheet tells lines apart by: colour and dashes."""


def svg_of(chart: Chart) -> str:
    """The picture: a line for each stretch without a gap, and a title that says what it shows."""
    top = highest_of(chart)
    title = f"{chart.title}, highest {number(top)} {chart.unit}"
    lines = "".join(
        f'<polyline class="{name}" points="{points}"/>'
        for line, name in zip(chart.lines, _CLASSES, strict=False)
        for points in stretches(line.values, top)
    )
    key = escape(f"chart-{chart.key}")
    return (
        f'<svg class="chart" role="img" aria-labelledby="{key}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' preserveAspectRatio="none"><title id="{key}">{escape(title)}</title>{lines}</svg>'
    )


def highest_of(chart: Chart) -> float:
    """The highest value in a chart; 0 where there is none."""
    return max((one for line in chart.lines for one in line.values if one is not None), default=0.0)


def stretches(values: Sequence[float | None], top: float) -> Iterator[str]:
    """The points of each stretch of known values. One alone is drawn as a short dash."""
    step = WIDTH / max(1, len(values) - 1)
    scale = (HEIGHT - 2) / top if top > 0 else 0.0
    for known, group in groupby(enumerate(values), key=lambda one: one[1] is not None):
        if not known:
            continue
        places = [
            (round(at * step, 1), round(HEIGHT - 1 - (value or 0.0) * scale, 1))
            for at, value in group
        ]
        if len(places) == 1:
            ((x, y),) = places
            places = [(round(max(0, x - step / 2), 1), y), (round(min(WIDTH, x + step / 2), 1), y)]
        yield " ".join(f"{x:g},{y:g}" for x, y in places)


def number(value: float | None) -> str:
    """A number as people read it: whole where it is large, with a digit more where it is small."""
    if value is None:
        return "–"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"
