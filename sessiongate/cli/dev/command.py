"""`sessiongate dev`: a throw-away server for trying and for CI, by itself or around a command."""

import os
import secrets

import typer

from sessiongate.cli.dev.environment import kinds_in
from sessiongate.cli.dev.faults import rules_asked_for
from sessiongate.cli.dev.options import (
    CommandArgument,
    EnvOption,
    FaultOption,
    FileOption,
    HeaderOption,
    LeaksOption,
    OnLeaks,
    QuieterOption,
    ReadyFileOption,
    ScenarioOption,
    SeedOption,
    StdinOption,
    UserOption,
    refuse_what_clashes,
)
from sessiongate.cli.dev.run import DevOptions, serve_for
from sessiongate.cli.dev.upstream import (
    CaOption,
    FingerprintOption,
    InsecureOption,
    ServiceOption,
    Trial,
    UpstreamOption,
    ZertoOption,
    upstream_flags,
)
from sessiongate.cli.dev.users import VARIABLE
from sessiongate.cli.options import ListenOption, OutputOption
from sessiongate.cli.output import Output
from sessiongate.cli.server_process import LogOption, PlainOption, listen_flags
from sessiongate.telemetry.logs import LogFormat, LogLevel, configure_logs

_SEEDS = 1 << 32


def dev(
    command: CommandArgument = None,
    user: UserOption = None,
    env: EnvOption = None,
    leaks: LeaksOption = OnLeaks.OFF,
    ready_file: ReadyFileOption = None,
    exit_on_stdin_eof: StdinOption = False,
    seed: SeedOption = None,
    fault: FaultOption = None,
    scenario: ScenarioOption = None,
    no_fault_header: HeaderOption = False,
    config: FileOption = None,
    listen: ListenOption = None,
    plain_http: PlainOption = False,
    upstream: UpstreamOption = None,
    fingerprint: FingerprintOption = None,
    ca: CaOption = None,
    insecure: InsecureOption = False,
    service: ServiceOption = False,
    zerto: ZertoOption = False,
    output: OutputOption = Output.TABLE,
    log_format: LogOption = LogFormat.AUTO,
    log_level: QuieterOption = None,
) -> None:
    """Serve a throw-away instance for trying and for CI: everything is gone when it stops.

    With COMMAND it serves while that runs, and exits as that does: with 126 or 127 where it cannot
    be run, with 128 and more where a signal has ended it. COMMAND finds SESSIONGATE_URL, _USER,
    _PASSWORD, _CA, _OPERATIONS, _DEV_TOKEN and _DATA_DIR. Exit code 4 says with --leaks fail that
    sessions were open at the end.
    """
    kinds = kinds_in(env or ())
    refuse_what_clashes(
        command, output, stdin=exit_on_stdin_eof, kinds=kinds, ready_file=ready_file
    )
    usual = LogLevel.WARNING if command else LogLevel.INFO
    text = configure_logs(log_format, log_level or usual)
    how = {"service": service, "zerto": zerto}
    flags = listen_flags(listen, plain_http)
    flags |= upstream_flags(upstream, fingerprint, ca, insecure=insecure, **how)
    asked = DevOptions(
        command=tuple(command or ()),
        kinds=tuple(kinds),
        leaks=leaks,
        ready_file=ready_file.absolute() if ready_file is not None else None,
        stdin=exit_on_stdin_eof,
        as_json=output is Output.JSON,
        text=text,
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        rules=rules_asked_for(fault or (), scenario or ()),
        header=not no_fault_header,
        users=tuple(user or os.environ.get(VARIABLE, "").split()),
        trial=Trial(upstream, **how) if upstream is not None else None,
    )
    raise typer.Exit(serve_for(asked, config, flags))
