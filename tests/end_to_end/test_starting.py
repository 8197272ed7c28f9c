"""What a person meets at the first start: a port that is taken, and what is told once, or not."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.identity.local.users_file import set_disabled
from tests.end_to_end.at_terminal import at_terminal
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import USER, Server, environment, run_command
from tests.house.sources import ROOT
from tests.peers.ports import free_port, usual_operations_port
from tests.until import PATIENCE, wait_until

pytestmark = pytest.mark.slow

HANGUP = "\x03"
"""What Ctrl-C types."""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield int(one.getsockname()[1])


def make_run(tmp_path: Path, listen: str) -> subprocess.CompletedProcess[str]:
    """`make run` as it stands, over an environment that is set up already."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make on this machine")
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    command = programs / "sessiongate"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sessiongate.cli.main "$@"\n')
    command.chmod(0o755)
    (programs.parent / ".run").touch()
    variables = (f"VENV={programs.parent}", f"DATA_DIR={tmp_path / 'data'}", f"LISTEN={listen}")
    return subprocess.run(
        [make, "-s", "-C", str(ROOT), "run", *variables],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(),
    )


def test_make_run_at_a_taken_address_makes_nothing_and_shows_no_password(
    tmp_path: Path, taken: int
) -> None:
    done = make_run(tmp_path, f"127.0.0.1:{taken}")
    assert done.returncode != 0
    assert done.stdout == ""
    assert f"server.listen: 127.0.0.1:{taken} cannot be had" in done.stderr
    assert not (tmp_path / "data").exists()


def test_init_tries_the_addresses_that_it_is_given(tmp_path: Path, taken: int) -> None:
    asked = ("init", "--data-dir", str(tmp_path / "data"))
    refused = run_command(*asked, "--listen", f"127.0.0.1:{taken}")
    assert (refused.code, refused.out) == (2, "")
    assert f"server.listen: 127.0.0.1:{taken} cannot be had" in refused.err
    assert not (tmp_path / "data").exists()
    # Where none is given, it may be chosen later.
    environ = {"SESSIONGATE_SERVER__LISTEN": f"127.0.0.1:{taken}"}
    assert run_command(*asked, environ=environ).code == 0
    # Of a server that runs on this very directory they are its own.
    server = Server(tmp_path / "data")
    with server:
        again = run_command(*asked, "--listen", f"127.0.0.1:{server.port}")
        assert (again.code, "none was added" in again.out) == (0, True)
        server.stop()


def test_a_terminal_is_told_once_that_there_is_no_operations_listener(tmp_path: Path) -> None:
    with usual_operations_port():
        code, shown = at_terminal(
            *("serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0"),
            types=[("Clients may trust", HANGUP)],
        )
    assert code == 0, shown
    assert shown.count("no operations listener") == 1
    assert "{" not in shown.partition("Listening on")[0]


@pytest.mark.parametrize(
    ("files", "setting", "told"),
    [
        (4096, "", False),
        (4096, "[server.limits]\nconnections = 20000\n", True),
        (1024, "", True),
    ],
)
def test_fewer_connections_are_told_where_many_were_asked_for_or_few_are_left(
    files: int, setting: str, told: bool, make_server: MakeServer
) -> None:
    server = make_server(settings=setting, open_files=files)
    assert any("fewer connections" in line for line in server.log.lines) == told


def test_a_throw_away_server_has_no_advice_for_operators(tmp_path: Path) -> None:
    """Nobody puts a proxy in front of it."""
    environ = {"TMPDIR": str(tmp_path)}
    flags = ("--plain-http", "--user", ":".join(USER))
    with Server(tmp_path, command=("dev", *flags), environ=environ) as server:
        token = server.vim_token(USER)
        [made] = tmp_path.glob("sessiongate-dev-*/users.toml")
        set_disabled(made, USER[0], True)
        # Ended by the round that comes each second, as such advice does.
        wait_until(lambda: not server.is_alive(token), PATIENCE)
        server.stop()
    assert "not as it should be" not in server.log.text


@pytest.mark.parametrize("command", ["check", "audit tail", "users list"])
def test_a_redis_that_is_away_leaves_no_log_line_among_a_commands_own(
    command: str, tmp_path: Path
) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    environ = {"SESSIONGATE_STORE__URL": url, "SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0"}
    data_dir = ("--data-dir", str(tmp_path / "data"))
    assert run_command("init", *data_dir).code == 0
    done = run_command(*command.split(), *data_dir, environ=environ)
    assert all(line.startswith("sessiongate: ") for line in done.err.splitlines()), done.err
    if command == "check":
        assert done.err == ""
        assert done.out.startswith("CHECK")
