"""What errors carry, and that catching one branch does not catch the other."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from sessiongate import errors
from sessiongate.store.embedded import writer
from sessiongate.store.embedded.tickets import TicketTable
from sessiongate.store.embedded.writer import Writer
from sessiongate.store.redis import pipeline
from sessiongate.store.redis.client import Client
from sessiongate.store.redis.pipeline import Pipeline
from sessiongate.testing import a_ticket
from tests.each import each


def test_the_branches_are_apart() -> None:
    assert not issubclass(errors.Refused, errors.Unavailable)
    assert not issubclass(errors.Unavailable, errors.Refused)
    assert not issubclass(errors.ConfigError, errors.SessionGateError)


@pytest.mark.parametrize(
    ("error", "text", "facts"),
    [
        (
            errors.NoPermission("System.View"),
            "the privilege System.View is missing",
            {"privilege": "System.View"},
        ),
        (errors.InvalidArgument("key"), "key", {"name": "key"}),
        (errors.InvalidArgument("key", "too long"), "key: too long", {"name": "key"}),
        (
            errors.CapReached("total", 5, "ada"),
            "the total cap of 5 sessions is reached",
            {"scope": "total", "limit": 5, "principal": "ada"},
        ),
        (
            errors.UnknownObject("Folder", "f"),
            "no Folder of this name",
            {"kind": "Folder", "name": "f"},
        ),
        (
            errors.UnknownMethod("Folder", "f", "m"),
            "Folder has no such method",
            {"kind": "Folder", "name": "f", "method": "m"},
        ),
        (errors.UnknownName("n"), "there is no method 'n'", {"name": "n"}),
        (errors.UnknownProperty("p"), "no such property", {"name": "p"}),
        (errors.UnknownType("type"), "no such type of managed object", {"name": "type"}),
        (errors.WrongVerb("GET", "POST"), "only GET, POST here", {"allowed": ("GET", "POST")}),
    ],
)
def test_errors_carry_facts_for_the_dialects(
    error: errors.SessionGateError, text: str, facts: dict[str, object]
) -> None:
    assert str(error) == text
    assert {name: getattr(error, name) for name in facts} == facts


EVERY = [
    errors.BadCredentials("no", guess=False, answered=False),
    errors.LockedOut("full", answered=False),
    errors.NoPermission("System.View"),
    errors.InvalidArgument("key", "too long"),
    errors.CapReached("total", 5, "ada"),
    errors.UnknownMethod("Folder", "f", "m"),
    errors.WrongVerb("GET", "POST"),
    errors.IdentityUnavailable("away", answered=True, retry_after=9),
    errors.EndNotWritten("full", "a session"),
    errors.Overloaded("later"),
]


@each("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_about_somebody_is_another_one_that_says_the_same(
    error: errors.SessionGateError,
) -> None:
    before = dict(vars(error))
    known = error.of_somebody()
    assert known is not error
    assert (type(known), str(known)) == (type(error), str(error))
    assert known.known
    assert known.person == ("", "")
    assert vars(known) == {**before, "known": True, "person": ("", "")}
    assert vars(error) == before
    assert known.of_somebody() is known
    named = known.of_somebody("local", "ada")
    assert (named.known, named.person, str(named)) == (True, ("local", "ada"), str(error))
    assert named.of_somebody("corp", "bob") is named  # who it is was said first


def test_an_outage_says_when_to_come_back() -> None:
    assert errors.StoreUnavailable("x").retry_after > errors.Overloaded("x").retry_after > 0


async def _write(folder: Path) -> None:
    await Writer(folder / "sessions.db").write("", ())


async def _call(_: Path) -> None:
    await Pipeline(cast("Client", None), "redis", 1.0).send("PING")


async def _put(_: Path) -> None:
    TicketTable(most=0).put(b"", a_ticket())


@each("fill", [_write, _call, _put], ids=["the disk", "Redis", "tickets"])
async def test_how_much_waits_inside_is_for_the_log_alone(
    fill: Callable[[Path], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (writer, pipeline):
        monkeypatch.setattr(module, "MOST_WAITING", 0)
    with pytest.raises(errors.Overloaded, match="waiting") as full:
        await fill(tmp_path)
    assert full.value.says == ""


def test_every_problem_of_the_settings_is_told() -> None:
    error = errors.ConfigError(["a: must be b", "c: is not a setting"])
    assert str(error) == "a: must be b\nc: is not a setting"
    assert error.problems == ["a: must be b", "c: is not a setting"]
