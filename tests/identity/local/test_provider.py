"""Local users from a file that changes under us."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, ConfigError, IdentityUnavailable
from sessiongate.identity.local.hashing import PasswordCheck, PasswordHasher
from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.local.stored_hash import Cost, cost_of, make_hash, matches
from sessiongate.identity.local.users_file import (
    User,
    add_user,
    read_users,
    remove_user,
    set_disabled,
    set_password,
    set_role,
)
from sessiongate.identity.port import Dated, IdentityProvider, Refreshable
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal
from tests.identity.fakes import PASSWORD, WRONG, cheap_hasher

ROLES = ("administrator", "user")


class HeldHasher(PasswordHasher):
    """Hashes at once, but lets a verification's answer out only when the gate opens."""

    def __init__(self) -> None:
        super().__init__(2, 1000, memory_kib=8, passes=1)
        self.gate = asyncio.Event()
        self.gate.set()
        self.answered = asyncio.Event()

    async def check(
        self,
        stored: str,
        password: Secret,
        address: str = "",
        *,
        dearest: Cost | None = None,
        admit: bool = True,
    ) -> PasswordCheck:
        answer = await super().check(stored, password, address, dearest=dearest, admit=admit)
        self.answered.set()
        await self.gate.wait()
        return answer


class House:
    """A file of users, its provider, and who was told to leave."""

    def __init__(self, path: Path, hasher: PasswordHasher, domains: tuple[str, ...] = ()) -> None:
        self.path = path
        self.hasher = hasher
        self.identity = FileIdentity("local", path, hasher, domains)
        self.left: list[str] = []
        self.identity.on_change(self.left.append)

    def add(self, name: str, role: str = "user", full_name: str = "") -> None:
        add_user(
            self.path,
            name,
            PASSWORD,
            role,
            hasher=self.hasher,
            roles=ROLES,
            full_name=full_name,
        )

    async def login(self, typed: str, password: Secret = PASSWORD) -> Principal:
        return await self.identity.authenticate(parse_account(typed), password)

    async def is_refused(self, typed: str, password: Secret = PASSWORD) -> bool:
        try:
            await self.login(typed, password)
        except BadCredentials:
            return True
        return False


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    hasher = cheap_hasher()
    yield hasher
    hasher.close()


@pytest.fixture
def house(tmp_path: Path, hasher: PasswordHasher) -> House:
    house = House(tmp_path / "users.toml", hasher)
    house.add("Alice", "administrator", "Alice Liddell")
    return house


async def test_it_is_a_provider(house: House) -> None:
    provider: IdentityProvider = house.identity
    await provider.start()
    assert await provider.find(parse_account("alice"))
    await provider.close()


async def test_the_right_password_gives_the_principal(house: House) -> None:
    await house.identity.start()
    assert await house.login(" ALICE ") == Principal(
        name="alice",
        user_name="Alice",
        full_name="Alice Liddell",
        roles=("administrator",),
        provider="local",
    )


async def test_a_user_with_a_domain_is_shown_as_the_directory_shows_it(house: House) -> None:
    house.add("corp\\JDoe")
    for typed in ("CORP\\jdoe", "jdoe@corp", "JDOE@Corp."):
        principal = await house.login(typed)
        assert (principal.name, principal.user_name) == ("jdoe@corp", "CORP\\JDoe")
        assert principal.full_name == "corp\\JDoe"
    assert await house.is_refused("jdoe")


async def test_a_claimed_domain_is_our_own(tmp_path: Path, hasher: PasswordHasher) -> None:
    house = House(tmp_path / "users.toml", hasher, ("VSPHERE.LOCAL",))
    house.add("administrator")
    house.add("carol@vsphere.local")
    house.add("carol", "administrator")
    for typed in ("Administrator", "administrator@vsphere.local", "vsphere.local\\administrator"):
        assert (await house.login(typed)).name == "administrator"
        assert house.identity.name_of(parse_account(typed)) == "administrator"
    assert await house.is_refused("administrator@elsewhere")
    # One that is stored with the domain goes before one that is stored without.
    assert (await house.login("carol@vsphere.local")).roles == ("user",)
    assert (await house.login("carol")).roles == ("administrator",)
    # Also for names that do not exist, all spellings count as one.
    for typed in ("nobody", "nobody@vsphere.local"):
        assert house.identity.name_of(parse_account(typed)) == "nobody"
    assert house.identity.name_of(parse_account("nobody@x")) == "nobody@x"


