"""An account changes: its sessions end, now or at the next start, and no others."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from sessiongate.app.build import named_by
from sessiongate.audit.event import Event, read
from sessiongate.audit.journal import Journal
from sessiongate.config import Config, load
from sessiongate.errors import StoreUnavailable
from sessiongate.secret import Secret
from sessiongate.service.account_changes import (
    AccountChanges,
    ConfiguredNames,
    end_if_unnamed,
    end_outdated,
    end_unnamed,
)
from sessiongate.service.endings import EndingsUnderWay
from sessiongate.session import Ended, Person, Principal, Session
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.testing import T0, TICK, FakeClock, FakeIdentity, a_session
from tests.gate import CLIENT, LIMITS, Gate
from tests.until import PATIENCE

BACKUP = f'[extensions."com.Example.Backup"]\nfingerprint = "{"ab" * 32}"\nrole = "user"\n'
ISSUER = 'type = "oidc"\nissuer = "https://idp.example"\naudience = "gate"\nrole = "user"\n'
ROBOT = '[dialects.appliance.clients.Robot]\nsecret = "robot secret"\nrole = "user"\n'


def settings(folder: Path, text: str) -> Config:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "data").mkdir(exist_ok=True)
    return load(path, {}, {"server.data_dir": str(folder / "data")})


class Table:
    """Sessions, and a store of them that can be away."""

    def __init__(self) -> None:
        self.live: dict[str, Session] = {}
        self.away = False
        self._tell: list[Callable[[Session], None]] = []
        self.endings = EndingsUnderWay(None, FakeClock())

    def on_open(self, tell: Callable[[Session], None]) -> None:
        self._tell.append(tell)

    def open(self, principal: str, at: datetime, *, provider: str = "local") -> str:
        """A session that this process opens."""
        key = self.open_elsewhere(principal, at, provider=provider)
        for tell in self._tell:
            tell(self.live[key])
        return key

    def open_elsewhere(self, principal: str, at: datetime, *, provider: str = "local") -> str:
        """A session that another server opens."""
        session = a_session(principal=principal, at=at)
        session = msgspec.structs.replace(session, provider=provider)
        self.live[session.key] = session
        return session.key

    async def list(self) -> AsyncIterator[Session]:
        if self.away:
            raise StoreUnavailable("no answer")
        for session in tuple(self.live.values()):
            yield session

    async def end_each(self, keys: Sequence[str], reason: Ended, by: str = "") -> int:
        assert (reason, by) == (Ended.USER_CHANGED, "")
        return len([self.live.pop(key) for key in keys])


class Asked(FakeIdentity):
    """A provider that is asked to look for changes, and finds those that wait."""

    def __init__(self, name: str = "local") -> None:
        super().__init__(name)
        self.asked = 0
        self.waiting: list[str] = []
        self.since: list[datetime] = []
        self.changed = False

    async def refresh(self) -> None:
        self.asked += 1
        while self.waiting:
            self.add(self.waiting.pop(), "a new password", "user")

    def changed_since(self, when: datetime) -> bool:
        self.since.append(when)
        return self.changed


class House:
    """Changes over a table of sessions, and a provider that knows bob."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = Table()
        self.store = MemoryStore(LIMITS)
        self.provider = Asked()
        self.provider.add("bob", "bobbob", "user")
        self.changes = AccountChanges(self.table, self.clock, Journal(self.clock, self.store.audit))
        self.changes.watch("local", self.provider)

    def change(self) -> None:
        """Bob's account changes, and the provider says so."""
        self.provider.add("bob", "a new password", "user")

    def said(self) -> list[tuple[str, str, str]]:
        """What the audit says of changes."""
        told = map(read, self.store.audit.payloads)
        return [(one.event, one.provider, one.subject) for one in told]


@pytest.fixture
def house() -> House:
    return House()


async def test_the_sessions_of_the_account_end_and_no_others(house: House) -> None:
    house.table.open("bob", T0)
    stay = {house.table.open("ada", T0), house.table.open("bob", T0, provider="other")}
    house.change()
    await house.changes.settled()
    assert house.table.live.keys() == stay
    assert house.said() == [("account changed", "local", "bob")]


async def test_what_others_have_opened_since_the_last_look_is_left_to_them(house: House) -> None:
    """Two servers on one store: this one finds out after somebody has logged in anew."""
    house.table.open("bob", house.clock.now())
    house.table.open_elsewhere("bob", house.clock.now())
    house.clock.tick(TICK)
    await house.changes.refresh()
    stays = house.table.open_elsewhere("bob", house.clock.now())
    house.clock.tick(TICK)
    house.table.open("bob", house.clock.now())
    house.change()
    await house.changes.settled()
    assert house.table.live.keys() == {stays}


async def test_before_the_first_look_all_sessions_end(house: House) -> None:
    house.clock.tick(TICK)
    house.table.open_elsewhere("bob", house.clock.now())
    house.change()
    await house.changes.settled()
    assert house.table.live == {}


