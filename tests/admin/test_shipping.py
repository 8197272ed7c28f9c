"""Copies of events arrive: in a file that may be rotated, and at a syslog."""

import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.admin.shipping import Shipping
from sessiongate.errors import ConfigError


def test_sec_70_a_file_gets_every_event_as_a_line(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "audit.jsonl"
    ship = Shipping(file, None)
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
    ship = Shipping(file, None)
    ship(b"before")
    ship.close()
    file.rename(tmp_path / "audit.1")
    ship = Shipping(file, None)
    ship(b"after")
    ship.close()
    assert file.read_text() == "after\n"


def test_sec_70_a_syslog_gets_every_event(tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(10)
    ship = Shipping(None, f"udp:127.0.0.1:{receiver.getsockname()[1]}")
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
    receiver.settimeout(10)
    ship = Shipping(None, f"unix:{path}")
    ship(b"event")
    ship.close()
    assert b"event" in receiver.recv(65536)
    receiver.close()


def test_nowhere_to_ship_to_is_no_work() -> None:
    ship = Shipping(None, None)
    ship(b"event")
    ship.close()
    ship(b"after the end")


def test_a_file_that_cannot_be_written_is_said_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"^audit\.file: "):
        Shipping(Path("/proc/nowhere/audit"), None)


def test_a_syslog_that_is_away_is_said_once_and_holds_up_nobody() -> None:
    with capture_logs() as logs:
        ship = Shipping(None, "unix:/nowhere/log")
        ship(b"one")
        ship(b"two")
        ship.close()
    assert [line["event"] for line in logs] == ["copies of audit events cannot be delivered"]
