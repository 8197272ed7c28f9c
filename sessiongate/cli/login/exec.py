"""`sessiongate exec`: a command inside a session that is logged out in each of its endings."""

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache, partial
from typing import Annotated, Any

import typer

from sessiongate.cli.login.child_process import Signals, started
from sessiongate.cli.login.guardian import (
    SECONDS,
    TRIES,
    Guardian,
    NotWaitedFor,
    report_left_session,
)
from sessiongate.cli.login.no_dumps import keep_secrets_in
from sessiongate.cli.login.session_environment import (
    PrivateDirectory,
    environment_of,
    is_inside,
    write_header,
)
from sessiongate.cli.login.shared_session import SharedSession
from sessiongate.cli.login.target_options import (
    AsOption,
    CaOption,
    FingerprintOption,
    PasswordCommandOption,
    PasswordFileOption,
    PasswordStdinOption,
    ToOption,
    UserOption,
    password_for,
    target_of,
)
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import Exit, fail, note
from sessiongate.client import Session
from sessiongate.config.values import a_second_or_more, duration
from sessiongate.secret import Secret

LOGIN_FAILED, LEFT_BEHIND = 125, 5

_A_THIRD_OF_IDLE = 600.0
"""Seconds: servers end a session after thirty idle minutes."""

_WARNS_BEFORE = 300.0

_USAGE = "usage: sessiongate exec --to URL|NAME --user NAME [options] -- COMMAND..."


class OnExpiry(StrEnum):
    """What becomes of the command when its session has ended."""

    WARN = "warn"
    TERM = "term"


def exec_command(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND...", help="What to run, after `--`.")
    ] = None,
    to: ToOption = "",
    dialect: AsOption = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    password_stdin: PasswordStdinOption = False,
    password_command: PasswordCommandOption = None,
    ca: CaOption = None,
    fingerprint: FingerprintOption = None,
    keep_alive: Annotated[
        str, typer.Option(help="How often the session is used: auto (10m), off, or such as 5m.")
    ] = "auto",
    file: Annotated[
        bool, typer.Option("--file", help="Put the header into a file, which is kept up to date.")
    ] = False,
    on_expiry: Annotated[
        OnExpiry, typer.Option(help="When the session has ended: warn, or end the command too.")
    ] = OnExpiry.WARN,
    share: Annotated[
        bool, typer.Option("--share", help="One session for all at once who say --share.")
    ] = False,
    nested: Annotated[
        bool, typer.Option("--nested", help="Also inside of a session at the same server.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 5 where a session is left at the server.")
    ] = False,
) -> None:
    """Run a command inside a session, which is logged out however that ends.

    The command finds the session in SESSIONGATE_SESSION and SESSIONGATE_HEADER.

    Exit codes are the command's, or 125 where the login failed, 126 and 127 where it cannot be run.
    """
    if not command or not to:
        missing = "--to: is required" if command else "there is nothing to run"
        fail(Exit.SETTINGS, f"{missing}; {_USAGE}")
    keep_secrets_in()
    seconds = _seconds_of(keep_alive)
    target = target_of(to, dialect, user, ca, fingerprint)

    @cache
    def password() -> Secret:
        return password_for(target, password_file, password_stdin, password_command)

    if password_stdin or not share:  # what follows on standard input is the command's
        password()
    session = target.session(password)
    if is_inside(session.url(), os.environ) and not nested:
        note(f"this runs inside a session at {session.url()} already; --nested opens another")
        raise typer.Exit(LOGIN_FAILED)
    start = partial(Guardian.start, session, keep_alive=seconds, renews=file)
    shared = SharedSession(target, in_file=file) if share else None
    guardian = start() if shared is None else shared.joined_or_started(start, password)
    run = _Run(target, session, guardian, on_expiry, in_file=file, strict=strict)
    raise typer.Exit(run.to_its_end(command))


