"""Changes by the command line come into the audit once, whenever a server takes them in."""

import os
from pathlib import Path

import pytest

from sessiongate.admin import inbox


def test_what_was_left_waits_until_it_is_taken(tmp_path: Path) -> None:
    inbox.leave(tmp_path / "data", "user added", "alice", "role user")
    inbox.leave(tmp_path / "data", "user disabled", "alice")
    left = inbox.waiting(tmp_path / "data")
    assert [(one.event, one.subject, one.detail, one.how) for one in left if one] == [
        ("user added", "alice", "role user", "command line"),
        ("user disabled", "alice", "", "command line"),
    ]
    assert all(one is not None and one.user.startswith("os:") for one in left)
    assert inbox.waiting(tmp_path / "data") == left
    inbox.taken(tmp_path / "data", 1)
    assert [one.event for one in inbox.waiting(tmp_path / "data") if one] == ["user disabled"]


def test_what_comes_while_it_is_taken_in_stays(tmp_path: Path) -> None:
    inbox.leave(tmp_path, "user added", "alice")
    left = inbox.waiting(tmp_path)
    inbox.leave(tmp_path, "user removed", "alice")
    inbox.taken(tmp_path, len(left))
    assert [one.event for one in inbox.waiting(tmp_path) if one] == ["user removed"]


def test_half_a_line_is_no_event_and_goes_with_the_others(tmp_path: Path) -> None:
    inbox.leave(tmp_path, "user added", "alice")
    with (tmp_path / "audit-inbox.jsonl").open("ab") as file:
        file.write(b'{"at":"2026')
    left = inbox.waiting(tmp_path)
    assert [one is None for one in left] == [False, True]
    inbox.taken(tmp_path, len(left))
    assert inbox.waiting(tmp_path) == []


def test_a_file_that_cannot_be_read_waits(tmp_path: Path) -> None:
    (tmp_path / "audit-inbox.jsonl").mkdir()
    assert inbox.waiting(tmp_path) == []


def test_nothing_was_left(tmp_path: Path) -> None:
    assert inbox.waiting(tmp_path) == []
    inbox.taken(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    inbox.leave(tmp_path, "user added", "alice")
    assert (tmp_path / "audit-inbox.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_root_leaves_belongs_to_the_servers_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", lambda _, user, group: given.append((user, group)))
    inbox.leave(tmp_path, "user added", "alice")
    owner = tmp_path.stat()
    assert given == [(owner.st_uid, owner.st_gid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_gives_it_away_for_real(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    inbox.leave(tmp_path, "user added", "alice")
    left = (tmp_path / "audit-inbox.jsonl").stat()
    assert (left.st_uid, left.st_gid, left.st_mode & 0o777) == (12345, 12346, 0o600)
