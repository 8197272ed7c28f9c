"""Sessions of whom the settings name no more end at the first start with such settings."""

from pathlib import Path

import pytest

from sessiongate.app.named import end_if_unnamed, named_by
from sessiongate.config import Config, load
from sessiongate.errors import StoreUnavailable
from sessiongate.session import Principal
from sessiongate.testing import T0
from tests.gate import CLIENT, Gate

BACKUP = f'[extensions."com.Example.Backup"]\nfingerprint = "{"ab" * 32}"\nrole = "user"\n'
ISSUER = 'type = "oidc"\nissuer = "https://idp.example"\naudience = "gate"\nrole = "user"\n'
ROBOT = '[dialects.appliance.clients.Robot]\nsecret = "robot secret"\nrole = "user"\n'


def settings(folder: Path, text: str) -> Config:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "data").mkdir(exist_ok=True)
    return load(path, {}, {"server.data_dir": str(folder / "data")})


async def opened(gate: Gate, name: str, provider: str, role: str = "user") -> None:
    principal = Principal(name, name, name, (role,), provider)
    await gate.sessions.login_as(principal, CLIENT, None, typed=name, how="a test")


async def everybody(gate: Gate) -> None:
    await gate.login("ada")
    await opened(gate, "com.Example.Backup", "extensions")
    await opened(gate, "robot", "appliance clients")


def test_named_are_providers_issuers_clients_and_extensions(tmp_path: Path) -> None:
    named = named_by(settings(tmp_path, f"{BACKUP}{ROBOT}[tokens.idp]\n{ISSUER}"))
    assert named.providers == {"local", "tokens.idp"}
    assert named.accounts == {
        "extensions": {"com.Example.Backup": ("user",)},
        "appliance clients": {"robot": ("user",)},
    }


async def test_who_is_named_stays_and_who_is_not_is_out(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    await end_if_unnamed(settings(tmp_path, BACKUP + ROBOT), gate.sessions, 0, T0)
    assert await gate.live() == ["ada", "com.Example.Backup", "robot"]
    await end_if_unnamed(settings(tmp_path, ROBOT), gate.sessions, 0, T0)
    assert await gate.live() == ["ada", "robot"]
    await end_if_unnamed(settings(tmp_path, ""), gate.sessions, 0, T0)
    assert await gate.live() == ["ada"]


async def test_another_role_is_another_account(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    text = (BACKUP + ROBOT).replace('role = "user"', 'role = "operator"')
    await end_if_unnamed(settings(tmp_path, text), gate.sessions, 0, T0)
    assert await gate.live() == ["ada"]


async def test_sessions_of_a_provider_that_is_gone_are_out(tmp_path: Path, gate: Gate) -> None:
    await opened(gate, "ada", "corp")
    await opened(gate, "bob", "tokens.idp")
    await opened(gate, "eve", "local")
    await opened(gate, "nil", "of another server")
    both = '[identity.local]\ntype = "file"\n[identity.corp]\ntype = "file"\n'
    all_three = f"[tokens.idp]\n{ISSUER}{both}"
    await end_if_unnamed(settings(tmp_path, all_three), gate.sessions, 0, T0)
    assert await gate.live() == ["ada", "bob", "eve", "nil"]
    await end_if_unnamed(settings(tmp_path, ""), gate.sessions, 0, T0)
    assert await gate.live() == ["eve", "nil"]


async def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    for broken in (b"", b"{", b"\xff", b'{"providers": 1}'):
        config = settings(tmp_path, "")
        (config.server.data_dir / "named.0").write_bytes(broken)
        await end_if_unnamed(config, gate.sessions, 0, T0)
        assert await gate.live() == ["ada"]
        await opened(gate, "robot", "appliance clients")


async def test_the_same_names_cost_no_second_look(tmp_path: Path, gate: Gate) -> None:
    """And each worker looks for itself, since the others may have gone on by the old settings."""
    config = settings(tmp_path, "")
    await end_if_unnamed(config, gate.sessions, 0, T0)
    await opened(gate, "robot", "appliance clients")
    await end_if_unnamed(config, gate.sessions, 0, T0)
    assert await gate.live() == ["robot"]
    await end_if_unnamed(config, gate.sessions, 1, T0)
    assert await gate.live() == []


async def test_an_outage_is_made_up_for_by_the_next_start(tmp_path: Path, gate: Gate) -> None:
    async def away(key: str) -> None:
        raise StoreUnavailable("no answer")

    await everybody(gate)
    config = settings(tmp_path, "")
    end, gate.store.end = gate.store.end, away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await end_if_unnamed(config, gate.sessions, 0, T0)
    gate.store.end = end  # type: ignore[method-assign]
    await end_if_unnamed(config, gate.sessions, 0, T0)
    assert await gate.live() == ["ada"]


async def test_where_nothing_can_be_remembered_each_start_looks(tmp_path: Path, gate: Gate) -> None:
    config = settings(tmp_path, "")
    (config.server.data_dir / "named.0").mkdir()
    for _ in range(2):
        await everybody(gate)
        await end_if_unnamed(config, gate.sessions, 0, T0)
    assert await gate.live() == ["ada", "ada"]


async def test_a_store_that_has_seen_nothing_is_not_looked_through(
    tmp_path: Path, gate: Gate
) -> None:
    await opened(gate, "robot", "appliance clients")
    await end_if_unnamed(settings(tmp_path, ""), gate.sessions, 0, None)
    assert await gate.live() == ["robot"]
