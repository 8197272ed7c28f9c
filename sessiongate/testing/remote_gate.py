"""A server in another process, with the face of a `Gate`: one that `dev` runs.

It is steered as `sessiongate clock` and `sessiongate faults` do it. What only the server's own
process knows, each request and its log, cannot be asked: `requests`, and `lock`, say so.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

import msgspec

from sessiongate.faults.reader import as_json
from sessiongate.files import read_named
from sessiongate.operations.control import SessionRow
from sessiongate.operations.control_socket import socket_path
from sessiongate.testing.clock import Advanced
from sessiongate.testing.clock_step import step_of
from sessiongate.testing.gate_base import GateBase
from sessiongate.testing.observed import Decisions, events_in
from sessiongate.testing.placed_fault import PlacedFault
from sessiongate.testing.ready_file import DevServer
from sessiongate.testing.remote_line import NotPossible, RemoteLine
from sessiongate.testing.users import TestUser


class RemoteClock:
    """The time of a server in another process, which only goes ahead."""

    def __init__(self, line: RemoteLine) -> None:
        self._line = line

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        return datetime.fromisoformat(self._line.ask("GET", "/dev/clock")["now"])

    def advance(self, by: timedelta | str = timedelta(0), **more: float) -> Advanced:
        """Go ahead by this (also `31m`) and by `minutes=31` and the like, and judge what that ends.

        Raises ValueError for a step back.
        """
        whole = step_of(by, more)
        return self._go({"advance": f"{whole // timedelta(milliseconds=1)}ms"})

    def to(self, when: datetime) -> Advanced:
        """Go ahead to this time. Raises ValueError if it is past."""
        return self._go({"to": when.isoformat()})

    def freeze(self) -> None:
        """Stand still, but for steps ahead."""
        self._go({"freeze": True})

    def _go(self, told: Mapping[str, object]) -> Advanced:
        answer = self._line.ask("POST", "/dev/clock", told)
        return Advanced(datetime.fromisoformat(answer["now"]), answer["ended"])


class RemoteGate(GateBase):
    """A server that runs in another process. Its members are a `Gate`'s."""

    _without_ca = "this server speaks plain HTTP, or SESSIONGATE_CA is not set"

    def __init__(
        self,
        server: DevServer,
        data_dir: Path | None,
        control: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """`data_dir` is known where it is on this machine; `control` is its control socket, where
        that is not the data directory's; `log` is where it logs.
        """
        self._log = log
        self._placed: list[PlacedFault] = []
        self.data_dir, self.token = data_dir, server.token
        if control is None and data_dir is not None:
            control = socket_path(data_dir)
        self.url, self.operations, self.seed = server.url, server.operations, server.seed
        self.ca = None if server.ca is None else Path(server.ca)
        self.fingerprint, self.pid = server.fingerprint, server.pid
        self.users = {
            name: TestUser(name, one.password, one.role) for name, one in server.users.items()
        }
        where = urlsplit(server.url)
        self.host = str(where.hostname)
        self.port = where.port or (443 if where.scheme == "https" else 80)
        self._line = RemoteLine(control, server.operations, server.token, self.ca)
        self.clock = RemoteClock(self._line)

    @property
    def can_be_reset(self) -> bool:
        """Whether there is a way to steer it."""
        return self._line.is_known

    def reset(self) -> None:
        """As it was at first: without sessions, tickets, lockouts and events, at the true time."""
        for one in self._placed:
            with suppress(ValueError):  # somebody else has removed it
                one.remove()  # while it can say how many have met it
        self._placed.clear()
        self._line.ask("POST", "/dev/reset")

    def close(self) -> None:
        """Leave it as it is: whoever started it stops it."""

    def rule(self, told: Mapping[str, object]) -> PlacedFault:
        """The same for a whole rule, as JSON has it."""
        rule_id = self._line.ask("POST", "/dev/faults", as_json(told))["id"]
        where = f"/dev/faults/{quote(rule_id, safe='')}"
        placed = PlacedFault(
            rule_id,
            lambda: int(self._line.ask("GET", where)["hits"]),
            lambda: self._line.ask("DELETE", where),
            told,
        )
        self._placed.append(placed)
        return placed

    def sessions(self, user: str | None = None) -> list[SessionRow]:
        """The live sessions, of this user or of all, the oldest first."""
        rows = msgspec.convert(self._line.ask("GET", f"/sessions{_query(user)}"), list[SessionRow])
        return sorted(rows, key=lambda row: row.login_at)

    def end(self, user: str | None = None, *, key: str | None = None) -> int:
        """End the sessions of this user, or the one of this key. How many have ended."""
        if (user is None) == (key is None):
            raise ValueError("end(user) or end(key=...), and not both")
        path = f"/sessions{_query(user)}" if key is None else f"/sessions/{quote(key, safe='')}"
        return int(self._line.ask("DELETE", path)["ended"])

    def unlock(self, name: str) -> bool:
        """Let this name try again. False if nothing was held against it."""
        return bool(self._line.ask("POST", f"/users/unlock{_query(name)}")["unlocked"])

    def lock(self, name: str) -> NoReturn:
        """Not in another process: log in with wrong passwords instead."""
        raise NotPossible("lock() is for --sessiongate=inprocess: try wrong passwords instead")

    def events(self, name: str | None = None) -> Decisions:
        """What was decided, as the audit has it: events of this name, or all."""
        answer = self._line.ask("GET", "/dev/events")
        return events_in([msgspec.json.encode(one) for one in answer["events"]], name)

    def requests(self) -> NoReturn:
        """Not in another process: there are `events`."""
        raise NotPossible("requests() is for --sessiongate=inprocess: here there are events()")

    def log(self) -> list[str]:
        """The last fifty lines of the server's log, where a test has started it."""
        return [] if self._log is None else read_named(self._log).decode().splitlines()[-50:]


def _query(user: str | None) -> str:
    return "" if user is None else f"?user={quote(user, safe='')}"
