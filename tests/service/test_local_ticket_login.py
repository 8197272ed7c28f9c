"""Local tickets: whoever can read the file gets in, once, within the minute."""

import asyncio
import os
import stat
from pathlib import Path, PosixPath
from threading import Event
from typing import ClassVar

import msgspec
import pytest

from sessiongate.audit.event import read
from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    InvalidLocale,
    Malformed,
    NoPermission,
    NotSupported,
    Overloaded,
    StoreUnavailable,
)
from sessiongate.secret import Secret
from sessiongate.service.local_ticket_login import LocalLogin
from sessiongate.service.tickets import TICKET_LIFE
from sessiongate.session import Client
from tests.gate import CLIENT, HERE, Gate
from tests.until import PATIENCE


async def test_the_file_logs_in_once(gate: Gate) -> None:
    path = Path(await gate.local.issue("BOB", HERE))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    password = Secret(path.read_text(encoding="ascii"))
    assert password.reveal() not in path.name
    opened = await gate.local.redeem("bob", password, HERE, "de")
    assert opened is not None
    assert (opened.session.principal, opened.session.locale) == ("bob", "de")
    assert not path.exists()
    with pytest.raises(BadCredentials):
        await gate.local.redeem("bob", password, HERE, None)
    assert await gate.live() == ["bob"]


BY_SOCKET = Client("/run/gate.sock", "", "vi-json", local=True)


@pytest.mark.parametrize("user", [None, os.geteuid(), 0])
async def test_sec_79_callers_on_this_host_who_may_read_the_file_may_ask(
    gate: Gate, user: int | None
) -> None:
    client = msgspec.structs.replace(BY_SOCKET, user=user)
    path = Path(await gate.local.issue("bob", client))
    password = Secret(path.read_text(encoding="ascii"))
    assert await gate.local.redeem("bob", password, client, None) is not None


@pytest.mark.parametrize(
    "client",
    [
        Client("192.0.2.7", "", "vi-json"),
        Client("", "", "vi-json"),
        # loopback, and nothing that proves it
        Client("127.0.0.1", "", "vi-json"),
        Client("/run/gate.sock", "", "vi-json"),
        # another account of this host, such as a proxy's
        msgspec.structs.replace(BY_SOCKET, user=os.geteuid() + 1),
    ],
    ids=["elsewhere", "nowhere", "loopback alone", "a socket alone", "another account"],
)
async def test_sec_79_others_may_neither_ask_nor_use_one(gate: Gate, client: Client) -> None:
    with pytest.raises(Malformed):
        await gate.local.issue("bob", client)
    with pytest.raises(Malformed):
        await gate.local.issue("nobody-at-all", client)
    password = await issued(gate)
    assert await gate.local.redeem("bob", password, client, None) is None
    assert await gate.live() == []


async def test_sec_79_where_they_are_not_offered_nobody_learns_anything(gate: Gate) -> None:
    password = await issued(gate)
    written = len(gate.store.audit.payloads)
    off = gate.local_login(gate.folder / "local-tickets", offered=False)
    for name in ("bob", "nobody-at-all", "nil"):
        with pytest.raises(NotSupported):
            await off.issue(name, HERE)
    assert await off.redeem("bob", password, HERE, None) is None
    assert len(gate.store.audit.payloads) == written


async def test_only_users_who_may_do_something_get_one(gate: Gate) -> None:
    with pytest.raises(BadCredentials):
        await gate.local.issue("nobody", HERE)
    with pytest.raises(NoPermission):
        await gate.local.issue("nil", HERE)


async def issued(gate: Gate, name: str = "bob") -> Secret:
    path = Path(await gate.local.issue(name, HERE))
    return Secret(path.read_text(encoding="ascii"))


async def test_a_ticket_is_for_its_user_and_not_for_ever(gate: Gate) -> None:
    with pytest.raises(BadCredentials):
        await gate.local.redeem("ada", await issued(gate), HERE, None)
    with pytest.raises(BadCredentials):
        await gate.local.redeem("nobody", await issued(gate), HERE, None)
    password = await issued(gate)
    gate.clock.tick(TICKET_LIFE)
    with pytest.raises(BadCredentials):
        await gate.local.redeem("bob", password, HERE, None)
    assert await gate.live() == []


