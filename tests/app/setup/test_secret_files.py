"""A secret in a file that changes."""

from pathlib import Path

from sessiongate.app.setup.secret_files import SecretFile
from sessiongate.config import load
from sessiongate.secret import Secret


def test_another_secret_is_noticed_within_ten_seconds(tmp_path: Path) -> None:
    path, now = tmp_path / "password", [0.0]
    path.write_text("new\n")
    secret = SecretFile(path, Secret("old"), lambda: now[0])
    assert secret().reveal() == "new"
    path.write_text("newer\n")
    now[0] = 10.0
    assert secret().reveal() == "newer"


def test_what_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    path, now = tmp_path / "password", [0.0]
    secret = SecretFile(path, Secret("old"), lambda: now[0])
    for content in (None, b"", b"\xff"):
        if content is not None:
            path.write_bytes(content)
        now[0] += 10.0
        assert secret().reveal() == "old"


def test_the_settings_say_which_file_a_secret_stood_in(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p")
    path = tmp_path / "sessiongate.toml"
    path.write_text('[store]\nurl = "redis://127.0.0.1"\npassword_file = "password"\n')
    assert load(path).secret_files == {"store.password": tmp_path / "password"}
    again = load(path, {"SESSIONGATE_STORE__PASSWORD": "from elsewhere"})
    assert not again.secret_files
