"""What `sessiongate check` looks at, one row each."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sessiongate.app.operators.report import another_is_served
from sessiongate.app.operators.running_server import Running
from sessiongate.app.preflight.doubts import (
    Doubt,
    certificate_doubts,
    file_doubts,
    forward_auth_doubts,
    listener_doubts,
    store_doubts,
    upstream_doubts,
)
from sessiongate.app.preflight.dry_run import (
    certificate_found,
    extensions_problems,
    providers_problems,
    store_problem,
    tokens_problems,
)
from sessiongate.app.preflight.manager_doubts import manager_doubts
from sessiongate.app.preflight.ports import Port, ports_of
from sessiongate.app.preflight.upstream_checks import look_at_upstreams
from sessiongate.app.setup.roles_and_users import (
    roles_as_they_are,
    roles_doubts,
    roles_of,
    users_file,
)
from sessiongate.audit.forwarding import file_problem
from sessiongate.cli.accounts import no_administrator
from sessiongate.cli.control_client import running_server, server_nearby
from sessiongate.cli.output import Exit
from sessiongate.clock import machine_time
from sessiongate.config import Config
from sessiongate.errors import ConfigError, StoreUnavailable
from sessiongate.http.listening.sockets import OR_ELSEWHERE
from sessiongate.identity.local.hashing import USUAL
from sessiongate.identity.local.stored_hash import cost_of
from sessiongate.identity.local.users_file import User, list_users

# Names that one line has room for.
_MOST_NAMED = 5


class Row(msgspec.Struct, frozen=True):
    """One thing looked at. `result` is "ok", "note" or "problem"."""

    check: str
    result: str
    detail: str
    is_unreachable: bool = False
    """Whether the problem is that an upstream cannot be reached."""


def exit_code_of(rows: Iterable[Row]) -> Exit:
    """What `check` ends with."""
    problems = [row for row in rows if row.result == "problem"]
    if not problems:
        return Exit.OK
    return Exit.UPSTREAM if all(row.is_unreachable for row in problems) else Exit.REFUSED


async def run_checks(config: Config, file: Path | None = None, *, login: bool = False) -> list[Row]:
    """Look at everything. The settings themselves were read before, or we would not be here.

    `file` is the one that they were read from, None for none. `login` tries service accounts too.
    """
    running = running_server(config.server.data_dir)
    return [
        _settings(file),
        *_data_dir(config),
        *_certificate(config, running),
        *_rows(file_doubts(config)),
        *_rows(listener_doubts(config)),
        *_forward_auth(config),
        *_rows(await manager_doubts(config)),
        *_roles(config),
        *await _providers(config),
        *_users(config),
        *await _upstreams(config, login, running),
        *await _store(config),
        *_copies(config.audit.file),
        *port_rows(config, running),
        _server(running),
    ]


def _settings(file: Path | None) -> Row:
    read = file.absolute() if file is not None else "no settings file"
    return Row("settings", "ok", f"{read}: every setting is known and fits")


def _data_dir(config: Config) -> list[Row]:
    row = _directory(config.server.data_dir)
    return [row, Row(row.check, "note", config.elsewhere)] if config.elsewhere else [row]


def _directory(path: Path) -> Row:
    there = path if path.exists() else next(one for one in path.parents if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Row("data directory", "problem", f"{there} is not writable for this account")
    if not path.exists():
        made = "`sessiongate init` makes it, and so does the first start"
        nearby = server_nearby(path)
        return Row("data directory", "note", "; ".join([f"{path} does not exist", made, *nearby]))
    if path.stat().st_mode & 0o077:
        return Row("data directory", "note", f"others may look into {path}; chmod 700 is enough")
    return Row("data directory", "ok", str(path))


def _certificate(config: Config, running: Running | None) -> list[Row]:
    if config.server.plain_http:
        return [Row("certificate", "note", "plain HTTP: whatever ends TLS in front has it")]
    try:
        facts = certificate_found(config)
    except ConfigError as error:
        return [Row("certificate", "problem", problem) for problem in error.problems]
    if facts is None:
        return [Row("certificate", "note", "one will be made at the first start")]
    rows = _rows(certificate_doubts(config, facts, datetime.now(UTC)))
    if told := another_is_served(facts, running):
        rows.append(Row("certificate", "note", told))
    if rows:
        return rows
    until = f"valid until {facts.not_after:%Y-%m-%d}"
    return [Row("certificate", "ok", f"{until}, SHA-256 {facts.sha256}")]


def _forward_auth(config: Config) -> list[Row]:
    found = _rows(forward_auth_doubts(config))
    if not config.forward_auth.enabled or any(row.result == "problem" for row in found):
        return found
    proxies = ", ".join(map(str, config.server.trusted_proxies))
    return [*found, Row("forward-auth", "ok", f"answers {proxies}, and nobody else")]


def _rows(doubts: Iterable[Doubt]) -> list[Row]:
    return [Row(one.about, "problem" if one.serious else "note", one.sentence) for one in doubts]


def _roles(config: Config) -> list[Row]:
    try:
        names = roles_of(config).names()
    except ConfigError as error:
        return [Row("roles", "problem", "; ".join(error.problems))]
    doubts = [Row("roles", "note", doubt) for doubt in roles_doubts(config)]
    return doubts or [Row("roles", "ok", ", ".join(names))]


async def _providers(config: Config) -> list[Row]:
    """Those whose settings only they themselves can judge, each problem in a row of its own."""
    looked: dict[str, tuple[Iterable[str], list[str]]] = {
        "providers": (config.identity, await providers_problems(config)),
        "tokens": (config.tokens, await tokens_problems(config)),
        "extensions": (config.extensions, extensions_problems(config)),
    }
    rows = []
    for check, (tables, problems) in looked.items():
        if problems:
            rows += [Row(check, "problem", problem) for problem in problems]
        elif tables:
            rows.append(Row(check, "ok", ", ".join(tables)))
    return rows


async def _upstreams(config: Config, login: bool, running: Running | None) -> list[Row]:
    found = await look_at_upstreams(config, running, login=login)
    rows = [Row(one.about, one.result, one.detail, one.is_unreachable) for one in found]
    return [*rows, *_rows(upstream_doubts(config))]


async def _store(config: Config) -> list[Row]:
    kind = config.store.url.kind
    if kind == "memory":
        return []
    if kind == "sqlite":
        # Whoever uses the file says what is wrong with it: the server that runs, or the next start.
        with suppress(StoreUnavailable):
            return _rows(await store_doubts(config, machine_time))
        return []
    problem = await store_problem(config)
    if problem is not None:
        return [Row("store", "problem", problem)]
    try:
        doubts = await store_doubts(config, machine_time)
    except StoreUnavailable as error:
        return [Row("store", "problem", str(error))]
    return _rows(doubts) or [Row("store", "ok", "Redis answers, and keeps what it is given")]


def _copies(file: Path | None) -> list[Row]:
    if file is None:
        return []
    problem = file_problem(file)
    return [Row("audit.file", "problem" if problem else "ok", problem or str(file))]


def _users(config: Config) -> list[Row]:
    rows = []
    for name, table in config.identity.items():
        if table.get("type") != "file":
            continue
        check = f"users of {name}"
        try:
            users = list_users(users_file(config, name))
        except ConfigError as error:
            rows.append(Row(check, "problem", "; ".join(error.problems)))
            continue
        roles = roles_as_they_are(config)
        known = set(roles.names())
        lost = [user.name for user in users if user.role not in known]
        able = [user for user in users if not user.disabled]
        if lost:
            rows.append(Row(check, "problem", f"roles that do not exist: of {', '.join(lost)}"))
        elif told := no_administrator(users, roles):
            rows.append(Row(check, "note", told))
        else:
            rows.append(Row(check, "ok", f"{len(able)} may log in"))
        rows += _hashes(check, users)
    return rows


def _hashes(check: str, users: Sequence[User]) -> list[Row]:
    """Those whose hashes cost something else than today's: each makes every refusal as slow."""
    odd = [user for user in users if cost_of(user.stored) != USUAL]
    if not odd:
        return []
    named = ", ".join(user.name for user in odd[:_MOST_NAMED])
    more = f" and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
    dearest = max((cost_of(user.stored) for user in odd), key=lambda cost: cost.work)
    slow = (
        f"; until then every refused login takes as long as {dearest}"
        if dearest.work > USUAL.work
        else ""
    )
    return [
        Row(
            check,
            "note",
            f"password hashes of another cost than {USUAL}: of {named}{more}; the next login of"
            f" each, or `sessiongate users passwd`, stores it anew{slow}",
        )
    ]


