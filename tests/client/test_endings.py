"""A program that ends leaves no session behind: by its end, by SIGTERM, by an error."""

import signal
import subprocess
import sys
import threading

import pytest

from sessiongate_client import ZertoSession
from tests.client.scripted import PASSWORD, USER, Scripted
from tests.each import each
from tests.house.sources import ROOT
from tests.until import PATIENCE

PROGRAM = """
import os, sys
from sessiongate_client import ZertoSession
session = ZertoSession(sys.argv[1], sys.argv[2], sys.argv[3], logout_on_sigterm=True)
session.current()
print("open", flush=True)
"""


def program(url: str, rest: str) -> "subprocess.Popen[str]":
    """It has opened a session when this returns."""
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + rest, url, USER, PASSWORD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT / "client",
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "open\n"
    return started


@each(
    ("rest", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("del session", 0),
        ("if os.fork() == 0: sys.exit(0)\nos.wait()\nassert session.keep_alive()", 0),
    ],
)
def test_at_its_end(script: Scripted, zvm: tuple[Scripted, str], rest: str, code: int) -> None:
    with program(zvm[1], rest) as started:
        started.communicate(timeout=PATIENCE)
    assert started.returncode == code
    assert script.sessions == set()


@each("rest", ["sys.stdin.read()", "with session: sys.stdin.read()"])
def test_by_sigterm(script: Scripted, zvm: tuple[Scripted, str], rest: str) -> None:
    with program(zvm[1], rest) as started:
        assert len(script.sessions) == 1
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=PATIENCE)
    assert started.returncode == 128 + signal.SIGTERM
    assert script.sessions == set()


def test_sigterm_waits_for_a_login(script: Scripted, zvm: tuple[Scripted, str]) -> None:
    """What the server opens meanwhile is known, and ended."""
    with program(zvm[1], "session.renew()") as started:
        pass
    logins, known = script.logins, threading.Event()

    def tell() -> None:
        if script.logins > logins + 1:
            assert known.wait(PATIENCE)  # else it could be the one before that is told
            started.send_signal(signal.SIGTERM)

    script.before_login = tell
    started = program(zvm[1], "session.renew(); sys.stdin.read()")
    known.set()
    started.communicate(timeout=PATIENCE)
    assert started.returncode == 128 + signal.SIGTERM
    assert script.sessions == set()


def test_only_the_main_thread_may_ask_for_sigterm(zvm: tuple[Scripted, str]) -> None:
    raised: list[ValueError] = []

    def make() -> None:
        try:
            ZertoSession(zvm[1], USER, PASSWORD, logout_on_sigterm=True)
        except ValueError as error:
            raised.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    with pytest.raises(ValueError, match="main thread"):
        raise raised[0]
