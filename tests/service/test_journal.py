"""One line for every decision, and no secret in any of them."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.errors import BadCredentials, NoPermission
from sessiongate.secret import Secret
from sessiongate.session import Ended
from tests.gate import CLIENT, Gate

Line = MutableMapping[str, Any]


async def story(gate: Gate) -> tuple[list[Line], list[str]]:
    """A day at the gate: what was logged, and what must not be."""
    with capture_logs() as logs:
        opened = await gate.login("ada")
        with pytest.raises(BadCredentials):
            await gate.sessions.login("bob", Secret("hunter2"), CLIENT, default="local")
        other = await gate.login("bob")
        ticket = await gate.sessions.clone_ticket(other.session)
        clone = await gate.sessions.clone(ticket, CLIENT)
        with pytest.raises(NoPermission):
            await gate.call(other.session, "UpdateServiceMessage", message="hello")
        await gate.call(opened.session, "UpdateServiceMessage", message="hello")
        await gate.sessions.end(other.session.key, Ended.TERMINATED, by="ada")
        await gate.sessions.end(opened.session.key, Ended.LOGOUT)
    secrets = [opened.token, other.token, clone.token, ticket, Secret("hunter2"), Secret("adaada")]
    return logs, [secret.reveal() for secret in secrets]


async def test_every_decision_has_a_line(gate: Gate) -> None:
    logs, _ = await story(gate)
    told = [(line["event"], line.get("user"), line.get("how"), line.get("reason")) for line in logs]
    assert told == [
        ("session opened", "ada", "login", None),
        ("login refused", "bob", "login", "BadCredentials"),
        ("session opened", "bob", "login", None),
        ("session opened", "bob", "clone", None),
        ("permission denied", "bob", None, None),
        ("done", "ada", None, None),
        ("session ended", "bob", None, "terminated"),
        ("session ended", "ada", None, "logout"),
    ]
    assert logs[6]["by"] == "ada"
    assert logs[7]["by"] == "ada"
    assert (logs[4]["what"], logs[4]["privilege"]) == (
        "UpdateServiceMessage",
        "Sessions.GlobalMessage",
    )
    assert {line["log_level"] for line in logs} == {"info", "warning"}


async def test_no_line_holds_a_secret_or_a_whole_key(gate: Gate) -> None:
    logs, secrets = await story(gate)
    text = repr(logs)
    assert [secret for secret in secrets if secret in text] == []
    assert all(len(line["key"]) == 8 for line in logs if "key" in line)


async def test_a_long_name_is_cut(gate: Gate) -> None:
    with capture_logs() as logs, pytest.raises(BadCredentials):
        await gate.sessions.login("x" * 1000, Secret("y"), CLIENT, default="local")
    assert len(logs[0]["user"]) == 256
