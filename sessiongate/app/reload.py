"""Settings read again while the server runs, at SIGHUP: what changes, and what takes a restart.

All or nothing of what can change: settings with a problem change nothing, and the server goes on
with those it has. What takes a restart is named in the log and stays as it was.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import structlog

from sessiongate.app import build as parts
from sessiongate.app.setup.prepare import certificates_of
from sessiongate.config import Config, leaves
from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.telemetry.tracebacks import traced
from sessiongate.tls.certificates import Certificates

TAKEN = (
    "server.limits.",
    "server.tls.",
    "server.public_names",
    "audit.max_events",
    "audit.max_age",
)
"""What these begin with can change while the server runs; docs/operations.md lists it."""

PARENTS = (
    *("server.listen", "server.workers", "server.data_dir", "admin.listen", "console.listen"),
)
"""What the parent of several workers has made of the settings: sockets, and how many workers."""

Reread = Callable[[], Config]
"""Reads the settings as the start did. Raises ConfigError with every problem."""

_log = structlog.get_logger("sessiongate")


def is_taken(name: str, workers: int) -> bool:
    """Whether SIGHUP takes over a change of this setting, where so many processes serve.

    Several are replaced one by one, and read all of the settings.
    """
    return name.startswith(TAKEN) if workers == 1 else not name.startswith(PARENTS)


def changes(old: Config, new: Config) -> tuple[list[str], list[str]]:
    """The settings that differ: those that can change meanwhile, and those that cannot."""
    before, after = _values(old), _values(new)
    names = [*before, *(name for name in after if name not in before)]
    different = [name for name in names if before.get(name, ...) != after.get(name, ...)]
    taken = [name for name in different if name.startswith(TAKEN)]
    return taken, [name for name in different if name not in taken]


def merged(old: Config, new: Config) -> Config:
    """The old settings with what can change taken from the new ones."""
    server, audit = new.server, new.audit
    return old.model_copy(
        update={
            "server": old.server.model_copy(
                update={
                    "limits": server.limits,
                    "tls": server.tls,
                    "public_names": server.public_names,
                }
            ),
            "audit": old.audit.model_copy(
                update={"max_events": audit.max_events, "max_age": audit.max_age}
            ),
        }
    )


def certified(config: Config) -> tuple[Certificates | None, ssl.SSLContext | None]:
    """The certificate of these settings, read anew and renewed if need be. Raises ConfigError."""
    served = certificates_of(config)
    return served, parts.tls_of(config, served)


async def reload_when(
    asked: asyncio.Event,
    reread: Reread | None,
    current: Callable[[], Config],
    take: Callable[[Config], Awaitable[str]],
) -> None:
    """Each time somebody asks, read the settings and `take` them; say what became of it.

    `take` returns the SHA-256 fingerprint of a certificate that is another than before, else "".
    """
    while True:
        await asked.wait()
        asked.clear()
        if reread is None:
            _log.warning("settings not reloaded", why=["this server was started without a file"])
            continue
        try:
            new = await asyncio.to_thread(reread)
            taken, left = changes(current(), new)
            certificate = await take(new)
        except ConfigError as error:
            _log.error("settings not reloaded", why=list(error.problems))
            continue
        except Exception as error:  # noqa: BLE001  the next SIGHUP must find somebody who hears it
            _log.error("settings not reloaded", **traced(error))
            continue
        if certificate:
            changed = [*taken, "certificate"]
            _log.info("settings read again", changed=changed, sha256=certificate)
        else:
            _log.info("settings read again", changed=taken)
        if left:
            _log.warning("settings that take a restart", settings=left)


def _values(config: Config) -> dict[str, object]:
    """Every setting's value by its dotted name. Secrets are compared, and go no further."""
    return {
        ".".join(path): value.reveal() if isinstance(value, Secret) else value
        for path, value in leaves(config)
    }
