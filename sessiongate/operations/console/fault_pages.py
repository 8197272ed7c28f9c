"""The page of faults on purpose: their rules and hits, and the server's time. In `dev` alone."""

from datetime import datetime
from functools import partial

import msgspec

from sessiongate.errors import ConfigError, NotFound
from sessiongate.operations.console.page import (
    Action,
    ActionDone,
    ActionRefused,
    Input,
    Page,
    Visit,
)
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.port import FaultControl
from sessiongate.rules.access import ADMINISTER


class FaultRow(msgspec.Struct, frozen=True):
    """One rule."""

    id: str
    fault: str
    rule: str
    """Its arguments, which requests it is about, and how often."""
    hits: int
    over: bool


class FaultsPage(msgspec.Struct, frozen=True):
    """All rules, in the order in which they decide."""

    now: datetime
    """The server's time."""
    rules: list[FaultRow]
    scenarios: dict[str, str]
    """Name of each that there is, and what happens in it."""


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module; none where the server has no faults on purpose."""
    faults = parts.faults
    if faults is None:
        return []
    actions: dict[str, tuple[str, tuple[Input, ...]]] = {
        "add": ("Add a rule", (Input("rule", "As `sessiongate faults add` takes it.", True),)),
        "scenario": ("Add a scenario's rules", (Input("name", "Of the scenario.", True),)),
        "remove": ("Remove a rule", (Input("id", "Of the rule.", True),)),
        "clear": ("Remove all rules", ()),
        "advance": ("Go ahead in time", (Input("by", "How far, such as `31m`.", True),)),
    }
    return [
        Page("faults", "Faults", partial(_look, faults), "faults.html", menu="Faults", letter="f"),
        *(
            Action(
                f"faults/{what}",
                partial(_act, faults, what),
                ADMINISTER,
                "faults",
                asks,
                title,
            )
            for what, (title, asks) in actions.items()
        ),
        *(
            Action(path, partial(_act, faults, what), ADMINISTER, title=title, verb="DELETE")
            for path, what, title in (
                ("faults", "clear", "Remove all rules"),
                ("faults/{id}", "remove", "Remove a rule"),
            )
        ),
    ]


def banner(faults: FaultControl | None) -> str:
    """What each page says of a server that may have faults; "" of any other."""
    if faults is None:
        return ""
    count = len(faults.list())
    rules = "1 rule" if count == 1 else f"{count} rules"
    return f"This server is a dev server: faults on purpose, {rules}"


async def _look(faults: FaultControl, _: Visit) -> FaultsPage:
    rules = [msgspec.convert(one, FaultRow) for one in faults.list()]
    return FaultsPage(faults.now(), rules, dict(faults.scenarios))


async def _act(faults: FaultControl, what: str, visit: Visit) -> ActionDone | ActionRefused:
    try:
        count = await _do(faults, what, visit)
    except ConfigError as error:
        return ActionRefused("; ".join(error.problems))
    except NotFound as error:
        if "id" in visit.parts:  # its address names what is not there
            raise
        return ActionRefused(str(error))
    return ActionDone("faults", f"fault-{what}", count)


async def _do(faults: FaultControl, what: str, visit: Visit) -> int:
    """How many rules, or sessions, that was about."""
    match what:
        case "add":
            faults.add(visit.form.first("rule"))
        case "scenario":
            return faults.add_scenario(visit.form.first("name"))
        case "remove":
            faults.remove(visit.parts.get("id") or visit.form.first("id"))
        case "clear":
            return faults.clear()
        case "advance":
            return await faults.advance(visit.form.first("by"))
        case _:
            raise NotFound("There is no such action.")
    return 1
