"""`sessiongate dev`: a throw-away server for trying and for CI."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.app.started import Started, url_of
from sessiongate.cli.announcement import announce, credentials, first_address, recipes
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
from sessiongate.cli.options import ListenOption, settings
from sessiongate.cli.passwords import random_password
from sessiongate.cli.people import add_administrator
from sessiongate.cli.server_process import (
    LevelOption,
    LogOption,
    PlainOption,
    listen_flags,
    refuse_what_is_taken,
    run_server,
)
from sessiongate.telemetry.logs import LogFormat, LogLevel, configure_logs


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
        flags = {**listen_flags(listen, plain_http), "store.url": "memory:", **before}
        loaded = settings(None, Path(folder), flags)
        # Several may run at once; addresses are printed, and nobody has them in a settings file.
        own = ("admin.listen", "console.listen")
        free = {name: "127.0.0.1:0" for name in own if loaded.origins[name] == "default"}
        if free:
            loaded = settings(None, Path(folder), {**flags, **free})
        refuse_what_is_taken(loaded, "--listen 127.0.0.1:0 takes a free port")
        people = [_name_and_password(text) for text in user or ()]
        if not people:
            domain = DOMAIN if upstream else "vsphere.local"
            people = [(f"administrator@{domain}", random_password())]
        for name, password in people:
            add_administrator(loaded, name, password)
        name, password = people[0]
        shown = None if user else password

        def tell(started: Started) -> None:
            announce(loaded, started, f"Data directory: {folder}", text=text)
            if upstream:
                address = first_address(started)
                own = address and url_of(loaded, address)
                announce_gateway(upstream, own, started, **how)
            credentials(name, shown)
            recipes(loaded, started)

        run_server(loaded, tell, throw_away=True)


def _name_and_password(text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not colon or not name or not password:
        raise typer.BadParameter("must be NAME:PASSWORD", param_hint="--user")
    return name, password