async def test_sec_24_unknown_wrong_and_disabled_do_the_same_work(house: House) -> None:
    house.add("bob")
    set_disabled(house.path, "bob", True)
    await house.identity.start()
    texts = set()
    for typed, password in [
        ("alice", WRONG),
        ("nobody", WRONG),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("bob", WRONG),
        ("alice", Secret("")),
        ("alice", Secret("x" * 5000)),
    ]:
        before = house.hasher.done
        with pytest.raises(BadCredentials) as caught:
            await house.login(typed, password)
        assert type(caught.value) is BadCredentials
        assert house.hasher.done == before + 1, f"the work for {typed}"
        texts.add(str(caught.value))
    assert len(texts) == 1


async def test_sec_30_no_default_credentials(tmp_path: Path, hasher: PasswordHasher) -> None:
    """No file, an empty file and a file without users let nobody in."""
    house = House(tmp_path / "users.toml", hasher)
    await house.identity.start()
    names = ["administrator", "admin", "root", "administrator@vsphere.local"]
    passwords = ["", "admin", "root", "vmware", "VMware1!", "password", "Zertodata123!"]
    for text in (None, "", "[users]"):
        if text is not None:
            house.path.write_text(text)
        for name, password in itertools.product(names, passwords):
            assert await house.is_refused(name, Secret(password))
    assert await house.identity.find(parse_account("admin")) is None


async def test_sec_31_empty_names_and_passwords_never_log_in(house: House) -> None:
    """Not even where somebody has put the hash of an empty password into the file by hand."""
    empty = await house.hasher.hash(Secret(""))
    text = house.path.read_text()
    house.path.write_text(f'{text}\n[users.bob]\npassword = "{empty}"\nrole = "user"\n')
    assert await house.hasher.verify(empty, Secret(""))
    assert await house.is_refused("bob", Secret(""))
    assert await house.is_refused("alice", Secret(""))
    with pytest.raises(BadCredentials):
        parse_account("")


async def test_a_change_takes_effect_without_restart(house: House) -> None:
    await house.identity.start()
    assert await house.is_refused("bob")
    house.add("bob")
    assert (await house.login("bob")).name == "bob"
    assert await house.identity.find(parse_account("bob"))
    assert house.left == []


def test_sec_11_a_server_can_ask_it_for_changes(house: House) -> None:
    """By the ports' names: under others nobody would notice who has been shut out."""
    provider: IdentityProvider = house.identity
    assert isinstance(provider, Refreshable)
    assert isinstance(provider, Dated)


async def test_sec_11_who_is_removed_or_disabled_must_leave(house: House) -> None:
    house.add("bob")
    house.add("CORP\\carl")
    await house.identity.start()
    set_disabled(house.path, "alice", True)
    await house.identity.refresh()
    assert house.left == ["alice"]
    assert await house.is_refused("alice")
    assert await house.identity.find(parse_account("alice")) is None
    remove_user(house.path, "corp\\carl")
    await house.identity.refresh()
    assert house.left == ["alice", "carl@corp"]
    assert await house.is_refused("carl@corp")
    # Who is out already need not leave again, and coming back ends nothing.
    set_password(house.path, "alice", WRONG, hasher=house.hasher)
    set_disabled(house.path, "alice", False)
    await house.identity.refresh()
    assert house.left == ["alice", "carl@corp"]
    assert await house.login("alice", WRONG)


async def test_sec_11_a_role_that_changes_ends_sessions(house: House) -> None:
    await house.identity.start()
    set_role(house.path, "alice", "user", roles=ROLES)
    await house.identity.refresh()
    assert house.left == ["alice"]
    assert (await house.login("alice")).roles == ("user",)


async def test_sec_12_a_password_that_changes_ends_sessions(house: House) -> None:
    house.add("bob")
    await house.identity.start()
    set_password(house.path, "alice", WRONG, hasher=house.hasher)
    await house.identity.refresh()
    assert house.left == ["alice"]
    assert await house.is_refused("alice")
    assert await house.login("alice", WRONG)


async def test_sec_11_a_login_under_way_does_not_survive_the_change(tmp_path: Path) -> None:
    """The password was right by the old record; by the time the hash is done it is disabled."""
    hasher = HeldHasher()
    house = House(tmp_path / "users.toml", hasher)
    house.add("alice")
    await house.identity.start()
    hasher.gate.clear()
    login = asyncio.create_task(house.login("alice"))
    await hasher.answered.wait()
    set_disabled(house.path, "alice", True)
    hasher.gate.set()
    with pytest.raises(BadCredentials):
        await login
    assert house.left == ["alice"]
    hasher.close()