async def test_after_a_command_all_sessions_end(house: House) -> None:
    """It asks before it says that it is done: nobody can have used the new password."""
    await house.changes.refresh()
    house.clock.tick(TICK)
    house.table.open_elsewhere("bob", house.clock.now())
    house.provider.waiting.append("bob")
    await house.changes.refresh_after_command()
    assert house.table.live == {}


async def test_a_refresh_waits_until_the_sessions_have_ended(house: House) -> None:
    house.table.open("bob", house.clock.now())
    house.provider.waiting.append("bob")
    await house.changes.refresh()
    assert house.table.live == {}
    assert house.provider.asked == 1


async def test_the_sessions_themselves_say_what_this_process_opens(gate: Gate) -> None:
    gate.changes.watch("local", gate.identity)
    await gate.changes.refresh()
    gate.clock.tick(TICK)
    await gate.login("bob")
    await gate.login("ada")
    gate.identity.add("bob", "another password", "user")
    await gate.changes.settled()
    assert await gate.live() == ["ada"]


async def test_a_provider_that_cannot_be_asked_is_not(house: House) -> None:
    plain = FakeIdentity("plain")
    plain.add("bob", "bobbob", "user")
    house.changes.watch("plain", plain)
    key = house.table.open("bob", T0)
    house.table.open("bob", T0, provider="plain")
    await house.changes.refresh()
    plain.remove("bob")
    await house.changes.refresh()
    assert house.table.live.keys() == {key}
    assert house.provider.asked == 2


async def test_what_the_store_could_not_end_is_pending_until_it_can(house: House) -> None:
    await house.changes.refresh()
    house.table.open("bob", house.clock.now())
    house.table.away = True
    house.change()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await house.changes.refresh()
    assert house.said() == []
    house.table.away = False
    house.clock.tick(TICK)
    house.table.open_elsewhere("bob", house.clock.now())
    await house.changes.refresh()
    assert house.table.live == {}
    assert house.said() == [("account changed", "local", "bob")]
    later = house.table.open("bob", house.clock.now())
    await house.changes.refresh()
    assert house.table.live.keys() == {later}


async def test_a_login_hears_of_what_changes_while_it_is_under_way(house: House) -> None:
    person = Person("local", "bob")
    with house.changes.meanwhile() as first:
        assert person not in first
        house.change()
        with house.changes.meanwhile() as later:
            assert person in first
            assert Person("other", "bob") not in first
            assert person not in later
    house.change()  # nobody to hear it any more
    await house.changes.settled()


async def test_openings_are_not_remembered_for_ever(house: House) -> None:
    for _ in range(10):
        for _ in range(10):
            house.table.open("ada", house.clock.now())
        house.clock.tick(TICK)
        await house.changes.refresh()
    assert len(house.changes._opened) == 0


@pytest.mark.parametrize(
    ("changed", "by_command", "left"), [(False, False, 1), (True, False, 0), (False, True, 0)]
)
async def test_a_start_looks_through_the_sessions_where_something_may_have_changed(
    changed: bool, by_command: bool, left: int, house: House
) -> None:
    house.table.open("nobody-any-more", T0)
    house.provider.changed = changed
    event = Event(at=T0, event="password set", result="ok", subject="ada")
    await house.changes.catch_up(T0, [event] if by_command else [])
    assert len(house.table.live) == left
    # A running server may have been on the point of noticing it.
    assert house.provider.since in ([T0 - timedelta(seconds=5)], [])


async def test_a_start_compares_only_with_providers_that_can_say(house: House) -> None:
    house.changes.watch("plain", FakeIdentity("plain"))
    key = house.table.open("bob", T0, provider="plain")
    house.provider.changed = True
    await house.changes.catch_up(T0, [])
    assert house.table.live.keys() == {key}


async def test_many_changes_at_once_each_end_their_own(house: House) -> None:
    names = [f"user{number}" for number in range(50)]
    for name in names:
        house.provider.add(name, name, "user")
        house.table.open(name, T0)
    keep = house.table.open("ada", T0)
    for name in names:
        house.provider.remove(name)
    await asyncio.wait_for(house.changes.settled(), PATIENCE)
    assert house.table.live.keys() == {keep}
    assert {name for _, _, name in house.said()} == set(names)


def told(gate: Gate, subject: str) -> Event:
    return Event(at=gate.clock.now(), event="password set", result="ok", subject=subject)


async def test_whoever_is_as_before_stays(gate: Gate) -> None:
    await gate.login("ada")
    await gate.login("bob")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, []) == 0
    assert await gate.live() == ["ada", "bob"]


async def test_who_is_gone_or_has_another_role_is_out(gate: Gate) -> None:
    for name in ("ada", "bob", "eve"):
        await gate.login(name)
    gate.identity.remove("ada")
    gate.identity.add("bob", "bobbob", "operator")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, []) == 2
    assert await gate.live() == ["eve"]


