"""Addresses that are taken are told before anything is made, and by `check`."""

import os
import pwd
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessiongate.app.preflight.ports import ports_of
from sessiongate.cli.output import Exit
from sessiongate.config import load
from sessiongate.errors import ConfigError
from sessiongate.http.listening.sockets import bind_socket
from tests.end_to_end.serving import Server, run_here
from tests.peers.ports import usual_operations_port
from tests.until import PATIENCE


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens at."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield int(one.getsockname()[1])


def problems(**settings: Any) -> list[tuple[str, bool, str]]:
    """Of these settings, without a console: somebody on this machine may have its address."""
    settings = {"console_listen": "off", **settings}
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return [
        (port.setting, port.needed, port.sentence)
        for port in ports_of(load(None, {}, named))
        if port.problem
    ]


def test_free_addresses_are_no_problem_and_stay_free(taken: int) -> None:
    free = {"server_listen": ["127.0.0.1:0", "[::1]:0"], "admin_listen": "off"}
    assert problems(**free) == []


def test_each_address_that_is_taken_is_named(taken: int) -> None:
    address = f"127.0.0.1:{taken}"
    [(setting, needed, said)] = problems(
        server_listen=["127.0.0.1:0", address], admin_listen="127.0.0.1:0"
    )
    assert (setting, needed) == ("server.listen", True)
    assert said.startswith(f"server.listen: {address} cannot be had: Address already in use;")
    [(setting, needed, said)] = problems(server_listen=["127.0.0.1:0"], admin_listen=address)
    assert (setting, needed) == ("admin.listen", True)
    assert address in said


def test_each_worker_has_an_operations_port_of_its_own(taken: int) -> None:
    found = problems(
        server_listen=["127.0.0.1:0"],
        admin_listen=f"127.0.0.1:{taken - 1}",
        server_workers=2,
        store_url="redis://127.0.0.1:1",
    )
    assert [one for one in found if f":{taken} " in one[2]]


def test_a_socket_is_taken_while_somebody_answers_there(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    asked = {"server_listen": [f"unix:{path}"], "admin_listen": "off"}
    assert problems(**asked) == []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.bind(str(path))
        one.listen()
        [(_, needed, said)] = problems(**asked)
        assert needed
        assert "a server answers there" in said
    # Left behind by a server that was killed, it is no obstacle, and it is not touched here.
    assert problems(**asked) == []
    assert path.is_socket()
    path.unlink()
    path.write_text("mine")
    assert "another kind of file" in problems(**asked)[0][2]


def test_a_path_at_which_no_socket_can_be_made_is_told_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "deep").mkdir()
    for path, said in {
        "/proc/x": "/proc takes no new files; listen elsewhere",
        "/sys/x": "no file can be made in /sys (",
        f"{tmp_path}/none/x": f"there is no directory {tmp_path}/none; make it, or listen",
        f"{tmp_path}/file/x": f"no file can be made in {tmp_path}/file (Not a directory); listen",
        f"{tmp_path}/deep": "another kind of file is there; remove it, or listen elsewhere",
        f"{tmp_path}/link": "another kind of file is there; remove it, or listen elsewhere",
    }.items():
        [(setting, needed, sentence)] = problems(server_listen=[f"unix:{path}"], admin_listen="off")
        assert (setting, needed) == ("server.listen", True)
        assert sentence.startswith(f"server.listen: unix:{path} cannot be had: ")
        assert said in sentence
    assert sorted(one.name for one in tmp_path.iterdir()) == ["deep", "file", "link"]
    assert not list((tmp_path / "deep").iterdir())
    # The data directory is made by whoever listens in it.
    data = tmp_path / "data"
    listen = [f"unix:{data}/gate.sock"]
    assert problems(server_listen=listen, admin_listen="off", server_data_dir=str(data)) == []
    assert not data.exists()


