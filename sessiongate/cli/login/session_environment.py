"""What a command that runs inside a session finds: variables, and files in a directory of its own.

The names are fixed, and no settings. No password is among them, and what the caller had of other
logins is taken away.
"""

import os
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sessiongate.cli.login.govc_cache import write_cache
from sessiongate.cli.login.targets import Dialect, Target
from sessiongate.client import Session
from sessiongate.files import keep_root_out, open_own, read_named

HEADER_FILE = "header"
_OURS = ("SESSION", "URL", "KEY", "EXPIRES", "HEADER", "SESSION_FILE", "DEPTH", "PROMPT")
NAMES = frozenset(f"SESSIONGATE_{name}" for name in _OURS)
"""Variables of ours that a command finds, and that are no settings."""

_OTHERS = (
    "GOVC_USERNAME",
    "GOVC_PASSWORD",
    "GOVC_INSECURE",
    "GOVC_PERSIST_SESSION",
    "GOVC_VI_JSON",
)
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GOVC_TLS_CA_CERTS")


class PrivateDirectory:
    """A directory for this account alone, gone with us."""

    def __init__(self) -> None:
        """Make it: where the system keeps what lasts as long as a login, or among other such."""
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        parent = runtime if runtime and _is_for_us(Path(runtime)) else None
        self.path = Path(tempfile.mkdtemp(prefix="sessiongate-", dir=parent))

    def write(self, name: str, data: bytes) -> Path:
        """Write a file in it, whole or not at all."""
        path = self.path / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        with os.fdopen(open_own(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
        fresh.replace(path)
        return path

    def remove(self) -> None:
        """Remove it and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _is_for_us(directory: Path) -> bool:
    """Whether we may write it and, where we are root, nobody else holds it: `sudo -E` has that of
    the account before.
    """
    try:
        keep_root_out(directory)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def environment_of(
    target: Target,
    session: Session,
    told: Mapping[str, Any],
    directory: PrivateDirectory,
    before: Mapping[str, str],
    *,
    in_file: bool,
) -> dict[str, str]:
    """The variables of a command inside this session.

    With `in_file` the token is in a file that is written anew when the session is.
    """
    name, value = header_of(session, told)
    ours = {
        "URL": session.url(),
        "KEY": str(told["key"]),
        "EXPIRES": _moment(told["expires_at"]),
        "DEPTH": str(_depth(before) + 1),
        "PROMPT": f"({urlsplit(session.url()).hostname})",
    }
    if in_file:
        ours["SESSION_FILE"] = str(write_header(session, told, directory))
    else:
        ours |= {"SESSION": str(told["token"]), "HEADER": f"{name}: {value}"}
    kept = {key: text for key, text in before.items() if key not in NAMES and key not in _OTHERS}
    made = kept | {f"SESSIONGATE_{key}": text for key, text in ours.items()}
    if target.ca:
        bundle = str(directory.write("ca.pem", _with_the_systems(Path(target.ca))))
        made |= dict.fromkeys(_TRUST, bundle)
    if target.dialect not in (Dialect.ZERTO, Dialect.APPLIANCE):
        made |= {"GOVC_URL": session.url("/sdk"), "GOVMOMI_HOME": str(directory.path)}
        write_cache(session, told, directory.write)
    return made


def header_of(session: Session, told: Mapping[str, Any]) -> tuple[str, str]:
    """The header that carries a session that was handed over."""
    ((name, value),) = session.adopt(told).items()
    return name, value


def write_header(session: Session, told: Mapping[str, Any], directory: PrivateDirectory) -> Path:
    """The file of that header, as `curl -H @FILE` reads it."""
    return directory.write(HEADER_FILE, "{}: {}\n".format(*header_of(session, told)).encode())


def is_inside(url: str, environ: Mapping[str, str]) -> bool:
    """Whether a command with these variables runs inside a session at this server."""
    return _depth(environ) > 0 and environ.get("SESSIONGATE_URL") == url


def _depth(environ: Mapping[str, str]) -> int:
    with suppress(ValueError):
        return int(environ.get("SESSIONGATE_DEPTH", "0"))
    return 0


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_the_systems(ca: Path) -> bytes:
    """One CA and those that the system trusts, since a variable for one replaces the others."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    pems = [ssl.DER_cert_to_PEM_cert(one) for one in known]
    return "".join(pems).encode() + read_named(ca)
