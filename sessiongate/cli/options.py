"""Options that many commands share, and the settings they lead to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.cli.output import Exit, Output, fail
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file (TOML).", envvar="SESSIONGATE_CONFIG"),
]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of everything the server keeps.")
]
ListenOption = Annotated[
    list[str] | None,
    typer.Option("--listen", help="HOST:PORT, [IPV6]:PORT or unix:PATH. May be given repeatedly."),
]
OutputOption = Annotated[Output, typer.Option("--output", help="For people or for scripts.")]


def settings(
    config: Path | None, data_dir: Path | None = None, overrides: dict[str, object] | None = None
) -> Config:
    """The settings in force, or exit with every problem in them."""
    flags = dict(overrides or {})
    if data_dir is not None:
        flags["server.data_dir"] = str(data_dir)
    try:
        return load(config, os.environ, flags)
    except ConfigError as error:
        fail(Exit.SETTINGS, *error.problems)
