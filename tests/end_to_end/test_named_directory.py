"""Which data directory a command works on, and what it leaves alone there while a server runs."""

from pathlib import Path

import pytest

from sessiongate.store.embedded.lock import FileLock
from tests.end_to_end.serving import Server, run_command, run_here

pytestmark = pytest.mark.slow

WAY_OUT = "unset SESSIONGATE_DATA_DIR"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gate.toml"
    path.write_text(
        '[server]\nlisten = ["127.0.0.1:0"]\ndata_dir = "of-the-file"\n'
        'public_names = ["gate.example"]\n[admin]\nlisten = "off"\n'
    )
    return path


def test_a_variable_that_overrides_the_files_directory_is_told(tmp_path: Path, file: Path) -> None:
    exported = {"SESSIONGATE_DATA_DIR": str(tmp_path / "var")}
    for command in ("check", "init"):
        done = run_here(command, "--config", str(file), environ=exported)
        told = " ".join((done.out + done.err).split())
        assert done.code == 0, done
        for word in (str(tmp_path / "var"), str(tmp_path / "of-the-file"), WAY_OUT):
            assert word in told, command
        found = run_here(
            "check", "--config", str(file), "--output", "json", environ=exported
        ).json()
        rows = [row for row in found["checks"] if row["check"] == "data directory"]
        assert [row["result"] for row in rows if WAY_OUT in row["detail"]] == ["note"]
    # Where nothing is overridden, or by the same, nothing is told.
    same = {"SESSIONGATE_DATA_DIR": str(tmp_path / "of-the-file")}
    for environ in ({}, same):
        for command in ("check", "init"):
            done = run_here(command, "--config", str(file), environ=environ)
            assert WAY_OUT not in done.out + done.err
    asked = ("--config", str(file), "--data-dir", str(tmp_path / "asked"))
    assert WAY_OUT not in run_here("check", *asked, environ=exported).out


def certificate(data_dir: Path) -> bytes:
    return (data_dir / "tls" / "server.pem").read_bytes()


def test_init_leaves_the_certificate_of_a_running_server(tmp_path: Path, file: Path) -> None:
    with Server(tmp_path / "data") as server:
        before = certificate(server.data_dir)
        done = run_here("init", "--config", str(file), "--data-dir", str(server.data_dir))
        assert done.code == 0, done
        assert certificate(server.data_dir) == before
        assert "a server runs on this data directory" in done.err
        assert "gate.example" in done.err
        assert "sessiongate cert renew" in done.err
        server.stop()
    done = run_here("init", "--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert certificate(tmp_path / "data") != before
    assert "Certificate renewed: it was not for gate.example" in done.out
    again = run_here("init", "--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert "renewed" not in again.out


def test_init_leaves_the_certificate_of_a_server_that_is_starting(
    tmp_path: Path, file: Path
) -> None:
    """It owns the session file and has no control socket yet."""
    data = tmp_path / "data"
    run_here("init", "--data-dir", str(data))
    before = certificate(data)
    lock = FileLock(data / "sessiongate.db")
    lock.take()
    run_here("init", "--config", str(file), "--data-dir", str(data))
    assert certificate(data) == before
    lock.release()
    run_here("init", "--config", str(file), "--data-dir", str(data))
    assert certificate(data) != before


def test_a_second_server_is_told_to_take_another_directory(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        given = ("--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0")
        done = run_command("serve", *given, "--log-format", "json")
        assert done.code != 0
        for name in ("--data-dir", "server.data_dir", "DATA_DIR="):
            assert 0 < done.err.index(name) < done.err.index("store.url"), name
        server.stop()
