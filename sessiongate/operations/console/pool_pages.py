"""The pages of the gateway: its sessions at each upstream, and what stops or replaces them."""

from functools import partial
from typing import Any

import msgspec

from sessiongate.errors import NotFound
from sessiongate.operations.console.page import (
    COUNT,
    PASSWORD,
    REASON,
    Action,
    ActionDone,
    ActionRefused,
    Input,
    Page,
    Visit,
)
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.step_up import objection_to_step
from sessiongate.rules.access import ADMINISTER


class PoolsPage(msgspec.Struct, frozen=True):
    """All pools."""

    pools: Any
    """A row each, as `sessiongate pools` has it."""


class PinLine(msgspec.Struct, frozen=True):
    """A client that has something in a lease."""

    lease: str
    key: str
    """Of its session here."""
    user: str
    """"" where that is over."""
    objects: int
    calls: int


class PoolPage(msgspec.Struct, frozen=True):
    """One pool, with its leases, and who has something in them."""

    pool: Any
    pins: list[PinLine]


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""
    actions = {
        "pause": "Send no new call there",
        "resume": "Let calls go on",
        "rotate": "Replace all sessions there",
        "drain": "Let go of all sessions there, and open none",
    }
    return [
        Page("pools", "Pools", partial(_list, parts), "pools.html", menu="Pools", letter="p"),
        Page("pools/{name}", "Pool", partial(_show, parts), "pool.html"),
        *(
            Action(
                f"pools/{{name}}/{what}",
                partial(_act, parts, what),
                ADMINISTER,
                "pools/{name}",
                asks=(REASON, COUNT, PASSWORD, _FORCE) if what == "drain" else (REASON,),
                title=title,
            )
            for what, title in actions.items()
        ),
    ]


_FORCE = Input("force", "`yes`: end the sessions of clients that have something there, too.")


async def _list(parts: ConsoleParts, _: Visit) -> PoolsPage:
    return PoolsPage(msgspec.to_builtins(parts.pools.list()))


async def _show(parts: ConsoleParts, visit: Visit) -> PoolPage:
    name = visit.parts["name"]
    told = parts.pools.show(name)
    pins = []
    for one in parts.pools.pins(name):
        session = await parts.sessions.find(one.client)
        user = session.principal if session is not None else ""
        pins.append(PinLine(one.lease, one.client, user, one.objects, one.calls))
    return PoolPage(msgspec.to_builtins(told), pins)


async def _act(parts: ConsoleParts, what: str, visit: Visit) -> ActionDone | ActionRefused:
    name, by, pools = visit.parts["name"], visit.session.principal, parts.pools
    how, detail = visit.audit_details.get("how", ""), visit.audit_details.get("detail", "")
    clients = 0
    match what:
        case "pause":
            await pools.pause(name, by, how, detail)
        case "resume":
            await pools.resume(name, by, how, detail)
        case "rotate":
            await pools.rotate(name, by, how, detail)
        case "drain":
            there: Any = msgspec.to_builtins(pools.show(name))
            if why := await objection_to_step(parts, visit, there["clients"]):
                return ActionRefused(why)
            force = visit.form.first("force") == "yes"
            done: Any = await pools.drain(name, by, how, detail, force=force, who=visit.session)
            clients = done["clients"]
        case _:
            raise NotFound("There is no such action.")
    return ActionDone(f"pools/{name}", what, clients)
