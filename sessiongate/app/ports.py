"""Whether the addresses of these settings can be had, tried without keeping any of them.

`serve` asks before it makes anything, so that a port that is taken leaves nothing behind; `check`
tells it before anybody starts a server.
"""

from pathlib import Path

import msgspec

from sessiongate.app.listeners import operations_of
from sessiongate.config import Address, Config
from sessiongate.errors import ConfigError
from sessiongate.http.sockets import bind_socket, is_answered


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
    ports = [_tried("server.listen", address, True) for address in config.server.listen]
    watched = config.admin.listen
    if watched is not None:
        asked = config.origins.get("admin.listen", "default") != "default"
        each = (operations_of(watched, number) for number in range(config.server.workers))
        ports += [_tried("admin.listen", address, asked) for address in each]
    return ports


def _tried(setting: str, address: Address, needed: bool) -> Port:
    problem = _answered(address.path) if address.path else _bound(str(address))
    return Port(setting, str(address), problem, needed)


def _bound(address: str) -> str:
    try:
        bind_socket(address).close()
    except ConfigError as error:
        return error.problems[0]
    return ""


def _answered(path: str) -> str:
    """A socket that a server left behind is no obstacle; one that somebody answers at is."""
    try:
        answered = is_answered(path)
    except OSError:
        answered = False
    if not answered:
        there = Path(path)
        if there.exists() and not there.is_socket():
            return f"listen: unix:{path} cannot be had: another kind of file is there"
        return ""
    return (
        f"listen: unix:{path} cannot be had: a server answers there; stop it, or listen elsewhere"
    )