def port_rows(config: Config, running: Running | None) -> list[Row]:
    """Whether a start would get its addresses; those of the running server are its own."""
    return [_port(port, running) for port in ports_of(config)]


def _port(port: Port, running: Running | None) -> Row:
    told = running is not None and bool(running.settings)
    url = running.url_at(port.address) if running is not None else None
    if url is not None:
        return Row(port.setting, "ok", f"{url} is in use: the running server listens there")
    if not port.problem:
        free = f"{port.address} is free"
        if not told:
            return Row(port.setting, "ok", free)
        way = "a restart takes it"
        if running is not None and running.by_flag(port.setting):
            way = "it was started with another value (flag)"
        elsewhere = f"the running server does not listen there, {way}"
        return Row(port.setting, "note", f"{free}: {elsewhere}")
    if running is not None and not told:
        detail = f"{port.address} is in use; a server runs on this data directory"
        return Row(port.setting, "ok", detail)
    if running is not None and port.sentence.removesuffix(OR_ELSEWHERE) in "; ".join(
        (*running.without_operations, running.without_console)
    ):
        # Its row says the same in the same words.
        detail = f"{port.address} is in use; the running server does not listen there"
        return Row(port.setting, "problem" if port.needed else "note", detail)
    besides = "; the running server does not listen there" if told else ""
    result = "problem" if port.needed else "note"
    problem = port.problem.removeprefix("listen: ")  # the row has the setting's name
    return Row(port.setting, result, f"{problem}{besides}")


def _server(running: Running | None) -> Row:
    if running is None:
        return Row("server", "note", "not running on this data directory")
    said = ["running and answering"]
    listeners = {"listening": running.listening, "operations": running.operations}
    for what, pairs in {**listeners, "console": running.console}.items():
        if pairs:
            said.append(f"{what} on {', '.join(url for _, url in pairs)}")
    said += [f"no operations listener: {why}" for why in running.without_operations]
    if running.without_console:
        said.append(f"no console: {running.without_console}")
    wants = running.without_operations or running.without_console
    return Row("server", "note" if wants else "ok", "; ".join(said))
