"""Credentials of leases are sealed: for one lease, by one key, in a file of the server's alone."""

import os
import pickle
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessiongate.errors import ConfigError
from sessiongate.gateway.credentials.sealing import (
    KEY_BYTES,
    Credentials,
    LeaseKey,
    NotOpened,
    bound_to,
    lease_key,
)
from sessiongate.secret import Secret
from sessiongate.store.port import StoredLease
from sessiongate.testing import T0, a_lease
from tests.lost_power import lost_power

TOKEN, NAME = "canary-token-5ca1ab1e", "canary-key-deadbeef"
CREDENTIALS = Credentials("SOAP", Secret(NAME), Secret(TOKEN))
KEY = LeaseKey(b"k" * KEY_BYTES)
OTHER = LeaseKey(b"o" * KEY_BYTES)


def told(credentials: Credentials) -> tuple[str, str, str]:
    return credentials.form, credentials.key.reveal(), credentials.token.reveal()


def refusal(lease: StoredLease, key: LeaseKey = KEY) -> str:
    with pytest.raises(NotOpened) as refused:
        key.open(lease)
    return str(refused.value)


@given(st.text(), st.text(), st.text(), st.text(), st.text())
@example("", "", "", "", "")
@example("SOAP", "\ud800", "\udcff", "\ud800", "corp/\ud800")
def test_what_was_sealed_comes_out(form: str, name: str, token: str, up: str, who: str) -> None:
    lease = a_lease(who, upstream=up)
    sealed = KEY.seal(lease, Credentials(form, Secret(name), Secret(token)))
    assert msgspec.structs.replace(sealed, sealed=b"") == lease
    assert told(KEY.open(sealed)) == (form, name, token)


def test_sec_93_what_is_sealed_says_of_which_server_it_is() -> None:
    told = msgspec.structs.replace(CREDENTIALS, server="https://vc1.example:443")
    assert KEY.open(KEY.seal(a_lease(), told)).server == "https://vc1.example:443"
    assert KEY.open(KEY.seal(a_lease(), CREDENTIALS)).server == ""


def test_sec_93_what_is_stored_shows_nothing_and_is_never_the_same_twice() -> None:
    lease = a_lease()
    sealings = [KEY.seal(lease, CREDENTIALS).sealed for _ in range(50)]
    assert len(set(sealings)) == 50
    for sealed, secret in product(sealings, (TOKEN, NAME, "SOAP")):
        assert secret.encode() not in sealed


Move = Callable[[StoredLease], StoredLease]


@pytest.mark.parametrize(
    "moved",
    [
        lambda one: msgspec.structs.replace(one, id=a_lease().id),
        lambda one: msgspec.structs.replace(one, upstream="vc2"),
        lambda one: msgspec.structs.replace(one, account="local/mallory"),
        lambda one: msgspec.structs.replace(one, upstream="vc1local", account="/ada"),
        lambda one: msgspec.structs.replace(one, upstream="", account="vc1local/ada"),
    ],
)
def test_sec_93_a_row_that_was_moved_to_another_name_does_not_open(moved: Move) -> None:
    sealed = KEY.seal(a_lease("local/ada"), CREDENTIALS)
    assert told(KEY.open(sealed)) == told(CREDENTIALS)
    refusal(moved(sealed))


def test_a_lease_may_be_held_by_another_and_still_opens() -> None:
    sealed = KEY.seal(a_lease(), CREDENTIALS)
    later = msgspec.structs.replace(sealed, holder="node2", opened_at=T0)
    assert told(KEY.open(later)) == told(CREDENTIALS)


def test_sec_93_another_key_and_any_changed_byte_are_refused_alike() -> None:
    lease = a_lease()
    whole = KEY.seal(lease, CREDENTIALS).sealed
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    cut = [whole[:length] for length in range(len(whole))]
    said = {
        refusal(msgspec.structs.replace(lease, sealed=one))
        for one in (*changed, *cut, whole + b"\0", whole[1:], OTHER.seal(lease, CREDENTIALS).sealed)
    }
    said.add(refusal(KEY.seal(lease, CREDENTIALS), OTHER))
    [text] = said
    assert lease.id in text
    assert "gateway.key_file" in text


@pytest.mark.parametrize("plain", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"form": "SOAP"})])
def test_what_the_right_key_has_sealed_and_is_no_credentials_is_refused(plain: bytes) -> None:
    lease, nonce = a_lease(), b"n" * 12
    written = KEY._cipher.encrypt(nonce, plain, bound_to(lease))
    refusal(msgspec.structs.replace(lease, sealed=b"\x01" + nonce + written))


