"""What of the session manager's settings keeps its clients from tickets: told by `check`."""

import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sessiongate.app.gateway.manager_tokens import file_problems
from sessiongate.app.preflight.doubts import Doubt
from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.identity.tokens.keys import FileSource


async def manager_doubts(config: Config) -> list[Doubt]:
    """What clients have to be given, files that are no use, and files that others may read."""
    return [*_trust(config), *_token_files(config), *[one async for one in _keys(config)]]


def _trust(config: Config) -> Iterator[Doubt]:
    manager, server = config.session_manager, config.server
    if (manager.clients or manager.clusters) and not server.plain_http:
        own = server.data_dir / "tls" / "ca.pem"
        ours = server.tls.certificate is None
        which = str(own) if ours else "of the CA of server.tls.certificate, if it is not public"
        yield Doubt(
            "session_manager",
            "the vSphere drivers believe the system's CAs alone, and not their ca-file: mount"
            f" the certificate {which} and name it by SSL_CERT_FILE in their pods",
        )


def _token_files(config: Config) -> Iterator[Doubt]:
    clients = config.session_manager.clients
    for problem in file_problems(clients):
        yield Doubt(
            f"session_manager.clients.{problem.client}",
            f"token_files: {problem.file} {problem.why}",
            problem.stops,
        )
    for name, client in clients.items():
        for file in client.token_files:
            if _read_by_others(file):
                yield Doubt(
                    f"session_manager.clients.{name}",
                    f"{file} can be read by every account of this machine, and holds a token;"
                    " chmod o-r",
                )


def _read_by_others(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


async def _keys(config: Config) -> AsyncIterator[Doubt]:
    for name, cluster in config.session_manager.clusters.items():
        if cluster.jwks_file is None:
            continue
        at = f"session_manager.clusters.{name}"
        try:
            await FileSource("jwks_file", cluster.jwks_file).start()
        except ConfigError as error:
            for problem in error.problems:
                yield Doubt(at, problem, True)
