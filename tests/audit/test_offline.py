"""Changes by the command line come into the audit once, whenever a server takes them in."""

import resource
from pathlib import Path

import pytest

from sessiongate.audit import offline as inbox
from sessiongate.errors import ConfigError


def subjects_and_events(data_dir: Path) -> list[tuple[str, str]]:
    return [(one.subject, one.event) for one in inbox.read_portion(data_dir).events if one]


def test_what_was_left_waits_until_it_is_taken(tmp_path: Path) -> None:
    inbox.leave_event(tmp_path / "data", "user added", "alice", "role user")
    inbox.leave_event(tmp_path / "data", "user disabled", "alice")
    left = inbox.read_portion(tmp_path / "data")
    assert [(one.event, one.subject, one.detail, one.how) for one in left.events if one] == [
        ("user added", "alice", "role user", "command line"),
        ("user disabled", "alice", "", "command line"),
    ]
    assert all(one is not None and one.user.startswith("os:") for one in left.events)
    assert inbox.read_portion(tmp_path / "data") == left
    inbox.remove_portion(tmp_path / "data", left)
    assert inbox.read_portion(tmp_path / "data") == inbox.Portion()


def test_what_comes_while_it_is_taken_in_stays(tmp_path: Path) -> None:
    inbox.leave_event(tmp_path, "user added", "alice")
    left = inbox.read_portion(tmp_path)
    inbox.leave_event(tmp_path, "user removed", "alice")
    inbox.remove_portion(tmp_path, left)
    assert subjects_and_events(tmp_path) == [("alice", "user removed")]
    inbox.leave_event(tmp_path, "user added", "bob")
    assert subjects_and_events(tmp_path) == [("alice", "user removed"), ("bob", "user added")]


def test_half_a_line_is_no_event_and_goes_with_the_others(tmp_path: Path) -> None:
    inbox.leave_event(tmp_path, "user added", "alice")
    with (tmp_path / "audit-inbox.jsonl").open("ab") as file:
        file.write(b'{"at":"2026')
    left = inbox.read_portion(tmp_path)
    assert [one is None for one in left.events] == [False, True]
    inbox.remove_portion(tmp_path, left)
    assert inbox.read_portion(tmp_path) == inbox.Portion()


def test_however_much_there_is_it_comes_in_portions_and_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / "audit-inbox.jsonl"
    inbox.leave_event(tmp_path, "user added", "first")
    line = path.read_bytes()
    lines = [line.replace(b"first", b"user%05d" % number) for number in range(2_000)]
    path.write_bytes(b"".join(lines) + b"x" * 200_000 + b"\n" + line)
    found, portions = [], 0
    while (portion := inbox.read_portion(tmp_path)).end:
        assert portion.end - portion.begin <= 64 * 1024
        found += [one.subject for one in portion.events if one]
        inbox.remove_portion(tmp_path, portion)
        portions += 1
    assert found == [f"user{number:05d}" for number in range(2_000)] + ["first"]
    assert portions > 3
    assert path.stat().st_size == 0


def test_a_file_that_was_cut_loses_nothing_that_came_since(tmp_path: Path) -> None:
    for number in range(3):
        inbox.leave_event(tmp_path, "user added", f"user{number}")
    left = inbox.read_portion(tmp_path)
    (tmp_path / "audit-inbox.jsonl").write_bytes(b"")
    inbox.leave_event(tmp_path, "user added", "new")
    inbox.remove_portion(tmp_path, left)
    assert subjects_and_events(tmp_path) == [("new", "user added")]


def test_a_disk_that_takes_half_a_line_refuses_the_event_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    inbox.leave_event(tmp_path, "user added", "alice")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (tmp_path / "audit-inbox.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            inbox.leave_event(tmp_path, "user added", "bob")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    inbox.leave_event(tmp_path, "user added", "carol")
    assert [one for one, _ in subjects_and_events(tmp_path)] == ["alice", "carol"]


def test_a_file_in_the_place_of_the_one_that_was_read_keeps_its_lines(tmp_path: Path) -> None:
    inbox.leave_event(tmp_path, "user added", "alice")
    left = inbox.read_portion(tmp_path)
    (tmp_path / "audit-inbox.jsonl").rename(tmp_path / "away")
    inbox.leave_event(tmp_path, "user added", "bob")
    inbox.remove_portion(tmp_path, left)
    assert subjects_and_events(tmp_path) == [("bob", "user added")]


def test_a_file_that_cannot_be_read_waits(tmp_path: Path) -> None:
    (tmp_path / "audit-inbox.jsonl").mkdir()
    assert inbox.read_portion(tmp_path) == inbox.Portion()


def test_nothing_was_left(tmp_path: Path) -> None:
    assert inbox.read_portion(tmp_path) == inbox.Portion()
    inbox.remove_portion(tmp_path, inbox.Portion())
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    inbox.leave_event(tmp_path, "user added", "alice")
    assert (tmp_path / "audit-inbox.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_a_link_leads_to_gets_no_event(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("as it is", encoding="ascii")
    (tmp_path / "audit-inbox.jsonl").symlink_to(other)
    with pytest.raises(ConfigError, match=r"cannot be written: is a link.*the change was made"):
        inbox.leave_event(tmp_path, "user added", "alice")
    assert inbox.read_portion(tmp_path) == inbox.Portion()
    assert other.read_text(encoding="ascii") == "as it is"
