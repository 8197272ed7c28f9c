"""users.toml: read whole, rewritten whole, under a lock."""

import errno
import json
import os
import stat
import threading
from codecs import BOM_UTF8
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.errors import ConfigError, InvalidArgument, NotFound
from sessiongate.identity.local.users_file import (
    User,
    add_user,
    list_users,
    parse_users,
    read_users,
    remove_user,
    set_disabled,
    set_password,
    set_role,
)
from sessiongate.secret import Secret
from tests.each import each
from tests.identity.fakes import NOON, PASSWORD, WRONG, cheap_hasher

HASHER = cheap_hasher()
ROLES = ("administrator", "user")
HASH = HASHER.hash_now(PASSWORD)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "users.toml"


def add(path: Path, name: str, role: str = "user", password: Secret = PASSWORD) -> User:
    return add_user(path, name, password, role, hasher=HASHER, roles=ROLES)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def problems_of(path: Path, text: str) -> list[str]:
    write(path, text)
    with pytest.raises(ConfigError) as caught:
        read_users(path)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_no_file_is_no_users(path: Path) -> None:
    assert list_users(path) == []


def test_users_are_added_changed_and_removed(path: Path) -> None:
    user = add_user(
        path,
        " CORP\\Zoë ",
        PASSWORD,
        "administrator",
        hasher=HASHER,
        roles=ROLES,
        full_name="Zoë Q.",
        created=NOON,
    )
    assert (user.name, user.canonical) == ("CORP\\Zoë", "zoë@corp")
    add(path, "alice")
    assert [each.canonical for each in list_users(path)] == ["alice", "zoë@corp"]
    assert read_users(path)["zoë@corp"] == user

    assert set_disabled(path, "zoë@corp", True).disabled
    assert read_users(path)["zoë@corp"].disabled
    assert not set_disabled(path, "zoë@corp", False).disabled
    assert set_password(path, "ALICE", WRONG, hasher=HASHER).stored != HASH
    assert set_role(path, "alice", "administrator", roles=ROLES).role == "administrator"
    assert read_users(path)["alice"].role == "administrator"
    assert read_users(path)["zoë@corp"] == user

    assert remove_user(path, "corp\\ZOË").canonical == "zoë@corp"
    assert [each.name for each in list_users(path)] == ["alice"]


def test_two_spellings_of_a_name_are_one_user(path: Path) -> None:
    add(path, "CORP\\Alice")
    with pytest.raises(InvalidArgument, match="Alice' exists"):
        add(path, "alice@corp")


@pytest.mark.parametrize(
    ("name", "role", "password", "argument"),
    [
        ("", "user", PASSWORD, "name"),
        ("a\0b", "user", PASSWORD, "name"),
        ("@corp", "user", PASSWORD, "name"),
        ("token:nightly", "user", PASSWORD, "name"),
        ("bob", "superuser", PASSWORD, "role"),
        ("bob", "user", Secret(""), "password"),
        ("bob", "user", Secret("x" * 5000), "password"),
    ],
)
def test_sec_31_a_user_that_cannot_be_is_not_added(
    path: Path, name: str, role: str, password: Secret, argument: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        add(path, name, role, password)
    assert caught.value.name == argument
    assert not path.exists()


def test_an_unknown_role_is_told_the_roles(path: Path) -> None:
    with pytest.raises(InvalidArgument, match="administrator, user"):
        add(path, "bob", "root")
    with pytest.raises(InvalidArgument, match="administrator, user"):
        set_role(path, "bob", "root", roles=ROLES)


def test_an_unknown_user_cannot_be_changed(path: Path) -> None:
    add(path, "alice")
    with pytest.raises(NotFound):
        remove_user(path, "bob")
    with pytest.raises(NotFound):
        set_disabled(path, "bob", True)
    with pytest.raises(NotFound):
        set_password(path, "bob", PASSWORD, hasher=HASHER)
    with pytest.raises(InvalidArgument):
        set_password(path, "alice", Secret(""), hasher=HASHER)


def test_the_file_is_for_its_owner_only_and_no_trace_is_left(path: Path) -> None:
    add(path, "alice")
    write(path, path.read_text())
    path.chmod(0o644)
    add(path, "bob")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["users.toml", "users.toml.lock"]


def test_what_a_link_leads_to_is_not_changed(path: Path, tmp_path: Path) -> None:
    add(path, "alice")
    before = path.read_bytes()
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match=r"is a link; name the file itself, in identity\.NAME"):
        add(link, "bob")
    assert link.is_symlink()
    assert path.read_bytes() == before
    assert set(read_users(link)) == {"alice"}


