"""The console's templates: everything that is put into one is escaped, and must be there."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sessiongate.operations.console.charts import Chart
from sessiongate.operations.console.static_files import StaticFiles
from sessiongate.operations.console.svg import highest_of, number, svg_of
from sessiongate.rules.name_pattern import pattern_of

# Neither can be in what is escaped, so that no text of a client is taken for one.
_AT, _VERSION = "<!--at-->", "<!--version-->"


_AGAIN = "every 2s"
"""How often an open page asks for its part that follows by itself, as htmx has it."""


class Templates:
    """Renders pages. Made off the event loop: templates are read and compiled there."""

    def __init__(self, static: StaticFiles) -> None:
        self._environment = Environment(
            loader=PackageLoader("sessiongate.operations.console"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["static"] = static.addresses
        self._environment.globals["again"] = _AGAIN
        self._environment.globals["at"] = Markup(_AT)  # noqa: S704 -- a constant of ours
        self._environment.globals["version"] = Markup(_VERSION)  # noqa: S704 -- the same
        self._environment.filters |= {
            "pattern": pattern_of,
            "moment": moment,
            "span": span,
            "short": short,
        }
        self._environment.filters |= {"svg": picture, "number": number, "highest": highest_of}
        for name in self._environment.list_templates(["html"]):
            self._environment.get_template(name)

    def page(self, name: str, facts: Mapping[str, Any]) -> str:
        """A whole page."""
        return self._environment.get_template(name).render(facts)

    def fragment(self, name: str, facts: Mapping[str, Any], now: datetime) -> tuple[str, str]:
        """A part that is asked for again, and its version, which only its content changes."""
        text = self._environment.get_template(name).render(facts)
        version = sha256(text.encode()).hexdigest()[:16]
        return text.replace(_AT, f"{now:%H:%M:%S}").replace(_VERSION, version), version


def moment(when: datetime) -> str:
    """A time of day in UTC, to the second, with its date."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


_HOUR, _DAY = 60, 24 * 60  # minutes


def span(seconds: float | None) -> str:
    """A time in words, as coarse as people take it: `12 min`, `3 h 20 min`, `2 d 4 h`.

    Rounded up: what has begun is not over.
    """
    if seconds is None:
        return ""
    minutes = math.ceil(max(0.0, seconds) / 60)
    if not minutes:
        return "now"
    if minutes < _HOUR:
        return f"{minutes} min"
    if minutes < _DAY:
        return f"{minutes // _HOUR} h {minutes % _HOUR} min"
    return f"{minutes // _DAY} d {minutes % _DAY // _HOUR} h"


def picture(chart: Chart) -> Markup:
    """A chart as SVG."""
    return Markup(svg_of(chart))  # noqa: S704 -- what is put into it is escaped there


_SHOWN = 8


def short(key: str) -> str:
    """So much of a key that people tell it from the others by it."""
    return key[:_SHOWN]
