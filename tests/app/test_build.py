"""Stores that the settings name: ours by the table of kinds, others' by entry point."""

import sys
from pathlib import Path

import pytest

from sessiongate import plugins
from sessiongate.app.build import named_by, store_kind_of, store_of, store_settings_of
from sessiongate.app.preflight.dry_run import store_problem
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from sessiongate.identity.guard.attempt_counters import Lockout
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.embedded.sqlite import SqliteStore

SHELF = """
from sessiongate.errors import StoreUnavailable
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.store.plugin import StoreKind


class Shelf(MemoryStore):
    def __init__(self, settings):
        super().__init__(settings.limits)
        self.prefix = settings.prefix

    def attempts(self, provider, policies):
        return (provider, policies)

    async def start(self):
        raise StoreUnavailable("the shelf is empty")


async def doubts(settings, now):
    return [f"{settings.url} is made of wood"]


KIND = StoreKind(Shelf, doubts=doubts)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's that brings the store `shelf`, and one that is none."""
    (tmp_path / "shelf.py").write_text(SHELF)
    facts = tmp_path / "shelf-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        f"[{plugins.STORE_GROUP}]\nshelf = shelf:KIND\nbroken = shelf:Shelf\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shelf", raising=False)


def settings(url: str, tmp_path: Path, **more: object) -> Config:
    flags = {"server.data_dir": str(tmp_path), "store.url": url, **more}
    return load(None, {}, flags)


def test_our_own_are_made_by_kind(tmp_path: Path) -> None:
    assert isinstance(store_of(settings("memory:", tmp_path)), MemoryStore)
    assert isinstance(store_of(settings("sqlite:x.db", tmp_path)), SqliteStore)
    assert store_settings_of(settings("sqlite:x.db", tmp_path)).file == tmp_path / "x.db"


@pytest.mark.parametrize("kind", plugins.STORES)
def test_a_process_of_its_own_shares_no_attempts(kind: str, tmp_path: Path) -> None:
    urls = {"memory": "memory:", "sqlite": "sqlite:x.db", "redis": "redis://127.0.0.1:1"}
    store = store_of(settings(urls[kind], tmp_path))
    assert (store.attempts("local", Lockout().policies) is not None) == (kind == "redis")


@pytest.mark.usefixtures("installed")
async def test_packages_bring_stores(tmp_path: Path) -> None:
    """With what it needs to know, attempts that its servers share, and a start that is tried."""
    config = settings("shelf://up/there", tmp_path, **{"store.prefix": "oak", "server.workers": 2})
    store = store_of(config)
    assert vars(store)["prefix"] == "oak"
    found: object = store.attempts("local", Lockout().policies)
    assert found == ("local", Lockout().policies)
    assert await store_problem(config) == "the shelf is empty"


@pytest.mark.usefixtures("installed")
def test_what_is_no_kind_of_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store\.url: broken is not a kind of store"):
        store_kind_of(settings("broken:", tmp_path))


@pytest.mark.usefixtures("installed")
def test_an_unknown_kind_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"redis://HOST, broken:\.\.\., shelf:\.\.\."):
        settings("shelve://up", tmp_path)


def test_the_settings_name_providers_issuers_clients_and_extensions(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        f"""
[extensions."com.Example.Backup"]
fingerprint = "{"ab" * 32}"
role = "user"

[dialects.appliance.clients.Robot]
secret = "robot secret"
role = "user"

[tokens.idp]
type = "oidc"
issuer = "https://idp.example"
audience = "gate"
role = "user"
""",
        encoding="utf-8",
    )
    named = named_by(load(path, {}, {"server.data_dir": str(tmp_path)}))
    assert named.providers == {"local", "tokens.idp"}
    assert named.accounts == {
        "extensions": {"com.Example.Backup": ("user",)},
        "appliance clients": {"robot": ("user",)},
    }
