"""Copies of events arrive: in a file that may be rotated, and at a syslog that may be away."""

import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.audit.forwarding import AuditForwarder, file_problem
from sessiongate.errors import ConfigError
from tests.peers.ports import free_port
from tests.until import PATIENCE, wait_until

LONG = timedelta(seconds=2 * PATIENCE)

# So long a receiver may take to accept anything. Whoever waited for that took as long.
ANSWER = 5.0


def took(work: Callable[[], None]) -> float:
    """Do this, and say how many seconds it took."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextmanager
def listening(port: int = 0) -> Iterator[socket.socket]:
    """A TCP syslog that accepts when asked to."""
    with socket.create_server(("127.0.0.1", port)) as door:
        door.settimeout(PATIENCE)
        yield door


def read_lines(connection: socket.socket, count: int) -> list[bytes]:
    """So many lines of a stream."""
    connection.settimeout(PATIENCE)
    data = b""
    while data.count(b"\n") < count:
        part = connection.recv(65536)
        assert part, "the connection ended too soon"
        data += part
    return data.splitlines()


def events(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]


def test_sec_70_a_file_gets_every_event_as_a_line(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    ship = AuditForwarder(file, None)
    ship(b'{"event":"one"}')
    ship('{"event":"zwei: ü"}'.encode())
    ship.close()
    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"event":"one"}',
        '{"event":"zwei: ü"}',
    ]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    ship = AuditForwarder(file, None)
    ship(b"before")
    wait_until(lambda: file.read_text() == "before\n")
    file.rename(tmp_path / "audit.1")
    ship(b"after")
    ship.close()
    assert (tmp_path / "audit.1").read_text() == "before\n"
    assert file.read_text() == "after\n"


def test_sec_70_a_syslog_gets_every_event(tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(PATIENCE)
    ship = AuditForwarder(None, f"udp:127.0.0.1:{receiver.getsockname()[1]}")
    ship(b'{"event":"one"}')
    ship.close()
    data = receiver.recv(65536)
    receiver.close()
    assert data.startswith(b"<86>")  # authpriv.info
    assert b'{"event":"one"}' in data


def test_a_local_syslog_is_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "log"
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(path))
    receiver.settimeout(PATIENCE)
    ship = AuditForwarder(None, f"unix:{path}")
    ship(b"event")
    ship.close()
    assert b"event" in receiver.recv(65536)
    receiver.close()


def test_nowhere_to_ship_to_is_no_work() -> None:
    ship = AuditForwarder(None, None)
    ship(b"event")
    ship.close()
    ship(b"after the end")


def test_a_file_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^audit\.file: .* cannot be written: it is a directory"):
        AuditForwarder(tmp_path, None)


@pytest.mark.parametrize("kind", ["fine", "directory", "no directory", "link of another's"])
def test_sec_80_what_a_start_refuses_is_known_before_it(kind: str, tmp_path: Path) -> None:
    """In the same words, and nothing is made by asking."""
    path = tmp_path / "audit.jsonl"
    if kind == "directory":
        path.mkdir()
    elif kind == "no directory":
        path = tmp_path / "logs" / "audit.jsonl"
    elif kind == "link of another's":
        if os.geteuid() != 0:
            pytest.skip("only root gives files to others")
        path.symlink_to(tmp_path / "victim")
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    before = sorted(tmp_path.iterdir())
    problem = file_problem(path)
    assert sorted(tmp_path.iterdir()) == before
    if kind == "fine":
        assert problem == ""
        AuditForwarder(path, None).close()
        return
    with pytest.raises(ConfigError) as told:
        AuditForwarder(path, None)
    assert told.value.problems == [f"audit.file: {problem}"]
    assert problem.count(str(path)) == 1 or kind == "no directory"
    assert not (tmp_path / "victim").exists()


def test_our_own_output_is_no_file_to_look_at() -> None:
    assert file_problem(Path("/dev/stdout")) == ""


def test_the_directory_of_a_file_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^audit\.file: the directory .*/logs does not exist"):
        AuditForwarder(tmp_path / "logs" / "audit.jsonl", None)
    assert not (tmp_path / "logs").exists()


def test_a_syslog_that_is_away_is_said_once_and_holds_up_nobody() -> None:
    with capture_logs() as logs:
        ship = AuditForwarder(None, "unix:/nowhere/log")
        ship(b"one")
        ship(b"two")
        assert took(lambda: ship.close(LONG)) < PATIENCE
    assert events(logs) == [
        "copies of audit events cannot be delivered",
        "copies of audit events were not delivered",
    ]
    assert (logs[0]["to"], logs[0]["why"]) == ("audit.syslog", "No such file or directory")
    assert logs[1]["copies"] == ship.lost == 2


def test_no_start_waits_for_a_syslog_on_tcp() -> None:
    with closing(socket.socket()) as full, ExitStack() as others:
        # A port whose queue is full answers no further connection: what a dead host looks like.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(3):
            waiting = others.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(address)
        ships: list[AuditForwarder] = []
        assert (
            took(lambda: ships.append(AuditForwarder(None, f"tcp:127.0.0.1:{address[1]}"))) < ANSWER
        )
        assert took(lambda: ships[0](b"event")) < ANSWER
        assert took(lambda: ships[0].close(timedelta(seconds=0.2))) < ANSWER
        assert ships[0].lost == 1


def test_what_a_syslog_on_tcp_missed_follows_when_it_is_there() -> None:
    port = free_port()
    with capture_logs() as logs:
        ship = AuditForwarder(None, f"tcp:127.0.0.1:{port}")
        ship(b"one")
        ship(b"two")
        wait_until(lambda: bool(logs))
        with listening(port) as door, closing(door.accept()[0]) as connection:
            assert read_lines(connection, 2) == [b"<86>one", b"<86>two"]
            wait_until(lambda: len(logs) == 2)
            ship.close()
    assert events(logs) == [
        "copies of audit events cannot be delivered",
        "copies of audit events are delivered again",
    ]
    assert ship.lost == 0


def test_a_syslog_on_tcp_that_was_restarted_gets_what_follows() -> None:
    with listening() as door:
        ship = AuditForwarder(None, f"tcp:127.0.0.1:{door.getsockname()[1]}")
        ship(b"one")
        with closing(door.accept()[0]) as connection:
            assert read_lines(connection, 1) == [b"<86>one"]
        ship(b"two")
        with closing(door.accept()[0]) as connection:
            assert read_lines(connection, 1) == [b"<86>two"]
        ship.close()


def test_a_syslog_that_reads_nothing_does_not_hold_up_a_stop() -> None:
    before = set(threading.enumerate())
    with listening() as door, capture_logs() as logs:
        ship = AuditForwarder(None, f"tcp:127.0.0.1:{door.getsockname()[1]}")
        ship(b"first")
        with closing(door.accept()[0]):
            for _ in range(40):  # more than the kernel keeps for one connection
                ship(b"x" * 1_000_000)
            assert took(lambda: ship.close(timedelta(seconds=0.5))) < ANSWER
        assert events(logs)[-1] == "copies of audit events were not delivered"
        assert 1 <= logs[-1]["copies"] == ship.lost <= 40
    wait_until(lambda: before.issuperset(threading.enumerate()))


def test_a_stuck_syslog_keeps_no_copy_from_the_file(tmp_path: Path) -> None:
    with listening() as door:
        ship = AuditForwarder(tmp_path / "audit.jsonl", f"tcp:127.0.0.1:{door.getsockname()[1]}")
        with closing(door):
            for number in range(40):
                ship(b"%d" % number + b"x" * 1_000_000)
            wait_until(lambda: (tmp_path / "audit.jsonl").stat().st_size > 40_000_000)
            ship.close(timedelta(seconds=0.1))


def test_what_does_not_fit_the_queue_is_said_once_and_counted() -> None:
    with capture_logs() as logs:
        ship = AuditForwarder(None, "unix:/nowhere/log", most_waiting=2)
        for _ in range(5):
            ship(b"event")
        assert ship.lost == 3
        ship.close()
    assert (
        events(logs).count("copies of audit events are being lost: file or syslog does not keep up")
        == 1
    )
    assert ship.lost == 5


def test_a_copy_that_is_too_long_for_a_datagram_holds_up_no_other() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        ship = AuditForwarder(None, f"udp:127.0.0.1:{receiver.getsockname()[1]}")
        ship(b"x" * 100_000)
        ship(b"short")
        ship.close()
        assert receiver.recv(65536) == b"<86>short\0"
    assert ship.lost == 1


FULL_DISK = """
import resource, signal, sys, time
from pathlib import Path
from sessiongate.audit.forwarding import AuditForwarder, file_problem

file = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ship = AuditForwarder(file, None)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (15, before[1]))
ship(b"0123456789")
ship(b"abcdefghij")
deadline = time.monotonic() + 60
while file.stat().st_size < 15 and time.monotonic() < deadline:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, before)
ship.close()
print(ship.lost)
"""
"""The limit on a file's size, which is a process's, cuts a write as a full disk does."""


def test_half_a_line_that_a_full_disk_left_is_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert file.read_text().splitlines() == ["0123456789", "abcd", "abcdefghij"]
