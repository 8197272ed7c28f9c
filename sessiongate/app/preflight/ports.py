"""Whether the addresses of these settings can be had, tried without keeping any of them.

`serve` asks before it makes anything, so that a port that is taken leaves nothing behind; `check`
tells it before anybody starts a server.
"""

import os
import socket
import stat
from pathlib import Path
from secrets import token_hex

import msgspec

from sessiongate.app.listeners import operations_of
from sessiongate.config import Address, Config
from sessiongate.config.addresses import LONGEST_SOCKET_PATH
from sessiongate.errors import ConfigError
from sessiongate.http.listening.sockets import bind_socket, in_other_hands, is_answered


class Port(msgspec.Struct, frozen=True):
    """An address of a setting, and why it cannot be had ("" where it can)."""

    setting: str
    address: str
    problem: str
    needed: bool
    """Whether a server does not start without it."""

    @property
    def sentence(self) -> str:
        """The problem, with the setting that it is about."""
        return f"{self.setting.removesuffix('listen')}{self.problem}"


def ports_of(config: Config) -> list[Port]:
    """Every address that a server of these settings opens, each tried."""
    made = config.server.data_dir
    ports = [_tried("server.listen", address, made, True) for address in config.server.listen]
    console, watched = config.console.listen, config.admin.listen
    if console is not None:
        asked = config.origins.get("console.listen", "default") != "default"
        ports.append(_tried("console.listen", console, made, asked))
    if watched is not None:
        asked = config.origins.get("admin.listen", "default") != "default"
        each = (operations_of(watched, number) for number in range(config.server.workers))
        ports += [_tried("admin.listen", address, made, asked) for address in each]
    return ports


def _tried(setting: str, address: Address, made: Path, needed: bool) -> Port:
    problem = _socket_problem(address.path, made) if address.path else _bound(str(address))
    return Port(setting, str(address), problem, needed)


def _bound(address: str) -> str:
    try:
        bind_socket(address).close()
    except ConfigError as error:
        return error.problems[0]
    return ""


def _socket_problem(path: str, made: Path) -> str:
    """Why no socket can be had at this path, "" where one can. `made` is what a start makes."""
    why = in_other_hands(path) or _obstacle(Path(path)) or _unbindable(Path(path), made)
    return f"listen: unix:{path} cannot be had: {why}" if why else ""


def _obstacle(path: Path) -> str:
    """A socket that a server left behind is none; one that somebody answers at is."""
    try:
        if is_answered(str(path)):
            return "a server answers there; stop it, or listen elsewhere"
    except OSError:
        pass  # nothing there, as a rule
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ""
    if stat.S_ISSOCK(mode):
        return ""
    return "another kind of file is there; remove it, or listen elsewhere"


def _unbindable(path: Path, made: Path) -> str:
    """Tried under another name beside it, which is gone again: what has the name itself stays."""
    directory = path.parent
    if directory == made and not directory.exists():
        return ""
    name = f".{token_hex(8)}"
    longest = LONGEST_SOCKET_PATH - len(os.fsencode(directory)) - 1
    trial = directory / name[: max(longest, 1)]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.bind(str(trial))
        trial.unlink()
    except FileNotFoundError:
        if not directory.is_dir():
            return f"there is no directory {directory}; make it, or listen elsewhere"
        return f"{directory} takes no new files; listen elsewhere"  # as /proc says it
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else type(problem).__name__
        return f"no file can be made in {directory} ({why}); listen elsewhere"
    return ""
