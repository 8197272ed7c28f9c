"""Whom the settings name, and the end of sessions of those whom they name no more.

Clients of the appliance dialect, extensions, providers and issuers of tokens come and go with the
settings, which are read at a start. To look through a million sessions takes seconds, so it is done
only where the names are others than at the last start; a small file has those. Each worker has one:
where workers are replaced in turn, the last one opens sessions by the old settings until it goes.
"""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from sessiongate.config import Config
from sessiongate.files import open_own, read_own
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.identity.tokens.port import provider_of
from sessiongate.service.extension_login import PROVIDER as EXTENSIONS
from sessiongate.service.meanwhile import Named, end_unnamed
from sessiongate.service.sessions import Sessions


def named_by(config: Config) -> Named:
    """Whom these settings name."""
    clients = config.dialects.appliance.clients
    return Named(
        frozenset([*config.identity, *map(provider_of, config.tokens)]),
        {
            CLIENTS: {name.casefold(): (client.role,) for name, client in clients.items()},
            EXTENSIONS: {key: (table.role,) for key, table in config.extensions.items()},
        },
    )


async def end_if_unnamed(
    config: Config, sessions: Sessions, worker: int, seen: datetime | None
) -> None:
    """End the sessions that these settings no longer stand behind; `seen` is None for none at all.

    Raises StoreUnavailable; the next start then looks again.
    """
    named = named_by(config)
    path = config.server.data_dir / f"named.{worker}"
    before = _read(path)
    if before == named:
        return
    if seen is not None:
        await end_unnamed(sessions, named, before)
    # Not written, or not whole after a crash, it costs the next start one look more.
    with suppress(OSError):
        _write(path, msgspec.json.encode(named))


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(content)


def _read(path: Path) -> Named | None:
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(read_own(path), type=Named)
    return None