async def test_sec_69_every_local_ticket_is_written_down_issued_or_refused(gate: Gate) -> None:
    with pytest.raises(BadCredentials):
        await gate.local.redeem("ada", await issued(gate), HERE, None)
    with pytest.raises(BadCredentials):
        await gate.local.issue("nobody", HERE)
    with pytest.raises(NoPermission):
        await gate.local.issue("nil", HERE)
    with pytest.raises(Malformed):
        await gate.local.issue("ada", CLIENT)
    events = [read(payload) for payload in gate.store.audit.payloads]
    assert (events[0].event, events[0].subject, events[0].ip) == (
        "local ticket issued",
        "bob",
        HERE.ip_address,
    )
    assert [(one.event, one.result, one.user, one.how, one.reason) for one in events[1:]] == [
        ("login refused", "refused", "ada", "local ticket", "BadCredentials"),
        ("login refused", "refused", "nobody", "local ticket asked for", "BadCredentials"),
        ("login refused", "refused", "nil", "local ticket asked for", "NoPermission"),
        ("login refused", "refused", "ada", "local ticket asked for", "Malformed"),
    ]


async def test_a_ticket_that_opens_nothing_is_written_down(gate: Gate) -> None:
    with pytest.raises(InvalidLocale):
        await gate.local.redeem("bob", await issued(gate), HERE, "xx_nowhere")
    last = read(gate.store.audit.payloads[-1])
    assert (last.event, last.user, last.reason) == ("login refused", "bob", "InvalidLocale")


@pytest.mark.parametrize("locale", ["xx_nowhere", "x", ""])
async def test_a_bad_locale_does_not_use_the_ticket_up(gate: Gate, locale: str) -> None:
    password = await issued(gate)
    with pytest.raises(InvalidLocale):
        await gate.local.redeem("bob", password, HERE, locale)
    assert await gate.local.redeem("bob", password, HERE, "de") is not None


async def test_an_outage_of_the_directory_does_not_use_the_ticket_up(gate: Gate) -> None:
    password = await issued(gate)
    gate.identity.outage = True
    with pytest.raises(IdentityUnavailable):
        await gate.local.redeem("bob", password, HERE, None)
    gate.identity.outage = False
    assert await gate.local.redeem("bob", password, HERE, None) is not None


class SlowFolder(PosixPath):
    """A folder on a disk that hangs until it is let go."""

    let_go: ClassVar[Event]

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        assert self.let_go.wait(PATIENCE), "nobody could let go: the event loop hangs with the disk"
        super().mkdir(mode, parents, exist_ok)


@pytest.fixture
def slow(gate: Gate) -> LocalLogin:
    SlowFolder.let_go = Event()
    return gate.local_login(SlowFolder(gate.folder / "slow"))


async def test_a_disk_that_hangs_holds_up_nobody_else(gate: Gate, slow: LocalLogin) -> None:
    asking = asyncio.create_task(slow.issue("bob", HERE))
    for _ in range(10):
        opened = await gate.login("ada")
        assert await gate.sessions.check(opened.token) is not None
        await asyncio.sleep(0)
    assert not asking.done()
    SlowFolder.let_go.set()
    assert Path(await asking).exists()


async def test_of_those_who_wait_for_a_disk_some_are_sent_away(
    gate: Gate, slow: LocalLogin
) -> None:
    asking = [asyncio.create_task(slow.issue("bob", HERE)) for _ in range(70)]
    for _ in range(10):
        await asyncio.sleep(0)
    SlowFolder.let_go.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    refused = [one for one in results if not isinstance(one, str)]
    assert [type(one) for one in refused] == [Overloaded] * 6
    assert {one.says for one in refused if isinstance(one, Overloaded)} == {""}
    last = read(gate.store.audit.payloads[-1])
    assert last.event == "local ticket issued"


async def test_a_file_that_cannot_be_removed_keeps_nobody_out(gate: Gate) -> None:
    path = Path(await gate.local.issue("bob", HERE))
    password = Secret(path.read_text(encoding="ascii"))
    path.unlink()
    path.mkdir()  # unlinking a directory is an error for any account
    assert await gate.local.redeem("bob", password, HERE, None) is not None
    with pytest.raises(BadCredentials):
        await gate.local.redeem("bob", password, HERE, None)


async def test_a_ticket_that_cannot_be_written_is_an_outage(gate: Gate) -> None:
    (gate.folder / "local-tickets").write_text("a file, where the folder should be")
    with pytest.raises(StoreUnavailable):
        await gate.local.issue("bob", HERE)


async def test_it_works_from_here_only(gate: Gate) -> None:
    password = await issued(gate)
    assert await gate.local.redeem("bob", password, CLIENT, None) is None
    assert await gate.local.redeem("bob", password, HERE, None) is not None


async def test_any_other_password_is_none_of_its_business(gate: Gate) -> None:
    assert await gate.local.redeem("bob", Secret("bobbob"), HERE, None) is None


async def test_files_that_nobody_uses_do_not_pile_up(gate: Gate) -> None:
    paths = [Path(await gate.local.issue("bob", HERE)) for _ in range(120)]
    assert len([path for path in paths if path.exists()]) == 100
    assert paths[-1].exists()
