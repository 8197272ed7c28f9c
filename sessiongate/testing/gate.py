"""A server for tests: in this process, on ports of its own, with a clock that travels.

    with Gate.start() as gate:
        my_client.login(gate.url, "ci", gate.users["ci"].password, ca=gate.ca)
        gate.clock.advance(minutes=31)
        my_client.work()
        assert gate.events("session opened").count == 2

Everything is in memory and in a temporary directory, and gone at the end. Signals, limits and
environment of the process stay as they are. For pytest there is a plugin with a fixture.
"""

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

import msgspec

from sessiongate.app.setup.prepare import certificates_of
from sessiongate.app.setup.roles_and_users import roles_of, users_file
from sessiongate.app.started import url_of
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError, Refused
from sessiongate.http.message import Reply, Request
from sessiongate.operations.control import Control, SessionRow
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.testing.clock import Advanced
from sessiongate.testing.clock_step import step_of
from sessiongate.testing.gate_base import GateBase, roles_in, settings_in
from sessiongate.testing.gate_thread import GateThread
from sessiongate.testing.observed import (
    Decisions,
    Seen,
    events_in,
    log_lines_diverted,
)
from sessiongate.testing.placed_fault import PlacedFault
from sessiongate.testing.users import USERS, TestUser, add_users, with_random_passwords


class GateClock:
    """The time of one server, which only goes ahead. Certificates keep to the machine's time."""

    def __init__(self, thread: GateThread) -> None:
        self._thread = thread

    def now(self) -> datetime:
        """The time, as an aware UTC datetime."""
        return self._thread.clock.now()

    def advance(self, by: timedelta | str = timedelta(0), **more: float) -> Advanced:
        """Go ahead by this (also `31m`) and by `minutes=31` and the like, and judge what that ends.

        Sessions, lockouts and tickets whose time is up are over when this returns. Raises
        ValueError for a step back.
        """
        ended = self._thread.call(self._thread.advance(step_of(by, more)))
        return Advanced(self.now(), ended)

    def to(self, when: datetime) -> Advanced:
        """Go ahead to this time. Raises ValueError if it is past."""
        return self.advance(when - self.now())

    def freeze(self) -> None:
        """Stand still, but for steps ahead: replies are then the same to the byte."""
        self._thread.clock.freeze()


