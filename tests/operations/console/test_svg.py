"""Charts drawn: well-formed, named, without styles, gaps left out, and all within the picture."""

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.operations.console.charts import Chart, ChartLine
from sessiongate.operations.console.svg import HEIGHT, WIDTH, number, stretches, svg_of
from sessiongate.testing import T0
from tests.each import each

SVG = "{http://www.w3.org/2000/svg}"

value = st.none() | st.floats(0, 1e9)


def chart(*lines: list[float | None], title: str = "Logins") -> Chart:
    named = [ChartLine(f"line {at}", values) for at, values in enumerate(lines)]
    return Chart("logins", title, "logins", T0, 30, named, [])


def places(points: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (one.split(",") for one in points.split())]


@given(st.lists(value, min_size=1, max_size=150))
def test_all_that_is_known_is_within_the_picture_from_left_to_right(
    values: list[float | None],
) -> None:
    top = max((one for one in values if one is not None), default=0.0)
    found = [places(points) for points in stretches(values, top)]
    for stretch in found:
        assert len(stretch) >= 2
        assert [x for x, _ in stretch] == sorted(x for x, _ in stretch)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in stretch)
    alone = sum(1 for one in found if len(one) == 2)
    known = sum(one is not None for one in values)
    assert known <= sum(map(len, found)) <= known + alone


def test_a_gap_is_no_line() -> None:
    first, second = (places(one) for one in stretches([0.0, 4.0, None, 2.0, 2.0], 4.0))
    assert first == [(0, HEIGHT - 1), (150, 1)]
    assert second == [(450, 50), (600, 50)]


def test_it_says_what_it_shows_and_tells_its_lines_apart() -> None:
    text = svg_of(chart([1.0, 12.0], [0.0, 3.0], title='<Logins> & "more"'))
    root = ET.fromstring(text)
    title = root.find("title")
    assert title is not None
    assert title.text == '<Logins> & "more", highest 12 logins'
    assert root.get("aria-labelledby") == title.get("id")
    assert [line.get("class") for line in root.findall("polyline")] == ["first", "second"]
    assert "style" not in text


def test_a_chart_without_a_value_is_a_picture_all_the_same() -> None:
    root = ET.fromstring(svg_of(chart([None, None])))
    assert root.findall("polyline") == []


@each(
    ("given", "shown"),
    [(None, "–"), (0.0, "0"), (12.0, "12"), (1234.5, "1,234"), (0.456, "0.46"), (99.94, "99.9")],
)
def test_numbers_are_short(given: float | None, shown: str) -> None:
    assert number(given) == shown
