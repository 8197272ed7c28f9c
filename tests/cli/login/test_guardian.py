"""The process that has a session: how the wait for it ends, and whom it lets in."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessiongate.cli.login import guardian
from sessiongate.cli.login.guardian import Guardian
from sessiongate.cli.login.session_users import SessionUsers
from sessiongate.client import ApplianceSession, Session, ZertoSession
from sessiongate.http.listening.sockets import bind_socket
from tests.client.scripted import PASSWORD, USER, Reply, scripted
from tests.each import each
from tests.until import PATIENCE, wait_until

TWO_WHILE_IT_IS_BUSY = """
import os, signal, sys
from functools import partial
from sessiongate.cli.login import guardian
from sessiongate.cli.login.shared_session import SharedSession
from sessiongate.cli.login.targets import Dialect, Target
from sessiongate.secret import Secret

guardian._PATIENCE = 0.01
target = Target(sys.argv[1], Dialect.ZERTO, sys.argv[2])
session = target.session(lambda: Secret(sys.argv[3]))
start = partial(guardian.Guardian.start, session, keep_alive=0, renews=False)
shared = SharedSession(target, in_file=False)
started = shared.joined_or_started(start, lambda: None)
joined = shared.joined_or_started(start, lambda: None)
os.kill(started._pid, signal.SIGSTOP)
os.waitpid(started._pid, os.WUNTRACED)
for one in (joined, started):
    try:
        print("it has ended:", one.end())
    except guardian.NotWaitedFor:
        print("it goes on")
os.kill(started._pid, signal.SIGCONT)
print(os.waitstatus_to_exitcode(os.waitpid(started._pid, 0)[1]))
"""
"""Who has started it and who has joined end while it is stopped, which is as busy as can be."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for sockets whose names are short enough."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def test_one_that_does_not_say_how_the_logout_went_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As long as it lived it would be waited for, and signals to us are passed on meanwhile."""
    monkeypatch.setattr(guardian, "_PATIENCE", 0.01)
    ours, its = socket.socketpair()
    lives = f"import select; select.select([], [], [], {PATIENCE}); print('it was waited for')"
    silent = [sys.executable, "-c", lives]
    with its, subprocess.Popen(silent, stdout=subprocess.PIPE) as process:
        assert Guardian(ours, process.pid).end() is None
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_one_that_is_shared_and_busy_is_left_to_the_others(folder: Path) -> None:
    """It logs out by itself, when it comes to it and the last has left."""
    with scripted() as (script, url):
        done = subprocess.run(
            [sys.executable, "-c", TWO_WHILE_IT_IS_BUSY, url, USER, PASSWORD],
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("it goes on\nit goes on\n0\n", "")
        assert (script.logins, script.sessions) == (1, set())


@contextmanager
def kept(
    session: Session, folder: Path, *, keep_alive: float = 0, renews: bool = False
) -> Iterator[tuple[Guardian, Path]]:
    """A session kept as a guardian does: the first line to that, and where others come."""
    path = folder / "shared.sock"
    ours, its = socket.socketpair()
    users = SessionUsers(its, bind_socket(f"unix:{path}"))
    thread = threading.Thread(target=guardian.keep, args=(users, session, keep_alive, renews))
    with its:
        thread.start()
        try:
            yield Guardian(ours, None), path
        finally:
            ours.close()
            thread.join(PATIENCE)


@contextmanager
def kept_for(
    seconds: float, folder: Path, *, renews: bool = False
) -> Iterator[tuple[Guardian, Path]]:
    """The same of a token that is good for so long."""
    base = "POST /auth/realms/zerto/protocol/openid-connect"
    body = json.dumps({"access_token": "t", "expires_in": seconds}).encode()
    with scripted() as (script, url), ApplianceSession(url, USER, PASSWORD) as session:
        script.answers[f"{base}/token"] = Reply(200, {"Content-Type": "application/json"}, body)
        script.answers[f"{base}/logout"] = Reply(204)
        with kept(session, folder, renews=renews) as opened:
            yield opened


def heard_by_another(path: Path) -> dict[str, Any]:
    """What somebody hears who comes now. He has left when this returns."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(path))
        except OSError:
            return {}
        another = Guardian(line, None)
        heard = another.next_message(PATIENCE)
        if heard is not None:
            assert another.end()
        return heard or {}


@each(("seconds", "renews"), [(3600, False), (guardian.EARLY - 1, True)])
def test_a_token_that_is_good_is_for_who_comes_too(
    folder: Path, seconds: float, renews: bool
) -> None:
    with kept_for(seconds, folder, renews=renews) as (_, path):
        assert "opened" in heard_by_another(path)


def test_a_token_that_nobody_renews_is_for_nobody_shortly_before_its_end(folder: Path) -> None:
    with kept_for(guardian.EARLY + 0.1, folder) as (first, path):
        assert "opened" in (first.next_message(PATIENCE) or {})
        wait_until(lambda: not path.exists())
        assert heard_by_another(path) == {}


def test_a_session_that_is_refused_another_is_for_nobody_who_comes(folder: Path) -> None:
    """No other is opened in its place as long as the first runs."""
    with (
        scripted() as (script, url),
        ZertoSession(url, USER, PASSWORD) as session,
        kept(session, folder, keep_alive=0.05, renews=True) as (first, path),
    ):
        assert "opened" in (first.next_message(PATIENCE) or {})
        script.refuses = True
        script.expire()
        assert "trouble" in (first.next_message(PATIENCE) or {})
        assert not path.exists()
        assert heard_by_another(path) == {}
