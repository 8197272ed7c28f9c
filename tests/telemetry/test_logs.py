"""How log lines look where they go to a file."""

import json
import subprocess
import sys

import pytest
import structlog

from sessiongate.telemetry.logs import without_logs
from tests.each import each

PROGRAM = """
import structlog
from sessiongate.telemetry.logs import LogFormat, configure_logs
configure_logs(LogFormat({form!r}))
structlog.get_logger("x").info("session opened", user={user!r})
"""


def logged(form: str, user: str = "alice") -> str:
    """What a program with this form of log writes to a standard error that is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=form, user=user)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr


LEVELS = """
import structlog
from sessiongate.telemetry.logs import LogFormat, LogLevel, configure_logs
configure_logs(LogFormat.JSON{level})
for name in ("debug", "info", "warning", "error"):
    getattr(structlog.get_logger("x"), name)(name)
"""


@pytest.mark.parametrize(
    ("level", "first"),
    [
        ("", "info"),
        (", LogLevel.DEBUG", "debug"),
        (", LogLevel.INFO", "info"),
        (", LogLevel.WARNING", "warning"),
    ],
)
def test_what_is_below_the_level_is_not_written(level: str, first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEVELS.format(level=level)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = ["debug", "info", "warning", "error"]
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == names[names.index(first) :]


@pytest.mark.parametrize("form", ["auto", "json"])
def test_a_file_gets_json(form: str) -> None:
    (line,) = logged(form).splitlines()
    said = json.loads(line)
    assert (said["event"], said["user"], said["level"]) == ("session opened", "alice", "info")


@pytest.mark.parametrize("user", ["bob", "Zoë", 'a"b', "a\\ud800b", "a\x85b"])
def test_json_is_ascii_whatever_the_letters_and_says_the_same(user: str) -> None:
    (line,) = logged("json", user).splitlines()
    assert line.isascii()
    assert json.loads(line)["user"] == user


@pytest.mark.slow
def test_json_shows_what_it_does_not_know_and_numbers_of_any_size() -> None:
    program = PROGRAM.format(form="json", user="bob").replace("'bob'", "{1: object, 2: 2**70}")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stderr)["user"] == {"1": "<class 'object'>", "2": 2**70}


def test_text_in_a_file_is_plain() -> None:
    (line,) = logged("text").splitlines()
    assert "session opened" in line
    assert "user=alice" in line
    assert "\x1b" not in line


@pytest.mark.slow
@each("form", ["text", "json"])
@each("user", ["a\x1b[2Jb", "\x1b]0;title\x07", "a\x9b2Jb", "a\u2028b", "a\x85b", "a\rb", "a b\nc"])
def test_sec_42_a_name_neither_steers_a_terminal_nor_starts_a_line(form: str, user: str) -> None:
    """Colours, titles and line ends by one name that a client sent, in every log format."""
    (line,) = logged(form, user).splitlines()
    assert line.isprintable()
    assert "session opened" in line


QUIET = """
import structlog
from sessiongate.telemetry.logs import LogFormat, configure_logs, without_logs
log = structlog.get_logger("x")
with without_logs():
    log.error("within")
    if {configures}:
        configure_logs(LogFormat.JSON)
        log.error("of a server")
"""


@pytest.mark.parametrize(("configures", "events"), [(False, []), (True, ["of a server"])])
def test_commands_log_nothing_and_servers_do(configures: bool, events: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET.format(configures=configures)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == events


def test_what_was_configured_before_is_so_again() -> None:
    before = structlog.get_config()
    with without_logs():
        assert structlog.get_config() != before
    assert structlog.get_config() == before
