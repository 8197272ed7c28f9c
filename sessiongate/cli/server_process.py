"""What `serve` and `dev` share: options, addresses that are free, and the process that serves."""

import asyncio
import os
import resource
import sys
from typing import Annotated

import typer

from sessiongate.app.preflight.ports import ports_of
from sessiongate.app.reload import Reread
from sessiongate.app.started import Announce
from sessiongate.app.workers import process
from sessiongate.app.workers.supervisor import serve_as_worker, supervise
from sessiongate.app.workers.worker_environment import worker_environment
from sessiongate.cli.control_client import server_answers
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.telemetry.logs import LogFormat, LogLevel

PlainOption = Annotated[
    bool, typer.Option("--plain-http", help="Serve without TLS. Only behind something that has it.")
]
LogOption = Annotated[LogFormat, typer.Option("--log-format", help="How log lines look.")]
LevelOption = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]


def refuse_what_is_taken(
    config: Config, way_out: str = "`make run` takes LISTEN=ADDRESS:PORT"
) -> None:
    """Raise ConfigError for addresses that cannot be had, before anything is made.

    `way_out` says how the one who started it names another.

    Where a server runs on this data directory already, they are its own, and that one server is
    enough is said by the store.
    """
    if server_answers(config.server.data_dir):
        return
    taken = [port for port in ports_of(config) if port.problem and port.needed]
    if taken:
        hint = f" ({way_out})"
        raise ConfigError(
            [port.sentence + hint * (port.setting == "server.listen") for port in taken]
        )


def listen_flags(listen: list[str] | None, plain_http: bool) -> dict[str, object]:
    """The settings that these options are."""
    flags: dict[str, object] = {}
    if listen:
        flags["server.listen"] = list(listen)
    if plain_http:
        flags["server.plain_http"] = True
    return flags


def run_server(
    config: Config,
    announce: Announce,
    reread: Reread | None = None,
) -> None:
    """Serve with these settings until told to stop, as one process, a worker or a supervisor."""
    # A core file would hold passwords and tokens that are in memory at that moment.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place = worker_environment(os.environ)
    if place is not None:
        work = serve_as_worker(config, place)
    elif config.server.workers > 1:
        work = supervise(config, announce, reread)
    else:
        work = process.serve(config, announce, reread)
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    uvloop.run(work)
