"""Options that many commands share, and the settings they lead to."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.app.setup.owner import become_owner, reading_as_holder
from sessiongate.cli.control_client import server_nearby
from sessiongate.cli.output import Exit, Output, fail
from sessiongate.config import Config, data_dir_of, file_of, load
from sessiongate.config.home import PREPARED
from sessiongate.errors import ConfigError
from sessiongate.files import is_there, keep_root_out

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file (TOML).", envvar="SESSIONGATE_CONFIG"),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Directory of everything the server keeps. SESSIONGATE_DATA_DIR is a way to name it"
        " once for every command.",
    ),
]
ListenOption = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        help="IP:PORT, localhost:PORT, [IPV6]:PORT or unix:PATH. May be given repeatedly.",
    ),
]
WideOption = Annotated[bool, typer.Option("--wide", help="Every column, and every text whole.")]
LoginOption = Annotated[
    bool,
    typer.Option(
        "--login",
        help="Log in with the service account of each upstream too: it counts as a try there.",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", help="For people or for scripts.")]


def settings(
    config: Path | None, data_dir: Path | None = None, overrides: dict[str, object] | None = None
) -> Config:
    """The settings in force, or exit with every problem in them."""
    flags = _with(data_dir, overrides)
    owner: str | None = None
    try:
        with reading_as_holder(file_of(config, os.environ)):
            judged = data_dir_of(config, os.environ, flags)
        if judged is not None and (why := _no_directory(judged)):
            fail(Exit.SETTINGS, why)
        owner = None if judged is None else become_owner(judged)
        loaded = load(config, os.environ, flags)
    except ConfigError as error:
        whose = [f"this was looked at as {owner}, who owns the data directory"] if owner else []
        fail(Exit.SETTINGS, *error.problems, *whose)
    if loaded.server.data_dir != judged:
        # Whoever may write the file has just made it name another directory than the judged one.
        fail(Exit.SETTINGS, "server.data_dir: was changed while the settings were read; try again")
    return loaded


def _no_directory(data_dir: Path) -> str:
    """Why this can be no directory: it, or one above it, is something else. "" where it may be."""
    there = next((one for one in (data_dir, *data_dir.parents) if os.path.exists(one)), data_dir)  # noqa: PTH110 - raises nothing
    if not os.path.exists(there) or os.path.isdir(there):  # noqa: PTH110, PTH112
        return ""
    return f"server.data_dir: {there} is a file, and must be a directory; name another"


def read(config: Path | None, data_dir: Path | None, overrides: dict[str, object]) -> Config:
    """The same once more, for a server that has begun already. Raises ConfigError."""
    return load(config, os.environ, _with(data_dir, overrides))


def _with(data_dir: Path | None, overrides: dict[str, object] | None) -> dict[str, object]:
    flags = dict(overrides or {})
    if data_dir is not None:
        flags["server.data_dir"] = str(data_dir)
    return flags


def prepared(config: Config) -> None:
    """Fail where this data directory was made by no `init` and no `serve`.

    A change to a directory that a slip of the pen names would be answered with "done", and no
    server would ever read it.
    """
    data_dir = config.server.data_dir
    if any(is_there(data_dir / name) for name in PREPARED):
        try:
            keep_root_out(data_dir)
        except OSError as problem:
            fail(Exit.REFUSED, f"the data directory {data_dir}: {problem.strerror}")
        return
    there = "was not made by" if data_dir.exists() else "does not exist; it is made by"
    fail(
        Exit.REFUSED,
        f"the data directory {data_dir} {there} `sessiongate init` or `sessiongate serve`",
        "name the right one with --data-dir or SESSIONGATE_DATA_DIR, or make this one with"
        f" `sessiongate init --data-dir {shlex.quote(str(data_dir))}`",
        *server_nearby(data_dir),
    )
