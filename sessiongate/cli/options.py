"""Options that many commands share, and the settings they lead to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.app.owner import become_owner, reading_as_holder
from sessiongate.cli.output import Exit, Output, fail
from sessiongate.config import Config, data_dir_of, file_of, load
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
    owner: str | None = None
    try:
        owner = _take_rights(config, flags)
        return load(config, os.environ, flags)
    except ConfigError as error:
        whose = [f"this was looked at as {owner}, who owns the data directory"] if owner else []
        fail(Exit.SETTINGS, *error.problems, *whose)


def _take_rights(config: Path | None, flags: dict[str, object]) -> str | None:
    """Become the owner of the data directory, if we are root, before anything in it is opened."""
    with reading_as_holder(file_of(config, os.environ)):
        data_dir = data_dir_of(config, os.environ, flags)
    return None if data_dir is None else become_owner(data_dir)
