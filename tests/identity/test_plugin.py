"""The settings table of a provider: what it takes, and every problem of it at once."""

from pathlib import Path

import pytest

from sessiongate.errors import ConfigError
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.plugin import Surroundings, file, unknown_keys, users_path
from tests.identity.fakes import cheap_hasher


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path, cheap_hasher())


def test_an_empty_table_is_enough(around: Surroundings) -> None:
    made = file("local", {}, around)
    assert isinstance(made.provider, FileIdentity)
    assert made.domains == ()


def test_domains_are_claimed(around: Surroundings) -> None:
    assert file("local", {"domains": ["vsphere.local"]}, around).domains == ("vsphere.local",)


def test_users_are_kept_beside_the_rest(tmp_path: Path) -> None:
    assert users_path({}, tmp_path) == tmp_path / "users.toml"
    assert users_path({"path": "people.toml"}, tmp_path) == tmp_path / "people.toml"
    assert users_path({"path": "/etc/people.toml"}, tmp_path) == Path("/etc/people.toml")


@pytest.mark.parametrize("path", ["", 1, None, ["users.toml"]])
def test_a_path_is_a_name(around: Surroundings, path: object) -> None:
    with pytest.raises(ConfigError, match=r"identity\.local\.path"):
        file("local", {"path": path}, around)


@pytest.mark.parametrize("domains", ["corp", [""], [1], {"corp": 1}, None])
def test_domains_are_names(around: Surroundings, domains: object) -> None:
    with pytest.raises(ConfigError, match=r"identity\.local\.domains"):
        file("local", {"domains": domains}, around)


def test_every_problem_comes_at_once_and_no_value(around: Surroundings) -> None:
    table = {"pth": "hunter2", "domains": "hunter2", "path": ["hunter2"], "zzz": "hunter2"}
    with pytest.raises(ConfigError) as refusal:
        file("local", table, around)
    assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
        "identity.local.pth",
        "identity.local.zzz",
        "identity.local.path",
        "identity.local.domains",
    ]
    assert "hunter2" not in str(refusal.value)


def test_a_near_miss_is_guessed_and_anything_else_is_told_what_there_is() -> None:
    assert unknown_keys("x", {"domain": 1, "q": 2, "path": 3}, ("path", "domains")) == [
        "identity.x.domain: not a setting; did you mean domains?",
        "identity.x.q: not a setting; there are domains, path",
    ]
