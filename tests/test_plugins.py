"""Finding a plugin: ours by table, others by entry point, and a helpful sentence for neither."""

import sys
from pathlib import Path

import pytest

from sessiongate import plugins
from sessiongate.errors import ConfigError
from sessiongate.identity.local.settings import file

SETTING = "identity.x.type"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's that brings the provider `carrier-pigeon`."""
    (tmp_path / "pigeon.py").write_text("def make(name, table, around):\n    return 'coo'\n")
    facts = tmp_path / "pigeon-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        f"[{plugins.IDENTITY_GROUP}]\ncarrier-pigeon = pigeon:make\nfile = pigeon:make\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pigeon", raising=False)


def find(name: str) -> object:
    return plugins.find(name, plugins.IDENTITY, plugins.IDENTITY_GROUP, SETTING)


def test_our_own_are_found() -> None:
    assert find("file") is file


@pytest.mark.parametrize("name", plugins.IDENTITY)
def test_everything_in_the_table_can_be_loaded(name: str) -> None:
    assert callable(find(name))


@pytest.mark.usefixtures("installed")
def test_others_are_found_by_entry_point() -> None:
    made = find("carrier-pigeon")
    assert callable(made)
    assert made("x", {}, None) == "coo"


@pytest.mark.usefixtures("installed")
def test_nobody_takes_the_place_of_our_own() -> None:
    assert find("file") is file


@pytest.mark.usefixtures("installed")
def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(ConfigError) as refusal:
        find("carrier-dove")
    [problem] = refusal.value.problems
    assert problem.startswith(f"{SETTING}: no such type; there are ")
    assert "carrier-pigeon" in problem
    assert "file" in problem
