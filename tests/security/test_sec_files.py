"""Files that settings name: what stands in their place keeps nobody waiting, and is named.

Requirement 90 asks that a reload ends, in settings or in a reason; 80 that what root opens is what
was judged. A pipe without a writer, a device without an end and a file without a bound are refused
by each reader in the same words.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.app.setup.bootstrap import bootstrap
from sessiongate.app.token_verifiers import verifiers_of
from sessiongate.audit.forwarding import AuditForwarder
from sessiongate.config import load
from sessiongate.errors import ConfigError, IdentityUnavailable, StoreUnavailable
from sessiongate.files import LARGEST, name_for_loading, open_named, read_named
from sessiongate.gateway.credentials.sealing import lease_key
from sessiongate.identity.local.provider import read_once
from sessiongate.identity.local.users_file import read_users
from sessiongate.identity.tokens.keys import FileSource
from sessiongate.rules.store_url import parse_redis
from sessiongate.store.redis.client import RedisClients, RedisSettings
from sessiongate.tls import certificates
from sessiongate.tls.server import tls_context
from sessiongate.tls.trust import client_context
from tests.until import PATIENCE


def _pair(near: Path) -> certificates.Certificates:
    return certificates.ensure(near.parent / "pair", ["localhost"], datetime.now(UTC))


def _ldap(path: Path) -> None:
    load(
        overrides={
            "identity.local.type": "ldap",
            "identity.local.url": "ldaps://directory.example",
            "identity.local.bind_password_file": str(path),
        }
    )


def _issuer(path: Path) -> None:
    tokens = {
        "type": "oidc",
        "issuer": "https://issuer.example",
        "audience": "vsphere",
        "ca": str(path),
        "role": "user",
    }
    verifiers_of(load(overrides={f"tokens.one.{name}": value for name, value in tokens.items()}))


def _bootstrap(path: Path) -> None:
    names = {"USERNAME": "admin", "PASSWORD_FILE": str(path)}
    environ = {f"SESSIONGATE_BOOTSTRAP_ADMIN_{name}": value for name, value in names.items()}
    bootstrap(load(overrides={"server.data_dir": str(path.parent / "data")}), environ)


READERS: dict[str, Callable[[Path], object]] = {
    "settings": load,
    "secret": lambda path: load(
        overrides={"store.url": "redis://127.0.0.1:1/0", "store.password_file": str(path)}
    ),
    "secret of a provider": _ldap,
    "users": read_users,
    "users meanwhile": read_once,
    "bootstrap": _bootstrap,
    "certificate": lambda path: tls_context(path, _pair(path).key),
    "key": lambda path: tls_context(_pair(path).certificate, path),
    "own certificate": lambda path: certificates.own(path, _pair(path).key, None),
    "own key": lambda path: certificates.own(_pair(path).certificate, path, None),
    "certificate of an extension": certificates.read_der,
    "authority": client_context,
    "authority of an issuer": _issuer,
    "authority of Redis": lambda path: RedisClients(
        RedisSettings(parse_redis("rediss://127.0.0.1:1/0"), certificate_authority=path)
    ).open(),
    "key set": lambda path: asyncio.run(FileSource("tokens.one.jwks_file", path).start()),
    "key of leases": lambda path: lease_key(path, path.parent),
    "copies of the audit": lambda path: AuditForwarder(path, None),
}
"""Everything that opens a file by a name from the settings, the command line or the environment."""

SAID = {
    "pipe": "it is a pipe, and must be a regular file",
    "socket": "it is a socket, and must be a regular file",
    "directory": "it is a directory, and must be a regular file",
    "device": "it is a device, and must be a regular file",
}


def planted(folder: Path, kind: str) -> Path:
    """Something of this kind, under a name that a setting could have."""
    path = folder / "named"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(path))
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


def ended_with(work: Callable[[], object]) -> BaseException | None:
    """What this raises. Fails where it does not end at all."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for this thread
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for ever"
    return raised[0]


@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("reader", READERS)
def test_sec_80_90_only_regular_files_are_read(
    reader: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = planted(tmp_path, kind)
    error = ended_with(lambda: READERS[reader](path))
    known = ConfigError | StoreUnavailable | IdentityUnavailable | OSError
    assert isinstance(error, known), error
    assert SAID[kind] in str(error)


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"copies of the audit"}))
def test_sec_90_a_file_without_a_bound_is_not_read(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "named"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    error = ended_with(lambda: READERS[reader](path))
    known = ConfigError | StoreUnavailable | IdentityUnavailable | OSError
    assert isinstance(error, known), error
    assert "Traceback" not in str(error)


def test_sec_90_a_pipe_that_comes_between_look_and_opening_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look finds a file, and the opening what has taken its place."""
    path = tmp_path / "named"
    path.touch()
    looked = Path.stat

    def look(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = looked(self, follow_symlinks=follow_symlinks)
        path.unlink()
        os.mkfifo(path)
        return found

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(Path, "stat", look)
    error = ended_with(lambda: open_named(path))
    monkeypatch.undo()
    assert SAID["pipe"] in str(error)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_sec_80_what_a_library_loads_is_what_was_judged(tmp_path: Path) -> None:
    path = tmp_path / "named"
    path.write_bytes(b"judged")
    with name_for_loading(path) as name:
        path.unlink()
        path.write_bytes(b"another")
        assert Path(name).read_bytes() == b"judged"


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    """As the secrets and the certificates that Kubernetes mounts are."""
    (tmp_path / "data").write_bytes(b"text")
    (tmp_path / "named").symlink_to("data")
    assert read_named(tmp_path / "named") == b"text"
    with pytest.raises(OSError, match="more than 0 KiB"):
        read_named(tmp_path / "named", 3)
    assert LARGEST > 1 << 20


@pytest.mark.parametrize("name", ["settings", "secret", "bootstrap"])
def test_sec_90_a_pipe_of_the_shell_is_refused_and_not_half_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--config <(...)`: the settings are read more than once, and a pipe only once."""
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    os.write(writing, b"[server]\nplain_http = true\n")
    os.close(writing)
    error = ended_with(lambda: READERS[name](Path(f"/dev/fd/{reading}")))
    assert SAID["pipe"] in str(error)
    assert os.read(reading, 8) == b"[server]"
    os.close(reading)