def test_init_and_check_refuse_such_a_path(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = run_here("init", "--listen", "unix:/proc/x", "--data-dir", str(data))
    assert (done.code, done.out) == (Exit.SETTINGS, "")
    assert "server.listen: unix:/proc/x cannot be had: /proc takes no new files" in done.err
    assert not data.exists()
    environ = {"SESSIONGATE_SERVER__LISTEN": "unix:/proc/x", "SESSIONGATE_ADMIN__LISTEN": "off"}
    answer = run_here("check", "--data-dir", str(data), "--output", "json", environ=environ).json()
    [row] = [one for one in answer["checks"] if one["check"] == "server.listen"]
    assert (row["result"], "/proc takes no new files" in row["detail"]) == ("problem", True)


@contextmanager
def too_busy(path: Path) -> Iterator[None]:
    """A Unix socket whose queue is full, as a server's that is stopped or in a long loop."""
    with ExitStack() as held:
        server = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        server.bind(str(path))
        server.listen(0)
        while True:
            one = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            one.setblocking(False)
            try:
                one.connect(str(path))
            except BlockingIOError:
                break
        yield


def test_a_socket_that_is_too_busy_to_answer_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with too_busy(path):
        [(_, needed, said)] = problems(server_listen=[f"unix:{path}"], admin_listen="off")
        assert needed
        assert "a server answers there" in said
        with pytest.raises(ConfigError, match="in use"):
            bind_socket(f"unix:{path}")
        assert path.is_socket()


@pytest.mark.parametrize("setting", ["SERVER__LISTEN", "ADMIN__LISTEN"])
def test_serve_says_so_first_and_leaves_nothing_behind(
    setting: str, taken: int, tmp_path: Path
) -> None:
    environ = {
        "SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0",
        "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME": "boss",
        "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD": "Lighthouse-7",
        f"SESSIONGATE_{setting}": f"127.0.0.1:{taken}",
    }
    done = run_here("serve", "--data-dir", str(tmp_path / "data"), environ=environ)
    assert (done.code, done.out) == (Exit.SETTINGS, "")
    said = setting.lower().replace("__", ".")
    assert done.err.startswith(f"sessiongate: {said}: 127.0.0.1:{taken} cannot be had")
    assert not (tmp_path / "data").exists()


def test_check_tells_a_taken_port(taken: int, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(
        f'[server]\nlisten = ["127.0.0.1:{taken}", "127.0.0.1:0"]\n[admin]\nlisten = "off"\n'
    )
    asked = ("--config", str(path), "--data-dir", str(tmp_path / "data"))
    done = run_here("check", *asked, "--output", "json")
    assert done.code == Exit.REFUSED
    answer = done.json()
    assert answer["ok"] is False
    [problem] = answer["problems"]
    assert f"127.0.0.1:{taken} cannot be had" in problem
    rows = [one for one in answer["checks"] if one["check"] == "server.listen"]
    assert [one["result"] for one in rows] == ["problem", "ok"]
    # The file that was read is named.
    [read] = [one["detail"] for one in answer["checks"] if one["check"] == "settings"]
    assert read.startswith(f"{path}: ")
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_running_servers_own_ports_are_no_problem(tmp_path: Path) -> None:
    with Server(tmp_path / "data", flags=("--listen", "127.0.0.1:0")) as server:
        server.settings = f'[server]\nlisten = ["127.0.0.1:{server.port}"]\n'
        answer = server.run("check", "--output", "json").json()
        rows = [one for one in answer["checks"] if one["check"] == "server.listen"]
        assert [(one["result"], "in use" in one["detail"]) for one in rows] == [("ok", True)]
        server.stop()


@pytest.mark.slow
def test_a_start_without_operations_says_so_on_its_own_lines(tmp_path: Path) -> None:
    with usual_operations_port(), Server(tmp_path / "data", operations=True) as server:
        assert server.out.wait_for(
            lambda lines: any("WARNING: no operations listener" in line for line in lines)
        )
        [said] = [line for line in server.out.lines if "no operations" in line]
        assert "127.0.0.1:9670" in said
        assert said.endswith('; free it, or set admin.listen to another port or to "off"')
        rows = server.run("check", "--output", "json").json()["checks"]
        [row] = [one for one in rows if one["check"] == "admin.listen"]
        assert "in use" in row["detail"]
        server.stop()
        rows = server.run("check", "--output", "json").json()["checks"]
        [row] = [one for one in rows if one["check"] == "admin.listen"]
        assert (row["result"], "127.0.0.1:9670" in row["detail"]) == ("note", True)


@pytest.mark.slow
def test_dev_takes_a_free_port_for_operations(tmp_path: Path) -> None:
    with (
        usual_operations_port(),
        Server(tmp_path / "a", command=("dev",)) as one,
        Server(tmp_path / "b", command=("dev",)) as two,
    ):
        ports = set()
        for server in (one, two):
            assert server.out.wait_for(
                lambda lines: any(line.startswith("Operations on ") for line in lines)
            )
            [line] = [one for one in server.out.lines if one.startswith("Operations on ")]
            port = int(line.rpartition(":")[2])
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            ports.add(port)
            assert "no operations listener" not in server.out.text
        assert len(ports) == 2
        one.stop()
        two.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_sec_80_root_is_told_before_that_its_socket_would_be_in_other_hands() -> None:
    """In the words of the start, and nothing is tried there."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="sessiongate-ports-") as name:
        theirs = Path(name) / "theirs"
        theirs.mkdir()
        os.chown(theirs, nobody.pw_uid, nobody.pw_gid)
        address = f"unix:{theirs}/door"
        for table in ("server", "console", "admin"):
            told = {"server.data_dir": name, f"{table}.listen": address}
            config = load(None, {}, told | {"server.plain_http": True})
            (port,) = [one for one in ports_of(config) if one.address == address]
            assert port.sentence.startswith(f"{table}.listen: {address} cannot be had: of {theirs}")
            assert "in the hands of nobody" in port.sentence
            with pytest.raises(ConfigError) as caught:
                bind_socket(address)
            assert port.problem == caught.value.problems[0]
        assert list(theirs.iterdir()) == []
