"""Changes by the command line come into the audit once, whenever a server takes them in."""

from pathlib import Path

import pytest

from sessiongate.audit import offline as inbox
from sessiongate.errors import ConfigError


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


def test_what_a_link_leads_to_gets_no_event(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("as it is", encoding="ascii")
    (tmp_path / "audit-inbox.jsonl").symlink_to(other)
    with pytest.raises(ConfigError, match=r"cannot be written: is a link.*the change was made"):
        inbox.leave(tmp_path, "user added", "alice")
    assert inbox.waiting(tmp_path) == []
    assert other.read_text(encoding="ascii") == "as it is"