class _Run:
    """One command inside one session."""

    def __init__(
        self,
        target: Target,
        session: Session,
        guardian: Guardian,
        on_expiry: OnExpiry,
        *,
        in_file: bool,
        strict: bool,
    ) -> None:
        self._target, self._session, self._guardian = target, session, guardian
        self._on_expiry, self._in_file, self._strict = on_expiry, in_file, strict
        self._directory: PrivateDirectory | None = None
        self._session_facts: Mapping[str, Any] = {}
        self._over = False
        self._warned = False

    def to_its_end(self, command: list[str]) -> int:
        """The exit code."""
        try:
            first = self._guardian.next_message()
            if first is None or "opened" not in first:
                why = "the process that logs in has ended" if first is None else first["failed"]
                note(f"the login failed: {why}")
                return LOGIN_FAILED
            self._session_facts = first["opened"]
            with Signals() as signals:
                try:
                    code = self._run(command, signals)
                finally:
                    left = not self._logged_out(signals)
            return LEFT_BEHIND if left and self._strict else code
        finally:
            if self._directory is not None:
                self._directory.remove()

    def _run(self, command: list[str], signals: Signals) -> int:
        # Not before signals are taken over: one would end us with it left behind.
        directory = self._directory = PrivateDirectory()
        environ = environment_of(
            self._target,
            self._session,
            self._session_facts,
            directory,
            os.environ,
            in_file=self._in_file,
        )
        if self._session_facts["expires_at"] is not None and not self._in_file:
            left = max(0, round(self._session_facts["expires_at"] - time.time()))
            note(f"the session's token ends in {left} seconds; --file keeps one up to date")
            self._warned = left <= _WARNS_BEFORE
        child = started(command, environ)
        if isinstance(child, int):
            return child
        self._child = child
        return self._child.wait(signals, [(self._guardian, self._read_guardian)], self._until_due)

    def _read_guardian(self) -> bool:
        """Take in what the guardian says; False where it has ended."""
        said = self._guardian.next_message(0)
        if said is None:
            return not self._guardian.is_gone
        if "renewed" in said:
            self._session_facts = said["renewed"]
            if self._in_file and self._directory is not None:
                write_header(self._session, self._session_facts, self._directory)
        elif "trouble" in said:
            note(f"the session could not be kept in use: {said['trouble']}")
        elif "over" in said and not self._over:
            self._over = True
            note(f"the session at {self._session.url()} has ended while the command runs")
            self._end_where_wanted()
        return True

    def _until_due(self) -> float | None:
        """Warn in time of an end that is known; the seconds until the next look."""
        ends = self._session_facts["expires_at"]
        if ends is None or self._in_file or self._over:
            return None
        left: float = ends - time.time()
        if left <= 0:
            self._over = True
            note("the session's token has ended")
            self._end_where_wanted()
            return None
        if left <= _WARNS_BEFORE:
            if not self._warned:
                self._warned = True
                note(f"the session's token ends in {round(left)} seconds")
            return left
        return left - _WARNS_BEFORE

    def _end_where_wanted(self) -> None:
        if self._on_expiry is OnExpiry.TERM:
            self._child.end()

    def _logged_out(self, signals: Signals) -> bool:
        """Whether no session is left; says which where one is. One more signal ends the wait."""
        try:
            ended = self._guardian.end(signals)
        except NotWaitedFor:
            note(f"the logout at {self._session.url()} is not waited for: it goes on by itself")
            return False
        if ended is None:
            # It was killed: what it has told us is enough to do its work.
            self._session.adopt(self._session_facts)
            ended = self._session.logout(tries=TRIES, timeout=SECONDS)
        if not ended:
            report_left_session(self._target, self._session_facts)
        return ended


def _seconds_of(keep_alive: str) -> float:
    if keep_alive == "off":
        return 0.0
    if keep_alive == "auto":
        return _A_THIRD_OF_IDLE
    try:
        span: timedelta = a_second_or_more(duration)(keep_alive)
    except ValueError as problem:
        fail(Exit.SETTINGS, f"--keep-alive: {problem}; or auto, or off")
    return span.total_seconds()
