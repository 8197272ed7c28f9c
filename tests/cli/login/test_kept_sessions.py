"""Sessions that wait for the next command are this account's own."""

import os
from pathlib import Path

import pytest

from sessiongate.cli.login.kept_sessions import KeptSession, all_kept, keep
from sessiongate.cli.login.targets import Target
from sessiongate.cli.output import Failed


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def one() -> KeptSession:
    target = Target("https://vc.example")
    return KeptSession("vc", target, {"token": "t"}, 0.0)


def test_what_is_kept_is_found_and_shown_to_this_account_alone(runtime: Path) -> None:
    assert all_kept() == {}
    path = keep(one())
    assert path.is_relative_to(runtime)
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0
    assert all_kept()["vc"].told == {"token": "t"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_sec_80_what_another_account_has_put_there_is_no_session_of_ours(runtime: Path) -> None:
    folder = keep(one()).parent
    os.chown(folder, 1234, 1234)
    with pytest.raises(Failed, match=r"sessions belongs to .*1234"):
        all_kept()
