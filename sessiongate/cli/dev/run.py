"""One run of `dev`: users, the server, what is told of it, and what it serves for."""

import os
import resource
import secrets
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sessiongate.app.started import Started, url_of
from sessiongate.app.supplied import Supplied
from sessiongate.cli.announcement import (
    announce,
    credentials,
    first_address,
    reachable_url,
    recipes,
)
from sessiongate.cli.dev.environment import environment_for
from sessiongate.cli.dev.faults import banner, faults_of
from sessiongate.cli.dev.first_look import look_at
from sessiongate.cli.dev.life import ENDS, code_of, has_started, until_it_ends, until_stopped
from sessiongate.cli.dev.options import OnLeaks
from sessiongate.cli.dev.server import DevServerThread
from sessiongate.cli.dev.settings import throw_away_settings
from sessiongate.cli.dev.upstream import Trial
from sessiongate.cli.dev.users import let_in, standing_users
from sessiongate.cli.dev.watcher import Watcher
from sessiongate.cli.login.child_process import Signals
from sessiongate.cli.output import json_line, note
from sessiongate.config import Config
from sessiongate.faults.scenarios import RuleFacts
from sessiongate.operations.control import SessionRow
from sessiongate.testing.clock import TravelClock
from sessiongate.testing.observed import describe_session
from sessiongate.testing.ready_file import (
    DevServer,
    DevUser,
    clear_ready_file,
    remove_ready_file,
    write_ready_file,
)
from sessiongate.testing.users import TestUser, cheap_hasher

LEFT_OPEN = 4
"""The exit code where sessions were open at the end, and none was to be."""


class DevOptions(msgspec.Struct, frozen=True):
    """What the options say of one run."""

    command: Sequence[str]
    kinds: Sequence[str]
    """Clients whose variables the command finds."""
    leaks: OnLeaks
    ready_file: Path | None
    stdin: bool
    """Whether the end of standard input ends it."""
    as_json: bool
    text: bool
    """Whether log lines are for people."""
    seed: int
    rules: Sequence[RuleFacts]
    """The faults that it begins with."""
    header: bool
    """Whether replies name the rule of a fault that they have met."""
    users: Sequence[str]
    """Who may log in, as NAME:PASSWORD[:ROLE]; else a password that is made up is shown."""
    trial: Trial | None
    """The upstream that it stands before."""

    @property
    def is_for_programs(self) -> bool:
        """Whether a program asks, which finds address and passwords elsewhere than in a text."""
        return bool(self.command) or self.ready_file is not None or self.as_json


def serve_for(asked: DevOptions, file: Path | None, flags: Mapping[str, object]) -> int:
    """Serve with these settings until there is nothing left to serve for. The exit code."""
    # A core file would hold passwords and tokens; what the command may do is left to it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Without a command the hangup has been ignored since the first line: here it is heeded. So is
    # an interrupt, which shells have a script's jobs in the background ignore: it ends `serve` too.
    heeded = () if asked.command else (signal.SIGHUP, signal.SIGINT)
    folder = tempfile.TemporaryDirectory(prefix="sessiongate-dev-")
    with Signals(heeded) as signals, folder as name:
        programs = asked.is_for_programs
        config = throw_away_settings(file, Path(name), flags, any_port=programs)
        if asked.users:
            users = let_in(config, asked.users)
        else:
            before_upstream = asked.trial is not None
            users = standing_users(config, before_upstream=before_upstream, for_programs=programs)
        return DevRun(config, asked, users).to_its_end(signals)


class DevRun:
    """A server that serves until there is nothing left to serve for."""

    def __init__(self, config: Config, asked: DevOptions, users: Sequence[TestUser]) -> None:
        self._config, self._options, self._users = config, asked, users
        self._token, self._clock = secrets.token_hex(32), TravelClock()
        how = {"header": asked.header, "gateway": bool(config.upstream)}
        self._faults = faults_of(asked.rules, self._clock, asked.seed, self._token, **how)
        self._facts: DevServer | None = None

    def to_its_end(self, signals: Signals) -> int:
        """The exit code."""
        folder, file = self._config.server.data_dir, self._options.ready_file
        if file is not None:
            clear_ready_file(file)
        # Before there are threads: it is forked.
        watcher = Watcher.start(folder, file)
        server = DevServerThread(self._config, self._supplied(), self._faults)
        server.begin()
        try:
            code = self._serve(server, signals, watcher)
        finally:
            left = server.end()
            if file is not None and self._facts is not None:
                remove_ready_file(file, self._facts.pid)
            watcher.done()
        return self._judged(code, left)

    def _supplied(self) -> Supplied:
        return Supplied(clock=self._clock, hasher=cheap_hasher(2), faults=self._faults)

    def _serve(self, server: DevServerThread, signals: Signals, watcher: Watcher) -> int:
        asked = self._options
        ends = ENDS | {signal.SIGHUP} if asked.command else ENDS
        if (number := has_started(server, signals, ends)) is not None:
            return code_of(number) if asked.command else 0
        started = server.started()
        if asked.trial is not None:
            look_at(self._config.upstream[asked.trial.name])
        said = self._facts = self._of(started)
        if asked.ready_file is not None:
            write_ready_file(asked.ready_file, said)
        self._announce(started, said)
        if not asked.command:
            until_stopped(server, signals, stdin=asked.stdin)
            return 0
        data_dir = self._config.server.data_dir
        environ = environment_for(said, data_dir, asked.kinds, os.environ)
        return until_it_ends(asked.command, environ, server, signals, watcher)

    def _of(self, started: Started) -> DevServer:
        served = started.certificates
        address = first_address(started) or started.addresses[0]
        return DevServer(
            url_of(self._config, address),
            reachable_url(started.operations) if started.operations else "",
            str(served.ca) if served is not None and served.ca is not None else None,
            served.facts.sha256 if served is not None else "",
            {one.name: DevUser(one.password, one.role) for one in self._users},
            self._token,
            os.getpid(),
            self._options.seed,
        )

    def _announce(self, started: Started, said: DevServer) -> None:
        """Say that it listens, to whoever asked."""
        asked, config = self._options, self._config
        if asked.as_json:
            print(json_line(said), flush=True)
            return
        if asked.command:
            note(f"a throw-away server is at {said.url} (seed {said.seed})")
            for line in banner(asked.rules):
                note(line)
            return
        besides = [f"Data directory: {config.server.data_dir}", f"Seed: {said.seed}"]
        besides += banner(asked.rules)
        if asked.ready_file is not None:
            announce(config, started, *besides, f"Ready: {asked.ready_file}", text=asked.text)
            return
        announce(config, started, *besides, text=asked.text)
        if asked.trial is not None:
            asked.trial.announce(said.url, started)
        if self._users:
            credentials(self._users[0].name, None if asked.users else self._users[0].password)
        recipes(config, started)

    def _judged(self, code: int, left: Sequence[SessionRow]) -> int:
        """The exit code, in the light of what was left open."""
        if not left or self._options.leaks is OnLeaks.OFF:
            return code
        for line in (f"sessions that were left open: {len(left)}", *map(describe_session, left)):
            note(line)
        return code or (LEFT_OPEN if self._options.leaks is OnLeaks.FAIL else 0)