async def test_sec_12_a_login_under_way_is_judged_by_the_new_password(tmp_path: Path) -> None:
    hasher = HeldHasher()
    house = House(tmp_path / "users.toml", hasher)
    house.add("alice")
    await house.identity.start()
    hasher.gate.clear()
    old = asyncio.create_task(house.login("alice", PASSWORD))
    new = asyncio.create_task(house.login("alice", WRONG))
    await hasher.answered.wait()
    set_password(house.path, "alice", WRONG, hasher=hasher)
    hasher.gate.set()
    with pytest.raises(BadCredentials):
        await old
    assert (await new).name == "alice"
    hasher.close()


async def test_an_account_that_never_rests_gives_no_answer(tmp_path: Path) -> None:
    class Restless(HeldHasher):
        async def check(
            self,
            stored: str,
            password: Secret,
            address: str = "",
            *,
            dearest: Cost | None = None,
            admit: bool = True,
        ) -> PasswordCheck:
            answer = await super().check(stored, password, address, dearest=dearest, admit=admit)
            set_password(path, "alice", PASSWORD, hasher=self)
            return answer

    path = tmp_path / "users.toml"
    hasher = Restless()
    house = House(path, hasher)
    house.add("alice")
    with pytest.raises(IdentityUnavailable):
        await house.login("alice")
    hasher.close()


# 83: hashes of another cost


def dearer_hasher() -> PasswordHasher:
    return PasswordHasher(1, memory_kib=64, passes=2)


async def test_sec_83_a_success_stores_the_password_anew_and_ends_no_session(house: House) -> None:
    dear = dearer_hasher()
    add_user(house.path, "Dora", PASSWORD, "user", hasher=dear, roles=ROLES)
    text = house.path.read_text()
    house.path.write_text(f"# Written by hand.\n{text}")
    await house.identity.start()
    elsewhere = House(house.path, house.hasher)
    await elsewhere.identity.start()
    assert await house.is_refused("dora", WRONG)
    assert cost_of(read_users(house.path)["dora"].stored) == dear.cost

    assert (await house.login("dora")).name == "dora"
    stored = read_users(house.path)["dora"].stored
    assert cost_of(stored) == house.hasher.cost
    assert house.path.read_text().startswith("# Written by hand.\n"), "nothing else has changed"
    # Neither here nor on a server that sees the new hash only in the file is anybody put out.
    await elsewhere.identity.refresh()
    assert house.left == elsewhere.left == []
    assert await elsewhere.login("dora")
    assert await elsewhere.is_refused("dora", WRONG)
    # Once is enough.
    await house.login("dora")
    assert read_users(house.path)["dora"].stored == stored
    # A change that comes after it is one.
    set_password(house.path, "dora", PASSWORD, hasher=house.hasher)
    await house.identity.refresh()
    await elsewhere.identity.refresh()
    assert house.left == elsewhere.left == ["dora"]
    dear.close()


async def test_sec_83_a_renewed_hash_that_is_put_back_ends_no_session(house: House) -> None:
    """As whatever rolls out configuration does."""
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    before = house.path.read_bytes()
    await house.identity.start()
    await house.login("alice")
    assert house.path.read_bytes() != before
    house.path.write_bytes(before)
    await house.identity.refresh()
    assert house.left == []
    dear.close()


async def test_sec_83_a_file_that_is_only_lent_stays_and_lets_in(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    await house.identity.start()
    before = house.path.read_bytes()
    monkeypatch.setattr("os.access", lambda *_: False)
    with capture_logs() as logs:
        for _ in range(3):
            assert await house.login("alice")
    assert [line["event"] for line in logs] == ["password hash not renewed"], "said once"
    assert house.path.read_bytes() == before
    dear.close()


async def test_sec_83_a_hash_that_stands_there_twice_is_hashed_anew_for_nobody(
    house: House,
) -> None:
    """Whose it is to replace nobody knows: said once, until the file changes."""
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    stored = read_users(house.path)["alice"].stored
    twice = f'{house.path.read_text()}[users.twin]\npassword = "{stored}"\nrole = "user"\n'
    house.path.write_text(twice)
    await house.identity.start()
    with capture_logs() as logs:
        await house.login("alice")
        before = house.hasher.done
        for name in ("alice", "twin") * 2:
            assert await house.login(name)
    assert house.hasher.done == before + 4, "one hash for each login"
    assert [(line["event"], line["user"]) for line in logs] == [
        ("password hash not renewed", "Alice")
    ]
    assert house.path.read_text() == twice
    # The other one gone, the file is another.
    remove_user(house.path, "twin")
    with capture_logs() as logs:
        await house.login("alice")
    assert [line["event"] for line in logs] == ["password hash renewed"]
    assert cost_of(read_users(house.path)["alice"].stored) == house.hasher.cost
    dear.close()


async def test_sec_83_a_hash_that_was_changed_meanwhile_is_not_said_to_be_renewed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    await house.identity.start()
    make = house.hasher.hash

    async def overtaken(password: Secret, address: str = "", *, after: str = "") -> str:
        set_password(house.path, "alice", WRONG, hasher=dear)
        return await make(password, address, after=after)

    monkeypatch.setattr(house.hasher, "hash", overtaken)
    with capture_logs() as logs:
        await house.login("alice")
    assert logs == []
    monkeypatch.undo()
    with capture_logs() as logs:
        await house.login("alice", WRONG)
    assert [line["event"] for line in logs] == ["password hash renewed"]
    dear.close()


def another_group() -> int | None:
    """A group that a file of ours may be given: any for root, else another one that we are in."""
    if os.geteuid() == 0:
        return 4242
    return max(set(os.getgroups()) - {os.getegid()}, default=None)


OTHER_GROUP = another_group()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660, 0o644])
async def test_sec_83_a_login_leaves_the_file_to_whom_it_was_open(house: House, mode: int) -> None:
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    house.path.chmod(mode)
    if OTHER_GROUP is not None:
        os.chown(house.path, -1, OTHER_GROUP)
    before = house.path.stat()
    await house.identity.start()
    await house.login("alice")
    after = house.path.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    dear.close()


