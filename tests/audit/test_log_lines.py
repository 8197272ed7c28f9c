"""The log line of a refusal says what the event does, and leaves out what it does not say."""

from structlog.testing import capture_logs

from sessiongate.audit.event import Event
from sessiongate.audit.log_lines import log_refusal
from sessiongate.testing import T0


def test_a_refusal_is_a_warning_and_what_went_well_is_not() -> None:
    with capture_logs() as lines:
        log_refusal(Event(at=T0, event="login refused", result="refused", user="ada", merged=7))
        log_refusal(Event(at=T0, event="session opened", result="ok", ip="192.0.2.7"))
    assert lines == [
        {"event": "login refused", "log_level": "warning", "user": "ada", "merged": 7},
        {"event": "session opened", "log_level": "info", "ip": "192.0.2.7"},
    ]
