"""`sessiongate exec --share`: one session for all who use it at once, and none after the last."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import ADMIN, Server, environment, with_people
from tests.end_to_end.test_exec import (
    closed,
    command_of,
    ended,
    guardian_of,
    opened,
    sessions,
    where_and_who,
)
from tests.until import PATIENCE, wait_until

TELLS = ("sh", "-c", 'echo "$SESSIONGATE_SESSION"; exec sleep 600')
"""A command that says its session, and runs until it is ended."""

Share = Callable[..., Forked]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with with_people(tmp_path_factory.mktemp("shared") / "data", keep_alive=True) as running:
        yield running


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A place for sockets whose names are short enough."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def share(server: Server, runtime: Path, tmp_path: Path) -> Share:
    """Starts `exec --share`; by default with a password."""
    password = tmp_path / "password"
    password.write_text(f"{ADMIN[1]}\n")

    def started(*options: str, command: tuple[str, ...] = TELLS, secret: bool = True) -> Forked:
        given = ("--password-file", str(password)) if secret else ()
        arguments = ["exec", "--share", *where_and_who(server), *given, *options, "--", *command]
        return Forked(arguments, environment({"XDG_RUNTIME_DIR": str(runtime)}))

    return started


def token_of(process: Forked) -> str:
    return process.stdout.readline()


def end(process: Forked) -> None:
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert (code, err) == (128 + signal.SIGTERM, "")


def test_it_is_one_session_until_the_last_has_ended(
    server: Server, share: Share, runtime: Path
) -> None:
    before = opened(server)
    first = share()
    token = token_of(first)
    second = share(secret=False)
    assert token_of(second) == token
    end(first)
    third = share(secret=False)
    assert token_of(third) == token
    assert len(sessions(server)) == 1
    assert opened(server) == before + 1
    end(second)
    end(third)
    assert sessions(server) == []
    assert list(runtime.rglob("*.sock")) == []
    fourth = share(command=("true",))
    assert ended(fourth)[0] == 0
    assert (opened(server), sessions(server)) == (before + 2, [])


def test_many_that_start_at_once_log_in_once(server: Server, share: Share) -> None:
    before = opened(server)
    all_of_them = [share() for _ in range(6)]
    assert len({token_of(one) for one in all_of_them}) == 1
    assert opened(server) == before + 1
    for one in all_of_them:
        end(one)
    assert sessions(server) == []


def test_a_session_of_another_form_is_another_one(server: Server, share: Share) -> None:
    one, other = share("--as", "rest"), share("--as", "zerto")
    assert token_of(one) != token_of(other)
    assert len(sessions(server)) == 2
    end(one)
    end(other)
    assert sessions(server) == []


def test_whoever_has_opened_it_may_be_killed(server: Server, share: Share) -> None:
    first = share()
    token = token_of(first)
    second = share(secret=False)
    assert token_of(second) == token
    command = command_of(first)
    first.kill()
    try:
        first.wait(PATIENCE)
        assert len(sessions(server)) == 1
        end(second)
        wait_until(lambda: opened(server) == closed(server))
        assert sessions(server) == []
    finally:
        os.kill(command, signal.SIGKILL)  # nobody is there any more to end it
    ended(first)


def test_where_the_guardian_is_killed_who_ends_first_logs_out(server: Server, share: Share) -> None:
    first = share()
    token_of(first)
    second = share(secret=False)
    token_of(second)
    os.kill(guardian_of(first), signal.SIGKILL)
    end(first)
    assert sessions(server) == []
    third = share()
    assert len(token_of(third)) > 1
    end(second)
    assert len(sessions(server)) == 1
    end(third)
    assert sessions(server) == []


def test_one_that_has_ended_at_the_server_is_shared_no_more(
    server: Server, share: Share, runtime: Path
) -> None:
    first = share("--keep-alive", "1s")
    token = token_of(first)
    (session,) = sessions(server)
    assert server.run("sessions", "terminate", session["key"]).code == 0
    assert "has ended while the command runs" in first.stderr.readline()
    second = share()
    another = token_of(second)
    assert another not in (token, "")
    end(first)
    third = share(secret=False)
    assert token_of(third) == another  # it is shared by those who come after
    end(second)
    end(third)
    assert sessions(server) == []
    assert list(runtime.rglob("*.sock")) == []


def test_a_refused_login_leaves_nothing_to_share(
    share: Share, runtime: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("no such password\n")
    code, _, err = ended(share("--password-file", str(wrong)))
    assert code == 125
    assert "refuses this name and password" in err
    assert list(runtime.rglob("*.sock")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_sec_80_what_another_account_has_put_there_is_no_session_of_ours(
    share: Share, runtime: Path
) -> None:
    folder = runtime / "sessiongate" / "shared"
    folder.mkdir(parents=True, mode=0o700)
    os.chown(folder, 1234, 1234)
    code, _, err = ended(share())
    assert (code, "is in the hands of uid 1234" in err) == (1, True)