@pytest.mark.skipif(OTHER_GROUP is None, reason="this account is in one group only")
async def test_sec_83_a_file_whose_owner_cannot_be_kept_stays_as_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear = dearer_hasher()
    set_password(house.path, "alice", PASSWORD, hasher=dear)
    os.chown(house.path, -1, OTHER_GROUP or -1)
    await house.identity.start()
    before = house.path.read_bytes()

    def forbidden(_handle: int, _owner: int, _group: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchown", forbidden)
    with capture_logs() as logs:
        for _ in range(2):
            assert await house.login("alice")
    assert [line["event"] for line in logs] == ["password hash not renewed"]
    assert house.path.read_bytes() == before
    assert sorted(one.name for one in house.path.parent.iterdir()) == [
        "users.toml",
        "users.toml.lock",
    ]
    dear.close()


async def test_sec_83_nobody_costs_what_the_dearest_costs(house: House) -> None:
    """Three costs in the file: whoever is refused, the work is timed by the dearest."""
    dear, middle = dearer_hasher(), PasswordHasher(1, memory_kib=32, passes=1)
    add_user(house.path, "Dora", PASSWORD, "user", hasher=dear, roles=ROLES)
    add_user(house.path, "Mia", PASSWORD, "user", hasher=middle, roles=ROLES)
    await house.identity.start()
    assert house.identity._highest_cost == dear.cost
    remove_user(house.path, "dora")
    await house.identity.refresh()
    assert house.identity._highest_cost == middle.cost
    remove_user(house.path, "mia")
    remove_user(house.path, "alice")
    await house.identity.refresh()
    await house.identity.refresh()
    assert house.identity._highest_cost == house.hasher.cost, "nobody is left"
    dear.close()
    middle.close()


NFC, NFD = "Stra\u00dfencaf\u00e9", "Stra\u00dfencafe\u0301"


@pytest.mark.parametrize("set_as", [NFC, NFD])
@pytest.mark.parametrize("typed_as", [NFC, NFD])
async def test_a_password_is_the_same_in_both_forms_of_unicode(
    house: House, set_as: str, typed_as: str
) -> None:
    set_password(house.path, "alice", Secret(set_as), hasher=house.hasher)
    before = house.path.read_bytes()
    assert await house.login("alice", Secret(typed_as))
    assert house.path.read_bytes() == before, "stored in the form that needs no renewing"


@pytest.mark.parametrize("stored_as", [NFC, NFD])
@pytest.mark.parametrize("typed_as", [NFC, NFD])
async def test_a_hash_of_a_password_as_it_was_typed_is_renewed(
    house: House, stored_as: str, typed_as: str
) -> None:
    """As versions before stored them."""
    old = make_hash(stored_as.encode(), house.hasher.cost)
    text = house.path.read_text()
    house.path.write_text(text.replace(read_users(house.path)["alice"].stored, old))
    await house.identity.start()
    assert await house.is_refused("alice", Secret(NFC.upper()))
    assert await house.login("alice", Secret(typed_as))
    stored = read_users(house.path)["alice"].stored
    assert matches(stored, NFC.encode())
    assert (stored == old) == (stored_as == NFC)
    assert house.left == []


async def test_two_users_at_once_get_each_their_own(house: House) -> None:
    house.add("bob")
    names = ["alice", "bob"] * 20
    principals = await asyncio.gather(*(house.login(name) for name in names))
    assert [principal.name for principal in principals] == names


async def test_a_broken_file_is_fatal_at_the_start_only(house: House) -> None:
    good = house.path.read_text()
    house.path.write_text("[users.alice")
    with pytest.raises(ConfigError, match="is not TOML"):
        await house.identity.start()
    house.path.write_text(good)
    await house.identity.start()

    house.path.write_text("[users.alice")
    with capture_logs() as logs:
        for _ in range(3):
            await house.identity.refresh()
            assert await house.login("alice")
    assert [line["event"] for line in logs] == ["users not read again"]
    assert house.left == []

    house.path.write_text(good)
    with capture_logs() as logs:
        assert await house.login("alice")
        await house.identity.refresh()
    assert [line["event"] for line in logs] == ["users read again after a problem"]
    house.path.write_text("[users.alice")
    with capture_logs() as logs:
        await house.identity.refresh()
    assert len(logs) == 1, "broken anew is news"


async def test_a_file_that_cannot_be_read_changes_nothing_and_is_tried_again(house: House) -> None:
    await house.identity.start()
    kept = house.path.rename(house.path.with_suffix(".kept"))
    house.path.mkdir()
    with capture_logs() as logs:
        await house.identity.refresh()
        assert await house.login("alice")
    assert len(logs) == 1
    house.path.rmdir()
    kept.rename(house.path)
    set_disabled(house.path, "alice", True)
    await house.identity.refresh()
    assert house.left == ["alice"]


async def test_a_directory_that_cannot_be_entered_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.identity.start()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(Path, "stat", refuse)
        patch.setattr(Path, "open", refuse)
        await house.identity.refresh()
        await house.identity.refresh()
    assert len(logs) == 1
    assert await house.login("alice")


async def test_a_disk_that_is_away_changes_nothing(tmp_path: Path, hasher: PasswordHasher) -> None:
    house = House(tmp_path / "disk" / "users.toml", hasher)
    house.add("alice")
    await house.identity.start()
    (tmp_path / "disk").rename(tmp_path / "away")
    with capture_logs():
        assert await house.login("alice")
    assert house.left == []


async def test_a_file_that_stays_empty_or_away_is_believed(house: House) -> None:
    await house.identity.start()
    good = house.path.read_text()
    house.path.write_text("")
    await house.identity.refresh()
    assert house.left == ["alice"]
    house.path.write_text(good)
    assert await house.login("alice")
    house.path.unlink()
    assert await house.is_refused("alice")
    assert house.left == ["alice", "alice"]


async def test_an_editor_that_empties_the_file_while_it_saves_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.identity.start()
    good = house.path.read_text()
    house.path.write_text("")

    def saved(_: float) -> None:
        house.path.write_text(good)

    monkeypatch.setattr("sessiongate.identity.local.provider.time.sleep", saved)
    await house.identity.refresh()
    assert house.left == []
    assert await house.login("alice")


async def test_the_file_is_read_again_only_when_it_has_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.identity.start()
    reads: list[str] = []

    def read(_: bytes, source: str) -> dict[str, User]:
        reads.append(source)
        return {}

    monkeypatch.setattr("sessiongate.identity.local.provider.parse_users", read)
    await house.login("alice")
    await house.identity.refresh()
    assert reads == []


async def test_many_who_see_a_change_read_it_once(house: House) -> None:
    await house.identity.start()
    set_disabled(house.path, "alice", True)
    await asyncio.gather(*(house.identity.refresh() for _ in range(10)))
    assert house.left == ["alice"]


async def test_a_version_changes_with_credential_and_rights(house: House) -> None:
    account = parse_account("alice")
    versions = {await house.identity.version_of(account)}
    set_role(house.path, "alice", "user", roles=ROLES)
    versions.add(await house.identity.version_of(account))
    set_password(house.path, "alice", WRONG, hasher=house.hasher)
    versions.add(await house.identity.version_of(account))
    set_disabled(house.path, "alice", True)
    versions.add(await house.identity.version_of(account))
    assert len(versions) == 4
    assert "" in versions
    assert await house.identity.version_of(parse_account("nobody")) == ""


async def test_a_change_within_one_tick_of_the_file_system_is_seen(house: House) -> None:
    """Same size and same times: a file replaced by another has another inode."""
    await house.identity.start()
    before = house.path.stat()
    set_password(house.path, "alice", WRONG, hasher=house.hasher)
    os.utime(house.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert house.path.stat().st_size == before.st_size
    assert await house.login("alice", WRONG)
