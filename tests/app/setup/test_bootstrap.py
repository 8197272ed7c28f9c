"""The first administrator from the environment: once, whatever happens in between."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.app.setup.bootstrap import MARK, PREFIX, bootstrap
from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from sessiongate.identity.local.users_file import list_users, remove_user
from tests.lost_power import lost_power

ENVIRON: Mapping[str, str] = {f"{PREFIX}USERNAME": "boss", f"{PREFIX}PASSWORD": "boot pass 12"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(None, {}, {"server.data_dir": str(tmp_path / "data")})


def names(config: Config) -> list[str]:
    return [user.name for user in list_users(users_file(config))]


def test_sec_86_with_the_last_user_gone_the_old_password_is_nobodys(config: Config) -> None:
    assert bootstrap(config, ENVIRON)
    remove_user(users_file(config), "boss")
    with capture_logs() as logs:
        assert not bootstrap(config, ENVIRON)
        assert not bootstrap(config, {**ENVIRON, f"{PREFIX}USERNAME": "another"})
    assert names(config) == []
    assert [one["log_level"] for one in logs] == ["warning", "warning"]
    assert logs[0]["event"].startswith(f"{PREFIX}* ignored")
    assert "users add" in logs[0]["way_out"]
    assert "boot pass 12" not in str(logs)


def test_sec_86_a_users_file_that_is_taken_away_brings_nothing_back(config: Config) -> None:
    assert bootstrap(config, ENVIRON)
    users_file(config).unlink()
    assert not bootstrap(config, ENVIRON)
    assert names(config) == []


def test_sec_86_users_that_came_another_way_spend_the_variables_too(config: Config) -> None:
    """`init`, `users add`, and a directory from before there was a mark."""
    assert bootstrap(config, ENVIRON)
    (config.server.data_dir / MARK).unlink()
    with capture_logs() as logs:
        assert not bootstrap(config, ENVIRON)
    assert [one["log_level"] for one in logs] == ["info"]
    users_file(config).unlink()
    assert not bootstrap(config, ENVIRON)


def test_sec_86_a_crash_before_the_mark_does_not_make_it_happen_twice(config: Config) -> None:
    with lost_power(os, "link"), pytest.raises(ConfigError, match="no power"):
        bootstrap(config, ENVIRON)
    assert not (config.server.data_dir / MARK).exists()
    assert names(config) == ["boss"]
    remove_user(users_file(config), "boss")
    assert not bootstrap(config, ENVIRON)
    assert names(config) == []


def test_a_crash_before_the_user_is_there_spends_nothing(config: Config) -> None:
    with lost_power(Path, "replace"), pytest.raises(ConfigError, match="no power"):
        bootstrap(config, ENVIRON)
    assert bootstrap(config, ENVIRON)
    assert names(config) == ["boss"]


def test_a_file_that_is_gone_after_its_use_stops_no_start(config: Config, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("file pass 12\n")
    environ = {f"{PREFIX}USERNAME": "boss", f"{PREFIX}PASSWORD_FILE": str(secret)}
    assert bootstrap(config, environ)
    secret.unlink()
    assert not bootstrap(config, environ)


def test_a_file_that_cannot_be_read_spends_nothing(config: Config) -> None:
    with pytest.raises(ConfigError, match="PASSWORD_FILE"):
        bootstrap(config, {f"{PREFIX}USERNAME": "boss", f"{PREFIX}PASSWORD_FILE": "/nowhere/x"})
    assert bootstrap(config, ENVIRON)


def test_without_variables_nothing_is_done(config: Config) -> None:
    assert not bootstrap(config, {})
    assert not config.server.data_dir.exists()