async def test_what_a_command_changed_ends_older_sessions_only(gate: Gate) -> None:
    await gate.login("ada")
    await gate.login("bob")
    gate.clock.tick(timedelta(seconds=1))
    change = told(gate, "bob")
    gate.clock.tick(timedelta(seconds=1))
    later = await gate.login("bob")
    assert await end_outdated(gate.sessions, {"local": gate.identity}, [change]) == 1
    assert await gate.live() == ["ada", "bob"]
    assert await gate.sessions.find(later.session.key) is not None


async def test_sessions_of_other_providers_are_not_ours_to_judge(gate: Gate) -> None:
    await gate.logins.login("bob@corp", Secret("bobbob"), CLIENT, default="local")
    assert (
        await end_outdated(gate.sessions, {"local": gate.identity}, [told(gate, "bob@corp")]) == 0
    )
    assert await gate.live() == ["bob@corp"]


async def test_sec_69_whom_the_settings_name_no_more_is_written_down_as_ended(gate: Gate) -> None:
    principal = Principal("robot", "robot", "robot", ("user",), "clients")
    for name in ("robot", "other"):
        one = msgspec.structs.replace(principal, name=name)
        await gate.logins.login_as(one, CLIENT, None, changed=(), typed=name, how="a test")
    await gate.login("bob")
    named = ConfiguredNames(frozenset({"local"}), {"clients": {"other": ("user",)}})
    assert await end_unnamed(gate.sessions, named, None) == 1
    assert await gate.live() == ["bob", "other"]
    last = read(gate.store.audit.payloads[-1])
    assert (last.event, last.user, last.reason) == ("session ended", "robot", "user_changed")


async def started(
    gate: Gate, folder: Path, text: str, *, worker: int = 0, seen: datetime | None = T0
) -> None:
    """A worker starts with these settings."""
    named = named_by(settings(folder, text))
    await end_if_unnamed(gate.sessions, named, folder / f"named.{worker}", seen)


async def opened(gate: Gate, name: str, provider: str, role: str = "user") -> None:
    principal = Principal(name, name, name, (role,), provider)
    await gate.logins.login_as(principal, CLIENT, None, changed=(), typed=name, how="a test")


async def everybody(gate: Gate) -> None:
    await gate.login("ada")
    await opened(gate, "com.Example.Backup", "extensions")
    await opened(gate, "robot", "appliance clients")


async def test_who_is_named_stays_and_who_is_not_is_out(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    await started(gate, tmp_path, BACKUP + ROBOT)
    assert await gate.live() == ["ada", "com.Example.Backup", "robot"]
    await started(gate, tmp_path, ROBOT)
    assert await gate.live() == ["ada", "robot"]
    await started(gate, tmp_path, "")
    assert await gate.live() == ["ada"]


async def test_another_role_is_another_account(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    text = (BACKUP + ROBOT).replace('role = "user"', 'role = "operator"')
    await started(gate, tmp_path, text)
    assert await gate.live() == ["ada"]


async def test_sessions_of_a_provider_that_is_gone_are_out(tmp_path: Path, gate: Gate) -> None:
    await opened(gate, "ada", "corp")
    await opened(gate, "bob", "tokens.idp")
    await opened(gate, "eve", "local")
    await opened(gate, "nil", "of another server")
    both = '[identity.local]\ntype = "file"\n[identity.corp]\ntype = "file"\n'
    all_three = f"[tokens.idp]\n{ISSUER}{both}"
    await started(gate, tmp_path, all_three)
    assert await gate.live() == ["ada", "bob", "eve", "nil"]
    await started(gate, tmp_path, "")
    assert await gate.live() == ["eve", "nil"]


async def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    for broken in (b"", b"{", b"\xff", b'{"providers": 1}'):
        (tmp_path / "named.0").write_bytes(broken)
        await started(gate, tmp_path, "")
        assert await gate.live() == ["ada"]
        await opened(gate, "robot", "appliance clients")


async def test_the_same_names_cost_no_second_look(tmp_path: Path, gate: Gate) -> None:
    """And each worker looks for itself, since the others may have gone on by the old settings."""
    await started(gate, tmp_path, "")
    await opened(gate, "robot", "appliance clients")
    await started(gate, tmp_path, "")
    assert await gate.live() == ["robot"]
    await started(gate, tmp_path, "", worker=1)
    assert await gate.live() == []


async def test_an_outage_is_made_up_for_by_the_next_start(tmp_path: Path, gate: Gate) -> None:
    await everybody(gate)
    gate.store.away.add("end")
    with pytest.raises(StoreUnavailable):
        await started(gate, tmp_path, "")
    gate.store.away.clear()
    await started(gate, tmp_path, "")
    assert await gate.live() == ["ada"]


async def test_where_nothing_can_be_remembered_each_start_looks(tmp_path: Path, gate: Gate) -> None:
    (tmp_path / "named.0").mkdir()
    for _ in range(2):
        await everybody(gate)
        await started(gate, tmp_path, "")
    assert await gate.live() == ["ada", "ada"]


async def test_a_store_that_has_seen_nothing_is_not_looked_through(
    tmp_path: Path, gate: Gate
) -> None:
    await opened(gate, "robot", "appliance clients")
    await started(gate, tmp_path, "", seen=None)
    assert await gate.live() == ["robot"]