def test_a_directory_in_which_nothing_may_be_made_is_named(path: Path) -> None:
    path.with_name(f"{path.name}.lock").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"\.lock: cannot be written: .*; remove that directory"):
        add(path, "alice")


@each(
    ("code", "way"),
    [
        (errno.ENOSPC, "free space on its disk"),
        (errno.EROFS, "mount it writable, or name another directory"),
        (errno.EACCES, "give this account the right to"),
    ],
)
def test_the_way_out_fits_what_the_disk_says(
    code: int, way: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ConfigError) as told:
        add(path, "alice")
    assert told.value.problems == [f"{path}: cannot be written: {os.strerror(code)}; {way}"]


@each("kind", ["link", "pipe"])
def test_what_stands_in_the_place_of_the_lock_is_to_be_removed(kind: str, path: Path) -> None:
    lock = path.with_name(f"{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        lock.symlink_to("elsewhere")
    else:
        os.mkfifo(lock)
    with pytest.raises(ConfigError, match=r"\.lock: cannot be written: is a link.*; remove it"):
        add(path, "alice")
    lock.unlink()


def test_a_byte_order_mark_is_no_part_of_the_text(path: Path) -> None:
    add(path, "alice")
    path.write_bytes(BOM_UTF8 + path.read_bytes())
    assert set(read_users(path)) == {"alice"}


def test_changes_at_once_lose_nothing(path: Path) -> None:
    names = [f"user{number}" for number in range(20)]
    threads = [threading.Thread(target=add, args=(path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_users(path)) == sorted(names)


def test_a_broken_file_is_never_written_over(path: Path) -> None:
    write(path, "[users.alice\n")
    with pytest.raises(ConfigError):
        add(path, "bob")
    assert path.read_text() == "[users.alice\n"


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, "alice")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match=r"users\.toml: cannot be written: no space"):
        add(path, "bob")
    assert [user.name for user in list_users(path)] == ["alice"]
    assert sorted(each.name for each in path.parent.iterdir()) == ["users.toml", "users.toml.lock"]


def test_all_problems_come_at_once_and_no_value_shows(path: Path) -> None:
    assert problems_of(
        path,
        f"""
        colour = "hunter2"
        [users]
        flat = "hunter2"
        [users.alice]
        password = "hunter2"
        rôle = "user"
        [users.bob]
        password = "{HASH}"
        role = 7
        full_name = 7
        disabled = "no"
        created = 2026-03-01
        pasword = "hunter2"
        [users.carl]
        password = "{HASH}"
        role = "user"
        [users."CARL "]
        password = "{HASH}"
        role = "user"
        [users."dora\\u0000x"]
        """.replace("rôle", '"rolle"'),
    ) == [
        "colour: not a setting",
        'users."CARL ": is the same name as "carl"',
        'users."alice".password: must be an argon2id hash, as `users passwd` writes it',
        'users."alice".role: must be the name of a role',
        'users."alice".rolle: not a setting, did you mean role?',
        'users."bob".created: must be a time with its offset',
        'users."bob".disabled: must be true or false',
        'users."bob".full_name: must be a text',
        'users."bob".pasword: not a setting, did you mean password?',
        'users."bob".role: must be the name of a role',
        'users."dora\\u0000x": the user name holds control characters',
        'users."flat": must be a table',
    ]


def test_a_file_that_is_no_file_of_users_says_so(path: Path) -> None:
    assert problems_of(path, "users = 7") == ['users: must be tables, [users."NAME"]']
    assert problems_of(path, "x = [")[0].startswith("is not TOML")
    said = problems_of(path, "Zq = 1\nZq.y = 2\n")[0]
    assert "line 2" in said
    assert "Zq" not in said
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="must be UTF-8"):
        read_users(path)


def test_a_file_that_cannot_be_read_is_a_config_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read: "):
        read_users(path)


def test_times_keep_their_offset(path: Path) -> None:
    write(
        path,
        f'[users.alice]\npassword = "{HASH}"\nrole = "user"\ncreated = 2026-03-01T13:00:00+01:00',
    )
    assert read_users(path)["alice"].created == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_user_does_not_show_the_hash(path: Path) -> None:
    assert "argon2" not in f"{add(path, 'alice')!r}{add(path, 'bob')}"


def test_sec_42_a_key_that_would_steer_a_terminal_is_told_with_escapes() -> None:
    steering = json.dumps("\x1b]0;x\x07\u202e")
    for text in (f"{steering} = 1", f"[users.ada]\n{steering} = 1"):
        with pytest.raises(ConfigError) as refused:
            parse_users(text.encode(), "users.toml")
        assert all(problem.isprintable() for problem in refused.value.problems)
