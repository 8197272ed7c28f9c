"""The sockets of several workers, opened by their parent: those that all share, and each one's own.

All accept from one queue where they share a socket. Where the settings ask for none of the
listeners for people and for metrics, one that cannot be had is done without.
"""

import socket
from collections.abc import Iterator

from sessiongate.app.listeners import CONSOLE, OPERATIONS, console_url, operations_of, without
from sessiongate.config import Config
from sessiongate.config.addresses import is_loopback
from sessiongate.errors import ConfigError
from sessiongate.http.listening.sockets import bind_socket, inode_of, path_of, remove_socket
from sessiongate.operations.control_socket import control_address


class WorkerSockets:
    """`open` them once; `close` takes away what they have as names, too."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shared: dict[str, socket.socket] = {}
        self._own: list[dict[str, socket.socket]] = [{} for _ in range(config.server.workers)]
        self._files: dict[str, int | None] = {}
        """The paths of those that are Unix sockets, and which file each is."""
        self.without: list[str] = []
        """Why some worker has no operations listener, a sentence for each."""
        self.without_console = ""
        """Why there is no console."""

    def open(self) -> None:
        """Open all of them. Raises ConfigError that names every address which cannot be had."""
        config = self._config
        problems: list[str] = []
        for address in config.server.listen:
            try:
                self._shared[str(address)] = self._opened(str(address))
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError([f"server.{problem}" for problem in problems])
        for number, own in enumerate(self._own):
            # Commands speak to the first worker, and that one to the others; ports are in a row.
            control = control_address(config.server.data_dir, number)
            own[control] = self._opened(control)
            if config.admin.listen is None:
                continue
            try:
                own[OPERATIONS] = self._opened(str(operations_of(config.admin.listen, number)))
            except ConfigError as error:
                self.without.append(without("admin.listen", config, error))
        if config.console.listen is not None:
            try:
                self._own[0][CONSOLE] = self._opened(str(config.console.listen))
            except ConfigError as error:
                self.without_console = without("console.listen", config, error)

    def _opened(self, address: str) -> socket.socket:
        opened = bind_socket(address)
        if (path := path_of(address)) is not None:
            self._files[path] = inode_of(path)
        return opened

    def close(self) -> None:
        """Close all of them, and take away the names of Unix sockets that are still theirs."""
        for sockets in (self._shared, *self._own):
            for opened in sockets.values():
                opened.close()
        for path, inode in self._files.items():
            remove_socket(path, inode)

    def of(self, number: int) -> dict[str, int]:
        """The descriptors of this worker's, by address."""
        mine = {**self._shared, **self._own[number]}
        return {name: opened.fileno() for name, opened in mine.items()}

    def addresses(self) -> tuple[str, ...]:
        """Where the dialects really are."""
        return tuple(_address_of(opened) for opened in self._shared.values())

    def console(self) -> str:
        """Where the console is, as a URL; "" where there is none to name."""
        opened = self._own[0].get(CONSOLE)
        return console_url(self._config, _address_of(opened)) if opened is not None else ""

    def operations(self) -> Iterator[tuple[str, str]]:
        """The operations listeners of all workers: each address of the settings, and its URL."""
        address = self._config.admin.listen
        if address is None:
            return
        encrypted = not (self._config.server.plain_http or is_loopback(address.host or "::1"))
        scheme = "" if address.path else "https://" if encrypted else "http://"
        for number, sockets in enumerate(self._own):
            if OPERATIONS in sockets:
                asked = str(operations_of(address, number))
                yield asked, scheme + _address_of(sockets[OPERATIONS])


def _address_of(opened: socket.socket) -> str:
    if opened.family == socket.AF_UNIX:
        return f"unix:{opened.getsockname()}"
    host, port = opened.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
