"""A rule as commands and pages show it. Pure."""

from collections.abc import Mapping

import msgspec

from sessiongate.faults.book import ListedRule

_APART = ("id", "fault", "hits", "over")


def as_row(listed: ListedRule) -> dict[str, object]:
    """A rule as it was said, with its id and what became of it."""
    return {**listed.rule, "id": listed.id, "hits": listed.hits, "over": listed.over}


def row_of(told: Mapping[str, object]) -> dict[str, object]:
    """The same as a row of a table: id, fault, hits, over; all else of it is one text, `rule`."""
    rest = {name: value for name, value in told.items() if name not in _APART}
    text = " ".join(f"{name}={_plain(value)}" for name, value in rest.items())
    return {**{name: told[name] for name in _APART}, "rule": text}


def _plain(value: object) -> str:
    """A value as the words of a rule have it, names with commas between them; else as JSON."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
