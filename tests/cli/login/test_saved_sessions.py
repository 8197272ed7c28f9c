"""Sessions that wait for the next command are this account's own."""

import os
from pathlib import Path

import pytest

from sessiongate.cli.login.saved_sessions import SavedSession, save, saved_sessions
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import Failed


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def one() -> SavedSession:
    target = Target("https://vc.example")
    return SavedSession("vc", target, {"token": "t"}, 0.0)


def test_what_is_kept_is_found_and_shown_to_this_account_alone(runtime: Path) -> None:
    assert saved_sessions() == {}
    path = save(one())
    assert path.is_relative_to(runtime)
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0
    assert saved_sessions()["vc"].told == {"token": "t"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_sec_80_what_another_account_has_put_there_is_no_session_of_ours(runtime: Path) -> None:
    folder = save(one()).parent
    os.chown(folder, 1234, 1234)
    with pytest.raises(Failed, match=r"sessions belongs to .*1234"):
        saved_sessions()
