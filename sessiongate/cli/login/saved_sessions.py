"""Sessions of people between two commands: a file for each, for this account alone.

They lie where the system keeps what lasts as long as a login at it, which is in memory on most,
and where there is no such place, below the account's home.
Each holds a token, and so is as good as a password until the session ends.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import platformdirs

from sessiongate.cli.login.guardian import SECONDS, TRIES
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import Exit, fail
from sessiongate.client import Session
from sessiongate.files import open_own, own_directory, read_own, remove_own
from sessiongate.holders import names_of
from sessiongate.secret import Secret

_SESSIONS, _ENDING = "sessions", ".json"


class SavedSession(msgspec.Struct, frozen=True):
    """A session that waits for the next command."""

    name: str
    target: Target
    told: Mapping[str, Any]
    """What was handed over: the token is in it."""
    opened_at: float

    def __repr__(self) -> str:
        """Without the token."""
        return f"SavedSession({self.name!r})"

    def session(self) -> Session:
        """The session itself; it is not opened anew where it has ended."""
        made = self.target.session(_no_password)
        try:
            made.adopt(self.told)
        except ValueError:
            fail(Exit.REFUSED, f"what is kept of {self.name} is none of ours: remove it by logout")
        return made


def _no_password() -> Secret:
    fail(Exit.REFUSED, "the session has ended: log in again, by `sessiongate login`")


def name_of(to: str) -> str:
    """The name of what is kept of a server: its own, or its host and port."""
    return urlsplit(to).netloc.replace(":", "_") if "://" in to else to


def save(kept: SavedSession) -> Path:
    """Write a session to its file."""
    folder = place_of(_SESSIONS)
    own_directory(folder)
    path = folder / (kept.name + _ENDING)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(open_own(path, flags), "wb") as file:
        file.write(msgspec.json.encode(kept))
    return path


def saved_sessions() -> dict[str, SavedSession]:
    """All saved sessions, by name. Files that cannot be read are passed over.

    Fails where another account has made the directory: what it has put there leads to its servers.
    """
    folder, found = place_of(_SESSIONS), {}
    with suppress(FileNotFoundError):
        owner = folder.lstat().st_uid
        if owner != os.geteuid():
            whose = f"belongs to {names_of({owner})}"
            fail(Exit.SETTINGS, f"{folder} {whose}: name a directory of your own, XDG_RUNTIME_DIR")
    for path in sorted(folder.glob(f"*{_ENDING}")):
        with suppress(OSError, msgspec.MsgspecError):
            found[path.stem] = msgspec.json.decode(read_own(path), type=SavedSession)
    return found


def saved_session_for(to: str) -> SavedSession:
    """The session at this server, or the only one. Fails where there is none, or several."""
    found = saved_sessions()
    if not to and len(found) == 1:
        return next(iter(found.values()))
    if not found or (to and name_of(to) not in found):
        fail(Exit.REFUSED, "there is no such session: `sessiongate login` opens one")
    if not to:
        fail(Exit.SETTINGS, f"--to: says which of these is meant: {', '.join(found)}")
    return found[name_of(to)]


def end(kept: SavedSession) -> bool:
    """Log out of it. True where none is left at the server; only then is it forgotten."""
    if not kept.session().logout(tries=TRIES, timeout=SECONDS):
        return False
    remove_own(place_of(_SESSIONS) / (kept.name + _ENDING))
    return True


def place_of(what: str) -> Path:
    """Where things of this kind are that are one's own until the end of the login."""
    # Never below a temporary directory: there another account may have taken the name before us.
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    state = platformdirs.user_state_path("sessiongate")
    return (Path(runtime) / "sessiongate" if runtime else state) / what