def test_sec_93_neither_keys_nor_credentials_show_themselves(tmp_path: Path) -> None:
    key = lease_key(None, tmp_path)
    lease = key.seal(a_lease(), CREDENTIALS)
    written = (tmp_path / "gateway.key").read_text().strip()
    shown = f"{key!r} {key} {CREDENTIALS!r} {CREDENTIALS} {key.open(lease)!r} {lease!r} {lease}"
    shown += refusal(lease, OTHER)
    for secret in (TOKEN, NAME, written, repr(bytes.fromhex(written))):
        assert secret not in shown
    assert repr(lease.sealed)[2:-1] not in shown
    for one in (key, CREDENTIALS):
        with pytest.raises(TypeError):
            pickle.dumps(one)


def test_a_short_key_is_none() -> None:
    with pytest.raises(ValueError, match="256 bits"):
        LeaseKey(b"short")


# Its file


def opens_the_same(first: LeaseKey, second: LeaseKey) -> bool:
    return told(second.open(first.seal(a_lease(), CREDENTIALS))) == told(CREDENTIALS)


def problem(key_file: Path | None, data_dir: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        lease_key(key_file, data_dir)
    [one] = refused.value.problems
    return one


def test_it_is_made_once_in_the_data_directory_for_this_account_alone(tmp_path: Path) -> None:
    home = tmp_path / "data"
    first = lease_key(None, home)
    assert [one.name for one in home.iterdir()] == ["gateway.key"]
    assert stat.S_IMODE((home / "gateway.key").stat().st_mode) == 0o600
    assert opens_the_same(first, lease_key(None, home))
    other = tmp_path / "other"
    with pytest.raises(NotOpened):
        opens_the_same(first, lease_key(None, other))


def test_of_several_processes_at_once_one_makes_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from sessiongate.gateway.credentials.sealing import lease_key\n"
        "sys.stdin.read(); lease_key(None, Path(sys.argv[1]))"
    )
    command = (sys.executable, "-c", program, str(tmp_path))
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for one in processes:
        assert one.stdin is not None
        one.stdin.close()  # go
    assert [one.wait() for one in processes] == [0] * 4
    assert [one.name for one in tmp_path.iterdir()] == ["gateway.key"]
    lease_key(None, tmp_path)


def test_nodes_share_the_one_that_the_settings_name(tmp_path: Path) -> None:
    """By a link too, as mounted secrets are, and with whatever `openssl rand -hex 32` writes."""
    key, mounted = tmp_path / "key", tmp_path / "mounted"
    key.touch(0o400)
    key.chmod(0o600)
    key.write_text(secrets.token_hex(KEY_BYTES).upper() + "\r\n")
    mounted.symlink_to(key)
    homes = [tmp_path / name for name in ("one", "two")]
    first, second = lease_key(key, homes[0]), lease_key(mounted, homes[1])
    assert opens_the_same(first, second)
    assert not any(home.exists() for home in homes)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666, 0o664])
@pytest.mark.parametrize("named", [True, False])
def test_sec_93_a_key_that_others_may_read_or_change_is_refused(
    mode: int, named: bool, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.key"
    lease_key(None, tmp_path)
    path.chmod(mode)
    text = problem(path if named else None, tmp_path)
    assert text.startswith(f"gateway.key_file: {path} can be read or changed by other accounts")
    assert f"mode {mode:04o}" in text
    assert "chmod 600" in text
    for right in (0o600, 0o400, 0o440, 0o640):
        path.chmod(right)
        lease_key(path if named else None, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 32, b"0" * 5000, b"00 " * 9],
)
def test_what_is_no_key_is_refused_and_not_shown(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    text = problem(path, tmp_path)
    assert f"gateway.key_file: {path} is no key" in text
    assert "openssl rand -hex 32" in text
    assert len(text) < 300


def test_a_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    text = problem(tmp_path / "none", tmp_path)
    assert "cannot be read: No such file or directory" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("leads", ["to a file", "nowhere"])
def test_sec_80_a_link_in_its_place_is_not_followed(leads: str, tmp_path: Path) -> None:
    home, victim = tmp_path / "data", tmp_path / "victim"
    home.mkdir(0o700)
    if leads == "to a file":
        victim.write_text(secrets.token_hex(KEY_BYTES))
        victim.chmod(0o600)
    (home / "gateway.key").symlink_to(victim)
    assert "is a link" in problem(None, home)
    assert victim.exists() == (leads == "to a file")


def test_a_crash_in_the_middle_leaves_no_half_of_one(tmp_path: Path) -> None:
    with lost_power(os, "fsync"):
        assert "no power" in problem(None, tmp_path)
    assert list(tmp_path.iterdir()) == []
    lease_key(None, tmp_path)
