"""What commands do to tokens: of the session manager's clients, and of scripts at the console."""

from pathlib import Path

import pytest

from sessiongate.app.operators.token_commands import TokenCommands
from sessiongate.audit.event import read
from sessiongate.config import load
from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.rules.scopes import console_scope
from sessiongate.rules.token import is_script_token
from sessiongate.secret import Secret
from sessiongate.store.embedded.manager_tokens import MemoryManagerTokens
from sessiongate.store.manager_port import StoredToken
from sessiongate.testing import T0
from tests.each import each
from tests.gate import Gate

LOOKS = {"roles.looks.privileges": ["Sessiongate.ListSessions"]}


def commands_of(gate: Gate, tokens: MemoryManagerTokens, **settings: object) -> TokenCommands:
    given = LOOKS | {name.replace("__", "."): value for name, value in settings.items()}
    return TokenCommands(load(None, {}, given), tokens, dict, gate.clock, gate.journal)


@each("role", ["operator", "administrator", "looks"])
async def test_a_token_for_the_console_is_told_once_and_kept_as_its_digest(
    gate: Gate, role: str
) -> None:
    tokens = MemoryManagerTokens()
    commands = commands_of(gate, tokens)
    made = await commands.create("nightly", [], role, "os:root")
    token = str(made["token"])
    assert is_script_token(token)
    [kept] = await tokens.all()
    assert kept == StoredToken(Secret(token).digest(), "nightly", (console_scope(role),), T0)
    [row] = await commands.list()
    assert (row.name, row.role, row.upstreams, row.used_at) == ("nightly", role, [], None)
    event = read(gate.store.audit.payloads[-1])
    assert (event.event, event.user, event.subject) == ("token created", "os:root", "nightly")
    assert event.detail == f"token {row.id} for console:{role}"
    assert token.encode() not in b"".join(gate.store.audit.payloads)


@each(
    ("upstreams", "role", "says"),
    [
        ([], "user", "role: user may not use the console: it needs Sessiongate.ListSessions or"),
        ([], "no-access", "may not use the console"),
        ([], "operater", "did you mean operator?"),
        ([], "", "role: unknown"),
        (["vc1"], "operator", "for clone tickets or for the console"),
        ([], None, "say which upstreams"),
        (["vc1"], None, "there is no 'vc1'"),
    ],
)
async def test_what_cannot_be_made_is_told_with_the_way_out(
    gate: Gate, upstreams: list[str], role: str | None, says: str
) -> None:
    tokens = MemoryManagerTokens()
    with pytest.raises(InvalidArgument) as refused:
        await commands_of(gate, tokens).create("nightly", upstreams, role, "os:root")
    assert says in str(refused.value)
    assert await tokens.all() == []


async def test_without_a_console_there_is_no_token_for_it(gate: Gate) -> None:
    commands = commands_of(gate, MemoryManagerTokens(), console__listen="off")
    with pytest.raises(InvalidArgument, match=r"console\.listen is off"):
        await commands.create("nightly", [], "operator", "os:root")


async def test_several_of_one_name_are_good_and_a_name_is_of_one_kind(gate: Gate) -> None:
    tokens = MemoryManagerTokens()
    await tokens.add(StoredToken(b"csi", "csi", ("vc1",), T0))
    commands = commands_of(gate, tokens)
    for role in ("operator", "administrator"):
        await commands.create("nightly", [], role, "os:root")
    with pytest.raises(InvalidArgument, match="csi has tokens for clone tickets"):
        await commands.create("csi", [], "operator", "os:root")
    assert {row.role for row in await commands.list()} == {"", "operator", "administrator"}
    assert (await commands.revoke("nightly", "", "os:root"))["revoked"] == 2
    assert [one.name for one in await tokens.all()] == ["csi"]
    with pytest.raises(NotFound, match="tokens list"):
        await commands.revoke("nightly", "", "os:root")


async def test_an_id_that_begins_several_ends_none(tmp_path: Path) -> None:
    gate, tokens = Gate(tmp_path), MemoryManagerTokens()
    for digest in (b"\xabc", b"\xabd", b"\xef"):
        await tokens.add(StoredToken(digest, "csi", ("vc1",), T0))
    commands = TokenCommands(load(None, {}, {}), tokens, dict, gate.clock, gate.journal)
    with pytest.raises(InvalidArgument, match="ab begins several: ab63, ab64; give more digits"):
        await commands.revoke("csi", "ab", "root")
    assert len(await tokens.all()) == 3
    assert (await commands.revoke("csi", "AB63", "root"))["ids"] == ["ab63"]
    assert (await commands.revoke("csi", "", "root"))["revoked"] == 2
