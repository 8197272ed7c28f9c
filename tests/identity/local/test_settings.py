"""The settings of the provider of type `file`."""

from pathlib import Path

import pytest

from sessiongate.errors import ConfigError
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.local.settings import file
from sessiongate.identity.plugin import PluginContext
from tests.identity.fakes import cheap_hasher


@pytest.fixture
def context(tmp_path: Path) -> PluginContext:
    return PluginContext(tmp_path, cheap_hasher())


def test_an_empty_table_is_enough(context: PluginContext) -> None:
    made = file("local", {}, context)
    assert isinstance(made.provider, FileIdentity)
    assert (made.domains, made.in_process) == ((), True)


def test_domains_are_claimed(context: PluginContext) -> None:
    assert file("local", {"domains": ["vsphere.local"]}, context).domains == ("vsphere.local",)


@pytest.mark.parametrize("path", ["", 1, None, ["users.toml"]])
def test_a_path_is_a_name(context: PluginContext, path: object) -> None:
    with pytest.raises(ConfigError, match=r"identity\.local\.path"):
        file("local", {"path": path}, context)


def test_every_problem_comes_at_once_and_no_value(context: PluginContext) -> None:
    table = {"pth": "hunter2", "domains": 7, "path": ["hunter2"], "zzz": "hunter2"}
    with pytest.raises(ConfigError) as refusal:
        file("local", table, context)
    assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
        "identity.local.pth",
        "identity.local.zzz",
        "identity.local.path",
        "identity.local.domains",
    ]
    assert "hunter2" not in str(refusal.value)
