"""Which modules of ours a request goes through, as the interpreter sees it go."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from tests.house.sources import PACKAGE

COUNTED = {"dialects", "service", "identity", "audit", "store"}
"""Where something is decided or kept. The rest are values, calculations, and what is counted."""

CODECS = {"wire.vim.soap", "wire.carriers"}
"""Calculations that are stays of a SOAP call all the same: they read and write its document."""

PACKAGES = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py")}


def module_of(frame: FrameType) -> str:
    """The module below `sessiongate` that a frame is of, "" for code of others."""
    name: str = frame.f_globals.get("__name__", "")
    return name.removeprefix("sessiongate.") if name.startswith("sessiongate.") else ""


def room_of(module: str) -> str:
    """The folder of a module. A dialect has its own, and so has a provider; a store's is shared."""
    area, _, rest = module.partition(".")
    below = rest.partition(".")[0]
    if area in ("dialects", "identity") and f"{area}/{below}" in PACKAGES:
        return f"{area}.{below}"
    return area


def answered_nowait(frame: FrameType | None) -> bool:
    """Whether this is done for a request that is answered without a task."""
    while frame is not None and frame.f_code.co_name != "_answered_nowait":
        frame = frame.f_back
    return frame is not None


@dataclass
class Walk:
    """Calls of one request from one module of ours into another, in order: (from, to)."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """What the interpreter tells; see `sys.setprofile`."""
        if event != "call" or not (to := module_of(frame)):
            return
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return
        if not (answered_nowait(frame) if task is None else task.get_name() == "request"):
            return
        back = frame.f_back
        while back is not None and not module_of(back):
            back = back.f_back
        came = module_of(back) if back is not None else ""
        if came != to:
            self.calls.append((came, to))

    @property
    def hops(self) -> list[str]:
        """The rooms between the router and the store, and the store, each once, in order."""
        found: dict[str, None] = {}
        for _, to in self.calls:
            if to.partition(".")[0] in COUNTED:
                found[room_of(to)] = None
            if to.partition(".")[0] == "store":
                break
        return list(found)

    @property
    def stays(self) -> list[str]:
        """The modules from the endpoint to the reply, each once. A store is one, however built."""
        found: dict[str, None] = {}
        for _, to in self.calls:
            area = to.partition(".")[0]
            if area in COUNTED or to in CODECS:
                found["store" if area == "store" else to] = None
        return list(found)

    @property
    def climbs(self) -> int:
        """How often the endpoint has control back and goes down into one of the stays again."""
        endpoint = self.stays[0]
        return sum(came == endpoint and to in self.stays for came, to in self.calls) - 1


@contextmanager
def walked() -> Iterator[Walk]:
    """Watch the requests that are answered in this thread meanwhile."""
    walk = Walk()
    sys.setprofile(walk.note)
    try:
        yield walk
    finally:
        sys.setprofile(None)
