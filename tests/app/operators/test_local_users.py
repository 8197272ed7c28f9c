"""Users of files, changed from within the server: the file, the audit, and who must leave."""

from pathlib import Path

import pytest

from sessiongate.app.in_process import running
from sessiongate.app.operators.local_users import UsersOfFiles
from sessiongate.app.operators.locks import Locks
from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.app.supplied import Supplied
from sessiongate.audit.event import EventDetails, read
from sessiongate.audit.journal import Journal
from sessiongate.clock import SystemClock
from sessiongate.config import load
from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user, find_user
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.store.embedded.memory import MemoryStore
from sessiongate.testing.users import CHEAP

BOB = Person("local", "bob")
SAID = EventDetails(how="console from 192.0.2.9", detail="has left")


async def test_changes_are_in_the_file_and_in_the_audit_with_who_and_why(tmp_path: Path) -> None:
    given = {"server.data_dir": str(tmp_path), "server.listen": ["127.0.0.1:0"]}
    off = {"admin.listen": "off", "console.listen": "off", "server.plain_http": True}
    config = load(None, {}, {**given, **off})
    hasher, path = PasswordHasher(1, **CHEAP), users_file(config)
    for name, role in (("ada", "administrator"), ("bob", "user")):
        secret = Secret(name * 6)
        add_user(path, name, secret, role, hasher=hasher, roles=("administrator", "user"))
    store = MemoryStore(config.sessions.limits)
    asked = []

    async def refresh() -> None:
        asked.append(True)

    async with running(config, supplied=Supplied(store=store, hasher=hasher)) as one:
        server, journal = one.server, Journal(SystemClock(), store.audit)
        locks = Locks(server.guards, journal)
        users = UsersOfFiles(config, locks, journal, refresh)
        assert [(user.name, user.role) for user in await users.all()] == [
            ("ada", "administrator"),
            ("bob", "user"),
        ]
        await users.set_disabled(BOB, True, "ada", SAID)
        assert find_user(path, "bob").disabled
        await users.set_role(BOB, "operator", "ada", EventDetails(how="x"))
        assert find_user(path, "bob").role == "operator"
        spaced = Secret(" twelve letters ")
        told_of = EventDetails(how="x", detail="has joined")
        carl = Person("local", "Carl")
        assert await users.add(carl, "Carl C", "operator", spaced, "ada", told_of) == "carl"
        made = find_user(path, "carl")
        assert (made.name, made.full_name, made.role) == ("Carl", "Carl C", "operator")
        assert made.created is not None
        await users.set_password(Person("local", "carl"), Secret("another of them"), "ada", SAID)
        assert find_user(path, "carl").stored != made.stored
        assert len(asked) == 4
        # The server notices changes by itself, and says so of nobody.
        events = map(read, store.audit.payloads)
        told = [event for event in events if event.user == "ada"]
        disabled, changed = [event for event in told if event.subject == "bob"]
        added, password = [event for event in told if event.subject == "carl"]
        assert (added.event, added.user) == ("user added", "ada")
        assert added.detail == "role operator: has joined"
        assert (password.event, password.detail) == ("password set", "has left")
        assert (disabled.event, disabled.user) == ("user disabled", "ada")
        assert (disabled.how, disabled.detail) == ("console from 192.0.2.9", "has left")
        assert (changed.event, changed.detail) == ("role set", "to operator")
        for change in (
            users.set_disabled(Person("local", "ada"), True, "ada", SAID),
            users.set_role(Person("local", "ada"), "user", "ada", SAID),
            users.set_role(BOB, "no such role", "ada", SAID),
            users.add(BOB, "", "user", spaced, "ada", SAID),
            users.add(Person("local", "dan"), "", "user", Secret("short"), "ada", SAID),
            users.add(Person("local", "dan"), "", "no such role", spaced, "ada", SAID),
            users.set_password(BOB, Secret("short"), "ada", SAID),
            users.unlock("", "ada", SAID),
        ):
            with pytest.raises(InvalidArgument):
                await change
        for stranger in (Person("local", "nobody"), Person("", "bob"), Person("LOCAL", "bob")):
            with pytest.raises(NotFound):
                await users.set_disabled(stranger, True, "ada", SAID)
            with pytest.raises(NotFound):
                await users.set_password(stranger, spaced, "ada", SAID)
        assert not find_user(path, "ada").disabled
        path.rename(tmp_path / "elsewhere.toml")
        path.symlink_to(tmp_path / "elsewhere.toml")
        with pytest.raises(InvalidArgument, match="is a link"):
            await users.set_disabled(BOB, False, "ada", SAID)
        assert not await users.unlock("bob", "ada", SAID)
        assert (await users.locked())["local"] == {}
