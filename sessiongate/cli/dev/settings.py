"""The settings of a `dev`: a file's, or none, with nothing that would outlive it."""

from collections.abc import Mapping
from pathlib import Path

from sessiongate.cli.options import settings
from sessiongate.cli.server_process import refuse_what_is_taken
from sessiongate.config import Config

_ANY_PORT = "127.0.0.1:0"
_ANY_PORTS: Mapping[str, object] = {
    "admin.listen": _ANY_PORT,
    "console.listen": _ANY_PORT,
    "server.listen": [_ANY_PORT],
}


def throw_away_settings(
    file: Path | None, folder: Path, flags: Mapping[str, object], *, any_port: bool
) -> Config:
    """These settings, for a server whose data is in this folder and in memory.

    Users files, audit copies and the store that the file names are somebody's own: none is touched.
    With `any_port` the server listens where it can, unless it was told where.

    Raises ConfigError for addresses that are taken, and fails as `settings` does.
    """
    wanted = {**flags, "store.url": "memory:", "server.workers": 1}
    loaded = settings(file, folder, wanted)
    # Several may run at once; its address is told, and nobody has it in a settings file.
    free = {
        name: address
        for name, address in _ANY_PORTS.items()
        if loaded.origins[name] == "default" and (any_port or name != "server.listen")
    }
    if free:
        loaded = settings(file, folder, {**wanted, **free})
    loaded = _detached(loaded)
    refuse_what_is_taken(loaded, "--listen 127.0.0.1:0 takes a free port")
    return loaded


def _detached(config: Config) -> Config:
    """The same, with users in the data directory alone, and without copies of the audit."""
    identity = {
        name: {key: value for key, value in table.items() if key != "path"}
        if table.get("type") == "file"
        else table
        for name, table in config.identity.items()
    }
    audit = config.audit.model_copy(update={"file": None, "syslog": None})
    return config.model_copy(update={"identity": identity, "audit": audit})
