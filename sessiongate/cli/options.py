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
        with reading_as_holder(file_of(config, os.environ)):
            judged = data_dir_of(config, os.environ, flags)
        owner = None if judged is None else become_owner(judged)
        loaded = load(config, os.environ, flags)
    except ConfigError as error:
        whose = [f"this was looked at as {owner}, who owns the data directory"] if owner else []
        fail(Exit.SETTINGS, *error.problems, *whose)
    if loaded.server.data_dir != judged:
        # Whoever may write the file has just made it name another directory than the judged one.
        fail(Exit.SETTINGS, "server.data_dir: was changed while the settings were read; try again")
    return loaded
