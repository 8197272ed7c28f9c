"""A data directory that an earlier server has left: it opens, and everything in it still counts.

`data_of_before` was made by the commit before the code moved into rooms: two live sessions of ada,
one by Zerto's API and one by /api/session, one that was ended, and the audit of it all.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.serving import Server, run_command

BEFORE = Path(__file__).with_name("data_of_before")
ADA = ("ada", "correct horse battery")
BY_ZERTO = "aa039a38-a70e-174d-a4a3-0d1a414d7afc"
BY_REST = "bdb39ecc1c06185b7e0bae21388e5fcdf4a67c8a"
ENDED = "0a4c39701f4c0a02549affccc63323bd53431658"

# The sessions are as old as the directory, and must not be over for that.
SETTINGS = '[sessions]\nidle_timeout = "36500d"\nabsolute_timeout = 0\n'

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    shutil.copytree(BEFORE, path)
    path.chmod(0o700)
    for file in path.iterdir():
        file.chmod(0o600)
    script = path / "sessiongate.sql"
    with closing(sqlite3.connect(path / "sessiongate.db")) as database:
        database.executescript(script.read_text(encoding="utf-8"))
    script.unlink()
    return path


def test_sessions_people_and_audit_of_before_go_on(data_dir: Path) -> None:
    with Server(data_dir, settings=SETTINGS) as server:
        assert server.is_alive(BY_REST)
        assert server.is_alive(BY_ZERTO)
        assert not server.is_alive(ENDED)
        # Who was there before is the same person now, and ends what was opened before.
        token = server.vim_token(ADA)
        over = server.request("DELETE", "/v1/session", {"x-zerto-session": BY_ZERTO})
        assert over.status == 200
        assert not server.is_alive(BY_ZERTO)
        assert server.is_alive(token)
        server.stop()
    verified = run_command("audit", "verify", "--data-dir", str(data_dir), "--output", "json")
    assert verified.code == 0
    assert verified.json()["whole"] is True
    told = run_command("audit", "export", "--data-dir", str(data_dir)).out
    assert "2026-11-30T06:31:07.270879Z" in told  # the first login, as it was written then
    assert told.count('"session opened"') == 4
