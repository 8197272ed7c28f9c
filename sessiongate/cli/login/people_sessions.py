"""`sessiongate login`, `logout`, `whoami`, `print-header`: sessions of a person, for some commands.

`exec` needs none of these: its session is nowhere but in itself and in the command that it runs.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.cli.login.guardian import SECONDS, TRIES, report_left_session
from sessiongate.cli.login.no_dumps import keep_secrets_in
from sessiongate.cli.login.saved_sessions import (
    SavedSession,
    end,
    name_of,
    save,
    saved_session_for,
    saved_sessions,
)
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
from sessiongate.cli.login.targets import save_target
from sessiongate.cli.options import OutputOption
from sessiongate.cli.output import Exit, Output, fail, print_sentence, show_facts
from sessiongate.client import SessionError

WhichOption = Annotated[
    str,
    typer.Option("--to", metavar="URL|NAME", help="The server; not needed where there is one."),
]


def login(
    to: ToOption,
    dialect: AsOption = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    password_stdin: PasswordStdinOption = False,
    password_command: PasswordCommandOption = None,
    ca: CaOption = None,
    fingerprint: FingerprintOption = None,
    save: Annotated[
        str | None, typer.Option(help="Give the server this name, for the next time.")
    ] = None,
) -> None:
    """Log in, and keep the session for `print-header`, until `logout`.

    The name and what it stands for are kept in targets.toml, without the password.
    """
    keep_secrets_in()
    target = target_of(to, dialect, user, ca, fingerprint)
    password = password_for(target, password_file, password_stdin, password_command)
    session = target.session(lambda: password)
    try:
        told = session.hand_over()
    except SessionError as problem:
        fail(Exit.REFUSED, f"the login failed: {problem}")
    try:
        if save is not None:
            save_target(save, target)
        path = _replace_saved(SavedSession(save or name_of(to), target, told, time.time()))
    except BaseException:  # Ctrl-C too: nobody else knows this session, to log out of it
        if not session.logout(tries=TRIES, timeout=SECONDS):
            report_left_session(target, told)
        raise
    print_sentence(f"Logged in to {session.url()} as {target.user}. The session is kept in {path}")


def _replace_saved(kept: SavedSession) -> Path:
    """Where it is kept. The one of this name before it is logged out of."""
    before = saved_sessions().get(kept.name)
    if before is not None and not end(before):
        report_left_session(before.target, before.told)
    return save(kept)


def logout(
    to: WhichOption = "",
    every: Annotated[
        bool, typer.Option("--all", help="Out of every session that is kept.")
    ] = False,
) -> None:
    """Log out of the session that `login` has kept."""
    keep_secrets_in()
    chosen = list(saved_sessions().values()) if every else [saved_session_for(to)]
    left = [kept for kept in chosen if not end(kept)]
    for kept in left:
        report_left_session(kept.target, kept.told)
    if left:
        fail(Exit.UNREACHABLE, "the server could not be told; it is kept, for another try")
    print_sentence(
        f"Logged out of {', '.join(one.name for one in chosen) or 'nothing: none is kept'}."
    )


def whoami(to: WhichOption = "", output: OutputOption = Output.TABLE) -> None:
    """Say of the session that is kept whose it is, where, and whether it lives."""
    keep_secrets_in()
    kept = saved_session_for(to)
    session = kept.session()
    try:
        lives = session.keep_alive()
    except SessionError as problem:
        fail(Exit.UNREACHABLE, str(problem))
    opened_at = datetime.fromtimestamp(kept.opened_at, UTC).isoformat(timespec="seconds")
    facts = {
        "name": kept.name,
        "url": session.url(),
        "user": kept.target.user,
        "dialect": kept.target.dialect.value,
        "key": kept.told["key"] or None,
        "login_at": opened_at,
        "alive": lives,
    }
    show_facts(facts, output)
    if not lives:
        raise typer.Exit(Exit.REFUSED)


def print_header(to: WhichOption = "") -> None:
    """Print the header that carries the session, for `curl -H "$(sessiongate print-header)"`."""
    keep_secrets_in()
    kept = saved_session_for(to)
    session = kept.session()
    try:
        told = session.hand_over()
    except SessionError as problem:
        fail(Exit.REFUSED, str(problem))
    if told != kept.told:  # an access token that was renewed
        with suppress(OSError):
            save(SavedSession(kept.name, kept.target, told, kept.opened_at))
    ((name, value),) = session.header.items()
    print(f"{name}: {value}")
