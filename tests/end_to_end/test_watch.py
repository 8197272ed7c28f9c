"""`sessions watch` at a real server: on a terminal until somebody presses q, and as lines."""

import json
import signal

import pytest

from tests.end_to_end.at_terminal import CONTROL_C, at_terminal
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import USER, Server


def calls_of(server: Server) -> list[tuple[object, object]]:
    rows = server.run("sessions", "list", "--output", "json").json()
    return [(one["calls"], one["active_at"]) for one in rows]


@pytest.mark.slow
def test_a_terminal_shows_who_is_there_until_somebody_has_seen_enough(
    make_server: MakeServer,
) -> None:
    server = make_server()
    server.zerto_token(USER)
    before = calls_of(server)
    where = ("sessions", "watch", "--interval", "50ms", "--data-dir", str(server.data_dir))
    code, shown = at_terminal(*where, width=120, types=[(USER[0], "q")])
    assert code == 0
    assert "1 session  " in shown
    assert shown.endswith("\x1b[?25h\x1b[?1049l")  # what was there before is there again
    code, shown = at_terminal(*where, width=120, types=[(USER[0], CONTROL_C.decode())])
    assert code in (130, -signal.SIGINT)  # it is pressed again, maybe when all is done
    assert "\x1b[?25h\x1b[?1049l" in shown
    assert calls_of(server) == before  # whoever is watched idles out as before


@pytest.mark.slow
def test_what_is_no_terminal_gets_a_line_for_each_change(make_server: MakeServer) -> None:
    server = make_server()
    server.zerto_token(USER)
    told = server.run("sessions", "watch", "--times", "2", "--interval", "1ms")
    assert told.code == 0, told
    (line,) = told.out.splitlines()
    assert line.split()[1:2] + line.split()[3:6] == ["open", USER[0], "127.0.0.1", "zerto"]
    told = server.run("sessions", "watch", "--times", "1", "--output", "json")
    assert [json.loads(one)["change"] for one in told.out.splitlines()] == ["open"]
    server.stop()
    gone = server.run("sessions", "watch", "--times", "1")
    assert gone.code == 3
    assert "no server is running" in gone.err
