"""What is forked off is as what is started: its words, its streams, its end."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.each import each
from tests.end_to_end.forking import Forked, may_fork
from tests.end_to_end.serving import Server, environment, run_command
from tests.until import PATIENCE


@pytest.mark.slow
@each(
    ("arguments", "extra"),
    [
        (("config", "show"), {"SESSIONGATE_SESSIONS__MAX_TOTAL": "77"}),
        (("config", "show", "--output", "json"), {"SESSIONGATE_SESSIONS__MAX_TOTAL": "none"}),
        (("no-such-command",), {}),
        (("--version",), {}),
    ],
)
def test_it_says_and_returns_what_a_started_one_does(
    arguments: tuple[str, ...], extra: Mapping[str, str]
) -> None:
    started = run_command(*arguments, environ=extra)
    forked = Forked(arguments, environment(extra))
    said = forked.stdout.read(), forked.stderr.read()
    assert (forked.wait(PATIENCE), *said) == (started.code, started.out, started.err)
    assert started.out or started.err
    forked.stdout.close()
    forked.stderr.close()


def test_a_signal_ends_it(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        assert isinstance(server.process, Forked)
        forked = server.process
        server.stop()
        assert forked.wait(0) == 0
        server.start()
        assert isinstance(server.process, Forked)
        server.signal(signal.SIGKILL)
        assert server.process.wait(PATIENCE) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("LD_PRELOAD", False),
        ("LC_ALL", False),
        ("PYTHONUTF8", False),
        ("SESSIONGATE_LOG__LEVEL", True),
        ("HOME", True),
    ],
)
def test_what_only_a_start_reads_needs_one(name: str, may: bool) -> None:
    assert may_fork(environment({name: "/another"})) is may
