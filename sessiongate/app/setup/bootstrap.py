"""The first administrator out of the environment: once in the life of a data directory.

The variables stay where they are, in a unit file or a compose file, long after they were used. So
what counts is not whether there is a user now, but whether there ever was one: else a password
that was given up years ago would be an administrator's again once the last user is removed.
"""

from collections.abc import Mapping
from pathlib import Path

import structlog

from sessiongate.app.setup.new_users import new_user
from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.audit import offline as inbox
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.files import is_there, read_named, read_or_make
from sessiongate.identity.local.users_file import list_users
from sessiongate.rules.access import ADMINISTRATOR
from sessiongate.rules.passwords import problem_with
from sessiongate.secret import Secret, secret_text

PREFIX = "SESSIONGATE_BOOTSTRAP_ADMIN_"

# Far above any password, and far below what hurts.
_LONGEST = 1 << 16

MARK = "bootstrapped"
"""The file in the data directory that says that the variables are spent."""

_WHY = b"""\
SESSIONGATE_BOOTSTRAP_ADMIN_* are spent: this data directory has had users. See to it that
somebody can log in with `sessiongate users add NAME --role administrator`.
"""

_log = structlog.get_logger("sessiongate")


def bootstrap(config: Config, environ: Mapping[str, str]) -> bool:
    """Add the first administrator from the environment, where there was never a user yet.

    Says whether it did; where it is too late, the log says so. Raises ConfigError where only half
    of it is set, or a password that the rules refuse.
    """
    name = environ.get(f"{PREFIX}USERNAME", "")
    password = environ.get(f"{PREFIX}PASSWORD", "")
    file = environ.get(f"{PREFIX}PASSWORD_FILE", "")
    if not (name or password or file):
        return False
    if not name or bool(password) == bool(file):
        raise ConfigError(
            [
                f"{PREFIX}USERNAME goes together with one of {PREFIX}PASSWORD and"
                f" {PREFIX}PASSWORD_FILE; set both of a pair, or none"
            ]
        )
    path = users_file(config)
    if _is_spent(config, path):
        _spend(config)
        _log_ignored(path)
        return False
    secret = _read(file) if file else password
    if problem := problem_with(secret, name, config.hashing.min_length):
        raise ConfigError([f"{PREFIX}PASSWORD{'_FILE' if file else ''}: {problem}"])
    new_user(config, path, name, Secret(secret), ADMINISTRATOR)
    _spend(config)
    inbox.leave_event(config.server.data_dir, "user added", name, "from the environment")
    return True


def _is_spent(config: Config, users: Path) -> bool:
    """Whether there was ever a user.

    A users file is only made together with a user, and removing the last leaves it. So a crash
    between adding the administrator and setting the mark is seen as well, and so is a directory
    from before there was a mark.
    """
    return is_there(config.server.data_dir / MARK) or is_there(users)


def _spend(config: Config) -> None:
    read_or_make(config.server.data_dir / MARK, lambda: _WHY, 0o644)


def _log_ignored(path: Path) -> None:
    what = f"{PREFIX}* ignored: they work once, and this data directory has had users"
    if list_users(path):
        _log.info(what)
        return
    _log.warning(
        what,
        why="there is no user now, so nobody can log in",
        way_out="sessiongate users add NAME --role administrator",
    )


def _read(file: str) -> str:
    try:
        return secret_text(read_named(Path(file), _LONGEST))
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "it is not UTF-8 text"
    raise ConfigError(
        [f"{PREFIX}PASSWORD_FILE: cannot be read: {why}; put the password alone into a file"]
    )