class Gate(GateBase):
    """A server that runs in this process. Made by `start`."""

    def __init__(self, thread: GateThread, config: Config, users: Mapping[str, TestUser]) -> None:
        self._thread = thread
        self._config = config
        self._until_closed = ExitStack()
        self.users = users
        self.clock = GateClock(thread)
        started = thread.running.started
        self.url = url_of(config, started.addresses[0])
        self.operations = started.operations
        """Where `/metrics`, `/healthz` and `/readyz` are."""
        parts = urlsplit(self.url)
        self.data_dir = config.server.data_dir
        """For commands: `sessiongate sessions list --data-dir …` asks this server."""
        self.seed = thread.seed
        """What the draws of faults follow from. The same one repeats them."""
        self.token = thread.token.reveal()
        """What `/dev/` at `operations` asks for, in `X-Sessiongate-Dev`."""
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        served = started.certificates
        self.ca = served.ca if served is not None else None
        self.fingerprint = served.facts.sha256 if served is not None else ""
        """SHA-256 of the server's certificate, as `AA:BB:…`."""

    @classmethod
    def start(
        cls,
        *,
        users: Mapping[str, str] | Sequence[str] = USERS,
        profile: str | None = None,
        idle_timeout: str | None = None,
        tls: bool = True,
        settings: Mapping[str, object] | None = None,
        seed: int | None = None,
    ) -> "Gate":
        """Start a server, within 10 seconds.

        `users` are names with their roles, or names of administrators; passwords are random.
        `profile` and `idle_timeout` are the settings of these names in `[sessions]`, `settings`
        any others by dotted name, such as `{"lockout.attempts": 3}`. `seed` decides what faults
        with a probability hit; a random one is taken where none is given. Raises ConfigError for
        settings that are none, TimeoutError where it does not start.
        """
        given, roles = settings_in(settings, profile, idle_timeout), roles_in(users)
        with ExitStack() as undo:
            undo.enter_context(log_lines_diverted())
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="sessiongate-gate-"))
            config = load(None, {}, {**_OWN, **given, "server.data_dir": folder, **_plain(tls)})
            certificates_of(config)
            people = with_random_passwords(roles)
            add_users(users_file(config), people, roles_of(config))
            thread = GateThread(config, secrets.randbits(32) if seed is None else seed)
            thread.start()
            undo.callback(thread.stop)
            gate = cls(thread, config, {one.name: one for one in people})
            gate._until_closed = undo.pop_all()
        return gate

    def close(self) -> None:
        """Stop the server, and remove what it had. Idempotent."""
        self._until_closed.close()

    def reset(self) -> None:
        """As it was at first: without sessions, tickets, lockouts and events, at the true time.

        Addresses, certificate and passwords stay. Clients' connections end.
        """
        self._thread.begin_anew()

    def rule(self, told: Mapping[str, object]) -> PlacedFault:
        """The same for a whole rule, as JSON has it."""
        state = self._thread.faults.state
        try:
            rule_id = self._thread.ask(lambda: state.add(told)).id
        except ConfigError as error:
            raise ConfigError(error.problems) from None  # from here: a test's report is short

        def remove() -> None:
            if self._thread.faults.state is state:  # else it went with a reset
                self._thread.ask(lambda: state.remove(rule_id))

        def hits() -> int:
            return self._thread.ask(lambda: state.hits(rule_id))

        return PlacedFault(rule_id, hits, remove, told)

    def sessions(self, user: str | None = None) -> list[SessionRow]:
        """The live sessions, of this user or of all, the oldest first."""
        rows = msgspec.json.decode(self._ask("GET", "/sessions", user), type=list[SessionRow])
        return sorted(rows, key=lambda row: row.login_at)

    def end(self, user: str | None = None, *, key: str | None = None) -> int:
        """End the sessions of this user, or the one of this key, as an administrator would.

        How many have ended.
        """
        if (user is None) == (key is None):
            raise ValueError("end(user) or end(key=...), and not both")
        path = "/sessions" if key is None else f"/sessions/{quote(key, safe='')}"
        answer = msgspec.json.decode(self._ask("DELETE", path, user), type=dict[str, int])
        return answer["ended"]

    def lock(self, name: str) -> None:
        """Lock this name out for clients on this machine, by wrong passwords."""
        self._thread.call(self._guess(name))

    def unlock(self, name: str) -> bool:
        """Let this name try again. False if nothing was held against it."""
        answer = self._ask("POST", "/users/unlock", name)
        return msgspec.json.decode(answer, type=dict[str, bool])["unlocked"]

    def events(self, name: str | None = None) -> Decisions:
        """What was decided, as the audit has it: events of this name (`session opened`), or all."""
        return events_in(self._thread.ask(lambda: self._thread.store.audit.payloads), name)

    def requests(self) -> list[Seen]:
        """What clients have asked, in order."""
        return self._thread.ask(lambda: list(self._thread.requests.seen))

    def log(self) -> list[str]:
        """The last fifty lines of the server's log."""
        return self._thread.ask(lambda: list(self._thread.lines.last))

    def _ask(self, method: str, path: str, user: str | None = None) -> bytes:
        query = f"user={quote(user, safe='')}" if user is not None else ""
        control = self._thread.running.server.control
        assert control is not None, "it has started"
        reply = self._thread.call(_answer(control, Request(method, path, query, [], b"", "", True)))
        if reply.status != 200:
            raise ValueError(msgspec.json.decode(reply.body, type=dict[str, str])["error"])
        return reply.body

    async def _guess(self, name: str) -> None:
        account = parse_account(name)
        for guard in self._thread.running.server.guards.values():
            for _ in range(self._config.lockout.attempts):
                with suppress(Refused):
                    await guard.authenticate(account, Secret(secrets.token_hex()), _HERE)


_HERE = "127.0.0.1"

_OWN: Mapping[str, object] = {
    "server.listen": [f"{_HERE}:0"],
    "admin.listen": f"{_HERE}:0",
    "console.listen": "off",
    "store.url": "memory:",
    "server.limits.connections": 200,
}


def _plain(tls: bool) -> dict[str, object]:
    return {} if tls else {"server.plain_http": True}


async def _answer(control: Control, request: Request) -> Reply:
    return await control(request)
