"""Whom the settings name, and the end of sessions of those whom they name no more.

Clients of the appliance dialect, extensions, providers and issuers of tokens come and go with the
settings, which are read at a start. To look through a million sessions takes seconds, so it is done
only where the names are others than at the last start; a small file says which those were. Each
worker has its own: where workers are replaced one after the other, those who stay the longest open
sessions by the old settings until they go.
"""

import hashlib
import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sessiongate.config import Config
from sessiongate.identity.clients import PROVIDER as CLIENTS
from sessiongate.identity.tokens import provider_of
from sessiongate.service.extensions import PROVIDER as EXTENSIONS
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
    digest = _digest_of(named)
    if _read(path) == digest:
        return
    if seen is not None:
        await end_unnamed(sessions, named)
    # Not written, or not whole after a crash, it costs the next start one look more.
    with suppress(OSError):
        path.write_text(digest, encoding="ascii")


def _digest_of(named: Named) -> str:
    accounts = {name: sorted(table.items()) for name, table in named.accounts.items()}
    text = json.dumps([sorted(named.providers), sorted(accounts.items())])
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii")
    return ""
