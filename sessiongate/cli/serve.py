"""`sessiongate serve`, `dev`, `init` and `check`: a server, from nothing to running."""

import asyncio
import contextlib
import os
import resource
import shlex
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer

from sessiongate.app import process
from sessiongate.app.bootstrap import bootstrap
from sessiongate.app.dry_run import certificate_found
from sessiongate.app.ports import ports_of
from sessiongate.app.prepare import certificate_names, certificates_of, instance_of, users_file
from sessiongate.app.reload import Reread
from sessiongate.app.started import Announce, Started, url_of
from sessiongate.app.supervisor import serve_as_worker, supervise
from sessiongate.app.worker_environment import worker_environment
from sessiongate.cli.announcement import announce, fingerprints, first_address, upstream_lines
from sessiongate.cli.checks import exit_code_of, run_checks
from sessiongate.cli.control_client import server_answers
from sessiongate.cli.dev_upstream import (
    DOMAIN,
    CaOption,
    FingerprintOption,
    InsecureOption,
    ServiceOption,
    UpstreamOption,
    ZertoOption,
    announce_gateway,
    upstream_flags,
)
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
from sessiongate.cli.table import Column
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user, list_users
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.secret import Secret
from sessiongate.store.embedded.lock import is_owned
from sessiongate.telemetry.logs import LogFormat, LogLevel, configure_logs
from sessiongate.tls import certificates

PlainOption = Annotated[
    bool, typer.Option("--plain-http", help="Serve without TLS. Only behind something that has it.")
]
LogOption = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
LevelOption = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]
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
    flags = _flags(listen, plain_http)
    loaded = settings(config, data_dir, flags)
    if worker_environment(os.environ) is None:
        _refuse_what_is_taken(loaded)
        if loaded.elsewhere:
            _log.warning("the data directory is not the settings file's", why=loaded.elsewhere)
        if bootstrap(loaded, os.environ):
            print("The first administrator was added from the environment.", flush=True)

    def tell(started: Started) -> None:
        announce(loaded, started, *upstream_lines(loaded, started), text=text)
        if examples:
            print()
            print("In another terminal, with SG_USER and SG_PASSWORD set as init has shown them:")
            _recipes(loaded, started)

    _run(loaded, tell, partial(read, config, data_dir, flags))


