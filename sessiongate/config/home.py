"""The directory of everything the server keeps: the one that is named, else the platform's.

An account without a home, as in a container that runs under a mere number, has no such directory.
"""

from pathlib import Path

from platformdirs import user_data_dir

from sessiongate.config.values import file_path

# In place of a directory: where an account has no home there is no platform's directory either.
_NO_HOME = object()

PREPARED = ("instance", "users.toml", "tls", "sessiongate.db")
"""What is in each data directory that a server or `init` has made: one of these at least."""


def default_data_dir() -> object:
    """The platform's directory for what the server keeps, for `data_dir` to judge."""
    try:
        found = user_data_dir("sessiongate")
    except RuntimeError:
        return _NO_HOME
    # Releases before 4.12 leave the home's sign where there is no home.
    return _NO_HOME if found.startswith("~") else found


def data_dir(value: object) -> Path:
    """Read the name of the directory of everything."""
    if value is _NO_HOME:
        raise ValueError(
            "is required here, since this account has no home directory to keep it in; set it, or"
            " give --data-dir"
        )
    return file_path(value)
