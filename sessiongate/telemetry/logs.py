"""How log lines look: for people at a terminal, as JSON everywhere else."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import structlog

from sessiongate.telemetry.request_id import add_to_line


class LogFormat(StrEnum):
    """The form of a log line."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is written down."""

    DEBUG = "debug"
    """Also what the HTTP edge refuses, whoever sends it: a line for each."""
    INFO = "info"
    WARNING = "warning"


# Without the local variables of each frame: passwords and tokens are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
# Without blanks, as msgspec writes: whoever searches the log must know one spelling only.
_escaped = structlog.processors.JSONRenderer(separators=(",", ":"))


def configure_logs(form: LogFormat, level: LogLevel = LogLevel.INFO) -> bool:
    """Send log lines to stderr, one event a line, whatever letters a client sent.

    Returns whether they are text for people.
    """
    text = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    chain: list[structlog.typing.Processor] = (
        [
            structlog.processors.add_log_level,
            add_to_line,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _legible,
            structlog.dev.ConsoleRenderer(
                # A file that was asked for text is no terminal: escapes would only be in the way.
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
        if text
        else [_json_line]
    )
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        # One write a line, so that lines of several processes do not run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return text


@contextmanager
def without_logs() -> Iterator[None]:
    """Drop log lines, but of who configures them meanwhile.

    For commands: what they find out they say themselves.
    """
    before, ours = structlog.get_config(), [_drop]
    structlog.configure(processors=ours, cache_logger_on_first_use=False)
    try:
        yield
    finally:
        if structlog.get_config()["processors"] is ours:  # else they are somebody's by now
            structlog.configure(**before)


def _json_line(logger: object, method: str, line: structlog.typing.EventDict) -> str:
    """What the steps of a line for people do, in one: a chain of four took twice the time."""
    line["level"] = method
    add_to_line(logger, method, line)
    line["timestamp"] = msgspec.to_builtins(datetime.now(UTC))  # as ISO 8601
    if "exc_info" in line:
        _TRACEBACKS(logger, method, line)
    return _as_json(line)


def _drop(
    _logger: object, _method: str, _line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def _as_json(line: structlog.typing.EventDict) -> str:
    """A line as JSON in plain ASCII, so that no letter of a client's means anything to a terminal.

    msgspec takes an eighth of the time of json and writes other letters out, so json escapes those
    few lines that hold any, and what msgspec does not know.
    """
    try:
        text = msgspec.json.encode(line)
        if text.isascii():
            return text.decode("ascii")
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        pass
    return str(_escaped(None, "", line))


def _legible(
    _logger: object, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape what would steer a terminal or end the line: names come from clients.

    JSON needs none of this, and the renderer itself escapes only what holds white space.
    """
    for key, value in line.items():
        if isinstance(value, str) and not value.isprintable():
            line[key] = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in value)
    return line