def dev(
    user: Annotated[
        list[str] | None,
        typer.Option("--user", help="NAME:PASSWORD of an administrator. May be repeated."),
    ] = None,
    listen: ListenOption = None,
    plain_http: PlainOption = False,
    upstream: UpstreamOption = None,
    fingerprint: FingerprintOption = None,
    ca: CaOption = None,
    insecure: InsecureOption = False,
    service: ServiceOption = False,
    zerto: ZertoOption = False,
    log_format: LogOption = LogFormat.AUTO,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Serve a throw-away instance for trying and for CI: everything is gone when it stops."""
    text = configure_logs(log_format, log_level)
    with tempfile.TemporaryDirectory(prefix="sessiongate-dev-") as folder:
        how = {"service": service, "zerto": zerto}
        before = upstream_flags(upstream, fingerprint, ca, insecure=insecure, **how)
        flags = {**_flags(listen, plain_http), "store.url": "memory:", **before}
        loaded = settings(None, Path(folder), flags)
        if loaded.origins["admin.listen"] == "default":
            # Several may run at once; its address is printed, and nobody has it in a settings file.
            loaded = settings(None, Path(folder), {**flags, "admin.listen": "127.0.0.1:0"})
        _refuse_what_is_taken(loaded)
        people = [_name_and_password(text) for text in user or ()]
        if not people:
            domain = DOMAIN if upstream else "vsphere.local"
            people = [(f"administrator@{domain}", random_password())]
        for name, password in people:
            _add_administrator(loaded, name, password)
        name, password = people[0]
        shown = None if user else password

        def tell(started: Started) -> None:
            announce(loaded, started, f"Data directory: {folder}", text=text)
            if upstream:
                address = first_address(started)
                own = address and url_of(loaded, address)
                announce_gateway(upstream, own, started, **how)
            _credentials(name, shown)
            _recipes(loaded, started)

        _run(loaded, tell, throw_away=True)


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
    loaded = settings(config, data_dir, _flags(listen, plain_http=False))
    if listen:
        _refuse_what_is_taken(loaded)
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
    if list_users(path):
        print(f"Users: {path} has some already; none was added. Where a password is lost:")
        folder = shlex.quote(str(loaded.server.data_dir))
        print(f"  sessiongate users passwd NAME --data-dir {folder}")
        print()
    else:
        password = random_password(loaded.hashing.min_length)
        _add_administrator(loaded, admin, password)
        print(f"Administrator {admin} added. The password is shown this once:")
        _credentials(admin, password)
    print(f"  export SESSIONGATE_DATA_DIR={shlex.quote(str(loaded.server.data_dir))}")
    print()


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


def _refuse_what_is_taken(config: Config) -> None:
    """Raise ConfigError for addresses that cannot be had, before anything is made.

    Where a server runs on this data directory already, they are its own, and that one server is
    enough is said by the store.
    """
    if server_answers(config.server.data_dir):
        return
    taken = [port for port in ports_of(config) if port.problem and port.needed]
    if taken:
        make = " (`make run` takes LISTEN=ADDRESS:PORT)"
        raise ConfigError(
            [port.sentence + make * (port.setting == "server.listen") for port in taken]
        )


def _flags(listen: list[str] | None, plain_http: bool) -> dict[str, object]:
    flags: dict[str, object] = {}
    if listen:
        flags["server.listen"] = list(listen)
    if plain_http:
        flags["server.plain_http"] = True
    return flags


def _run(
    config: Config,
    announce: Announce,
    reread: Reread | None = None,
    *,
    throw_away: bool = False,
) -> None:
    # A core file would hold passwords and tokens that are in memory at that moment.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place = worker_environment(os.environ)
    if place is not None:
        work = serve_as_worker(config, place)
    elif config.server.workers > 1:
        work = supervise(config, announce, reread)
    else:
        work = process.serve(config, announce, reread, throw_away=throw_away)
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    uvloop.run(work)


def _name_and_password(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not colon or not name or not password:
        raise typer.BadParameter("must be NAME:PASSWORD", param_hint="--user")
    return name, password


def _add_administrator(config: Config, name: str, password: str) -> None:
    add_user(
        users_file(config),
        name,
        Secret(password),
        ADMINISTRATOR,
        hasher=PasswordHasher(1),
        roles=(ADMINISTRATOR,),
        created=datetime.now(UTC).replace(microsecond=0),
    )


def _credentials(name: str, password: str | None) -> None:
    """Lines for the shell that set what the recipes use."""
    print()
    print(f"  export SG_USER={shlex.quote(name)}")
    if password is not None:
        print(f"  export SG_PASSWORD={shlex.quote(password)}")
    else:
        print("  # and SG_PASSWORD, as given with --user")


def _recipes(config: Config, started: Started) -> None:
    """Lines for the shell that log in by each dialect."""
    address = first_address(started)
    if address is None:
        return
    url = url_of(config, address)
    ca = started.certificates.ca if started.certificates is not None else None
    curl = "curl -sS -w '\\n'"
    if ca is not None:
        curl += f" --cacert {shlex.quote(str(ca))}"
    print()
    print("  # Zerto: the session is in the header x-zerto-session")
    print(f'  {curl} -i -u "$SG_USER:$SG_PASSWORD" -X POST {url}/v1/session/add')
    print("  # vSphere (VI/JSON): the session is in the header vmware-api-session-id")
    print(
        f"  {curl} -i {url}/sdk/vim25/8.0.3.0/SessionManager/SessionManager/Login"
        """ -d '{"userName":"'"$SG_USER"'","password":"'"$SG_PASSWORD"'"}'"""
    )
    print("  # vSphere (Automation REST): the session is the reply itself")
    print(f'  {curl} -i -u "$SG_USER:$SG_PASSWORD" -X POST {url}/api/session')
    print()
    sys.stdout.flush()
