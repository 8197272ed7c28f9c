"""A data directory that nobody has made: nothing is changed in it, and nothing is said to be."""

import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessiongate.audit import offline
from sessiongate.cli.output import Exit
from sessiongate.config.home import PREPARED
from sessiongate.operations.control_socket import socket_path
from tests.docs.from_commands import commands
from tests.end_to_end.serving import run_here

ARGUMENTS = {"add": ("ada", "--role", "user", "--generate"), "role": ("ada", "user"), "list": ()}
CHANGES = [
    *(
        (*name.split(), *ARGUMENTS.get(name.split()[1], ("ada",)))
        for name, _ in commands()
        if name.startswith("users ")
    ),
    ("cert", "renew"),
]
by_change = pytest.mark.parametrize("args", CHANGES, ids=" ".join)


@contextmanager
def socket_in(directory: Path) -> Iterator[None]:
    """A control socket in this data directory, as a server that runs there has one."""
    directory.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.bind(str(socket_path(directory)))
        yield


def test_every_command_of_users_is_tried() -> None:
    assert len(CHANGES) >= 10


@by_change
def test_a_directory_that_does_not_exist_is_not_made(args: tuple[str, ...], tmp_path: Path) -> None:
    typo = tmp_path / "a typo"
    done = run_here(*args, "--data-dir", str(typo))
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert "does not exist" in done.err
    # The way out, ready to paste.
    assert f"sessiongate init --data-dir {shlex.quote(str(typo))}" in done.err
    assert not typo.exists()


@by_change
def test_nor_is_anything_put_into_one_of_somebody_elses(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    other = tmp_path / "home"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    done = run_here(*args, "--data-dir", str(other))
    assert done.code == Exit.REFUSED
    assert "was not made by" in done.err
    assert [path.name for path in other.iterdir()] == ["notes.txt"]


def test_init_makes_one_for_plain_http_too(tmp_path: Path) -> None:
    """Which leaves no certificate by which it could be known."""
    data_dir = str(tmp_path / "data")
    environ = {"SESSIONGATE_SERVER__PLAIN_HTTP": "yes"}
    assert run_here("init", "--data-dir", data_dir, environ=environ).code == 0
    (tmp_path / "data" / "users.toml").unlink()
    listed = run_here("users", "list", "--data-dir", data_dir)
    assert (listed.code, "There is no user" in listed.out) == (0, True)


def test_the_administrator_that_init_adds_is_left_for_the_audit(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert run_here("init", "--data-dir", str(data_dir)).code == 0
    [added] = offline.read_portion(data_dir).events
    assert added is not None
    assert (added.event, added.subject, added.how) == ("user added", "admin", "command line")
    assert added.detail == "role administrator, by init"


@pytest.mark.parametrize("name", PREPARED)
def test_what_an_earlier_version_has_made_is_known(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert run_here("users", "list", "--data-dir", str(tmp_path)).code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("sessions", "list"),
        ("users", "unlock", "ada"),
        ("users", "list"),
        ("leaks",),
        ("audit", "tail"),
        ("audit", "verify"),
    ],
    ids=" ".join,
)
def test_a_server_that_runs_in_var_is_named(
    args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hint = "a server's control socket is in ./var: --data-dir var"
    asked = (*args, "--data-dir", str(tmp_path / "typo"))
    assert hint not in run_here(*asked).err
    with socket_in(tmp_path / "var"):
        assert hint in run_here(*asked).err
        # Nobody is sent where they are already.
        assert hint not in run_here(*args, "--data-dir", "var").err
