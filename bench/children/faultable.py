"""`sessiongate serve` of a server that could have faults, and has none: what asking costs."""

from datetime import timedelta
from functools import partial

from sessiongate.app.in_process import running
from sessiongate.app.supplied import Supplied
from sessiongate.app.workers import process
from sessiongate.cli.main import main
from sessiongate.clock import SystemClock
from sessiongate.faults.points import Faults
from sessiongate.secret import Secret


class _Still(SystemClock):
    """The system's clock, which nobody sends ahead here."""

    def advance(self, by: timedelta) -> None:
        raise NotImplementedError

    def freeze(self) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError


_clock = _Still()
_supplied = Supplied(clock=_clock, faults=Faults(_clock, 0, Secret("nobody steers it")))
process.running = partial(running, supplied=_supplied)  # type: ignore[attr-defined]

main()
