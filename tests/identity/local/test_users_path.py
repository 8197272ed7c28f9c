"""Where users are kept, by the settings."""

from pathlib import Path

import pytest

from sessiongate.errors import ConfigError
from sessiongate.identity.local.users_path import users_path


def test_users_are_kept_beside_the_rest(tmp_path: Path) -> None:
    for table, path in (
        ({}, tmp_path / "users.toml"),
        ({"path": "people.toml", "type": "file"}, tmp_path / "people.toml"),
        ({"path": "/etc/people.toml"}, Path("/etc/people.toml")),
    ):
        assert users_path("local", table, tmp_path) == path


@pytest.mark.parametrize("path", ["", 1, None, ["users.toml"]])
def test_a_path_is_a_name(path: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"identity\.local\.path"):
        users_path("local", {"path": path}, tmp_path)
