"""`sessiongate serve`, `init` and `check`: a server, from nothing to running."""

import asyncio
import contextlib
import os
import shlex
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import structlog
import typer

from sessiongate.app.preflight.dry_run import certificate_found
from sessiongate.app.setup.bootstrap import bootstrap
from sessiongate.app.setup.new_users import new_user
from sessiongate.app.setup.prepare import certificate_names, certificates_of, instance_of
from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.app.started import Started
from sessiongate.app.workers.worker_environment import worker_environment
from sessiongate.audit import offline
from sessiongate.cli.announcement import (
    announce,
    credentials,
    fingerprints,
    recipes,
    upstream_lines,
)
from sessiongate.cli.checks import exit_code_of, run_checks
from sessiongate.cli.control_client import server_answers
from sessiongate.cli.options import (
    ConfigOption,
    DataDirOption,
    ListenOption,
    LoginOption,
    OutputOption,
    read,
    settings,
)
from sessiongate.cli.output import Output, note, show_json, show_rows
from sessiongate.cli.passwords import random_password
from sessiongate.cli.server_process import (
    LevelOption,
    LogOption,
    PlainOption,
    listen_flags,
    refuse_what_is_taken,
    run_server,
)
from sessiongate.cli.table import Column
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.identity.local.users_file import list_users
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.secret import Secret
from sessiongate.store.embedded.lock import is_owned
from sessiongate.telemetry.logs import LogFormat, LogLevel, configure_logs
from sessiongate.tls import certificates

ExamplesOption = Annotated[
    bool, typer.Option("--examples", help="Show curl lines that log in by each dialect.")
]

_CHECKED = (
    Column("check"),
    Column("result", style="result"),
    Column("detail", least=24, prose=True),
)


_log = structlog.get_logger("sessiongate")


def serve(
    config: ConfigOption = None,
    listen: ListenOption = None,
    data_dir: DataDirOption = None,
    plain_http: PlainOption = False,
    log_format: LogOption = LogFormat.AUTO,
    log_level: LevelOption = LogLevel.INFO,
    examples: ExamplesOption = False,
) -> None:
    """Serve all dialects until stopped."""
    text = configure_logs(log_format, log_level)
    flags = listen_flags(listen, plain_http)
    loaded = settings(config, data_dir, flags)
    if worker_environment(os.environ) is None:
        refuse_what_is_taken(loaded)
        if loaded.elsewhere:
            _log.warning("the data directory is not the settings file's", why=loaded.elsewhere)
        if bootstrap(loaded, os.environ):
            print("The first administrator was added from the environment.", flush=True)

    def tell(started: Started) -> None:
        announce(loaded, started, *upstream_lines(loaded, started), text=text)
        if examples:
            print()
            print(
                "In another terminal, with SG_USER and SG_PASSWORD set as they were shown when the"
            )
            print("first user was added:")
            recipes(loaded, started)

    run_server(loaded, tell, partial(read, config, data_dir, flags))


def init(
    admin: Annotated[str, typer.Option("--admin", help="Name of the administrator.")] = "admin",
    listen: Annotated[
        list[str] | None,
        typer.Option(
            "--listen",
            help="Where `serve` will be told to listen: where that is taken, nothing is made."
            " May be given repeatedly.",
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Prepare a data directory: certificate, and an administrator if there is no user yet.

    The administrator's password is random and shown this once.
    """
    loaded = settings(config, data_dir, listen_flags(listen, plain_http=False))
    if listen:
        refuse_what_is_taken(loaded)
    if loaded.elsewhere:
        note(loaded.elsewhere)
    left = _certificate_left(loaded)
    made = None if left else certificates_of(loaded)
    instance_of(loaded)
    print(f"Data directory: {loaded.server.data_dir}")
    if left:
        note(left)
    if made is not None:
        print("\n".join(fingerprints(made)))
    path = users_file(loaded)
    is_new = not list_users(path)
    if not is_new:
        print(f"Users: {path} has some already; none was added. Where a password is lost:")
        folder = shlex.quote(str(loaded.server.data_dir))
        print(f"  sessiongate users passwd NAME --data-dir {folder}")
        print()
    else:
        password = random_password(loaded.hashing.min_length)
        new_user(loaded, path, admin, Secret(password), ADMINISTRATOR, any_length=True)
        print(f"Administrator {admin} added. The password is shown this once:")
        credentials(admin, password)
    print(f"  export SESSIONGATE_DATA_DIR={shlex.quote(str(loaded.server.data_dir))}")
    print()
    if is_new:  # after the password is shown: where the audit's file cannot be written, it counts
        detail = f"role {ADMINISTRATOR}, by init"
        offline.leave_event(loaded.server.data_dir, "user added", admin, detail)


def check(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    login: LoginOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check settings, files, users and what the server needs to reach.

    Exit code 1: a problem. Exit code 4: no other than that an upstream cannot be reached.
    """
    loaded = settings(config, data_dir)
    # What is tried may log; standard output is for the rows.
    with contextlib.redirect_stdout(sys.stderr):
        rows = asyncio.run(run_checks(loaded, config, login=login))
    shown = [{"check": row.check, "result": row.result, "detail": row.detail} for row in rows]
    problems = [f"{row.check}: {row.detail}" for row in rows if row.result == "problem"]
    if output is Output.JSON:
        show_json({"ok": not problems, "problems": problems, "checks": shown})
    else:
        show_rows(shown, _CHECKED, output, "Nothing was checked.")
    if problems:
        raise typer.Exit(int(exit_code_of(rows)))


def _certificate_left(config: Config) -> str:
    """Why the certificate is left as it is, "" where no server runs that serves with it."""
    data_dir = config.server.data_dir
    if not server_answers(data_dir) and not (config.store_path and is_owned(config.store_path)):
        return ""
    try:
        facts = certificate_found(config)
    except ConfigError:
        facts = None  # `check` says so, and the next start
    ours = config.server.tls.certificate is None and facts is not None
    names = certificate_names(config)
    why = certificates.outdated(facts, names, datetime.now(UTC)) if ours and facts else ""
    left = "a server runs on this data directory, so the certificate is left as it is"
    if not why:
        return left
    return f"{left}, though {why}; `sessiongate cert renew` makes a new one for these settings"
