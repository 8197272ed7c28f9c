"""Users of files, changed from within the server: the file, the audit, and who must leave."""

from pathlib import Path

import pytest

from sessiongate.app.in_process import running
from sessiongate.app.operators.local_users import UsersOfFiles
from sessiongate.app.operators.locks import Locks
from sessiongate.app.setup.roles_and_users import users_file
from sessiongate.app.supplied import Supplied
from sessiongate.audit.event import Said, read
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
SAID = Said(how="console from 192.0.2.9", detail="has left")


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
        await users.set_role(BOB, "operator", "ada", Said(how="x"))
        assert find_user(path, "bob").role == "operator"
        assert len(asked) == 2
        told = [read(line) for line in store.audit.payloads]
        disabled, changed = [event for event in told if event.subject == "bob"]
        assert (disabled.event, disabled.user) == ("user disabled", "ada")
        assert (disabled.how, disabled.detail) == ("console from 192.0.2.9", "has left")
        assert (changed.event, changed.detail) == ("role set", "to operator")
        for change in (
            users.set_disabled(Person("local", "ada"), True, "ada", SAID),
            users.set_role(Person("local", "ada"), "user", "ada", SAID),
            users.set_role(BOB, "no such role", "ada", SAID),
        ):
            with pytest.raises(InvalidArgument):
                await change
        for stranger in (Person("local", "nobody"), Person("", "bob"), Person("LOCAL", "bob")):
            with pytest.raises(NotFound):
                await users.set_disabled(stranger, True, "ada", SAID)
        assert not find_user(path, "ada").disabled
        path.rename(tmp_path / "elsewhere.toml")
        path.symlink_to(tmp_path / "elsewhere.toml")
        with pytest.raises(InvalidArgument, match="is a link"):
            await users.set_disabled(BOB, False, "ada", SAID)
        assert not await users.unlock("bob", "ada", SAID)
        assert (await users.locked())["local"] == {}
