"""How log lines look: for people at a terminal, as JSON everywhere else."""

import logging
import sys
from enum import StrEnum

import structlog


class LogFormat(StrEnum):
    """The form of a log line."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def configure_logs(form: LogFormat) -> None:
    """Send log lines to stderr, one event a line, whatever letters a client sent."""
    text = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    tail: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tail,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
