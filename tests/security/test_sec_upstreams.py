"""What the ways in are where an upstream is meant, and which sessions are seen there."""

from pathlib import Path

import msgspec
import pytest

from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.openid.access_tokens import REFRESH
from sessiongate.errors import BadTicket, NoPermission, NoSession, NotFound, NotSupported
from sessiongate.service.extension_login import Extension
from tests.gate import CERTIFICATE, CLIENT, EXTENSION, Gate
from tests.service.test_token_login import FakeVerifier, bearer, last

ONE = msgspec.structs.replace(CLIENT, upstream="vc1")
TWO = msgspec.structs.replace(CLIENT, upstream="vc2")


async def test_sec_91_a_clone_is_for_the_upstream_of_its_parent(gate: Gate) -> None:
    parent = await gate.login("bob", ONE)
    for elsewhere in (TWO, CLIENT):
        ticket = await gate.tickets.clone_ticket(parent.session)
        with pytest.raises(BadTicket):
            await gate.tickets.clone(ticket, elsewhere)
        with pytest.raises(BadTicket):  # used up
            await gate.tickets.clone(ticket, ONE)
    ticket = await gate.tickets.clone_ticket(parent.session)
    assert (await gate.tickets.clone(ticket, ONE)).session.upstream == "vc1"


async def test_sec_17_nobody_becomes_somebody_else_at_an_upstream(gate: Gate) -> None:
    await gate.login("bob", ONE)
    ada = await gate.login("ada", ONE)
    with pytest.raises(NoPermission):
        await gate.call(ada.session, "ImpersonateUser", ONE, user_name="bob")
    assert last(gate)[0] == "user not impersonated"
    assert await gate.sessions.check(ada.token) is not None
    assert await gate.live() == ["ada", "bob"]


async def test_extensions_and_windows_tokens_are_nothing_at_an_upstream(tmp_path: Path) -> None:
    key = EXTENSION.key
    gate = Gate(tmp_path, extensions={key: Extension(key, "0" * 64, "user")})
    shown = msgspec.structs.replace(ONE, certificate=CERTIFICATE)
    for method in ("LoginExtensionByCertificate", "LoginExtensionBySubjectName"):
        with pytest.raises(NotSupported):
            await gate.call(None, method, shown, extension_key=key)
        assert last(gate)[:2] == ("login refused", "extension")


async def test_tokens_open_sessions_where_a_service_account_is_used(tmp_path: Path) -> None:
    verifier = FakeVerifier("idp", "operator")
    gate = Gate(tmp_path, verifiers=(verifier,), by_callers=("vc1",))
    with pytest.raises(NotSupported):
        await gate.call(None, "LoginByToken", ONE, token=bearer("idp-1"))
    assert verifier.seen == []
    outcome = await gate.call(None, "LoginByToken", TWO, token=bearer("idp-1"))
    assert outcome.token is not None
    session = await gate.sessions.check(outcome.token)
    assert session is not None
    assert session.upstream == "vc2"


async def test_sec_91_a_session_manager_has_the_sessions_of_its_upstream(gate: Gate) -> None:
    ada, bob = await gate.login("ada", ONE), await gate.login("bob", ONE)
    other, plain = await gate.login("bob", TWO), await gate.login("bob")

    async def listed(where: str) -> set[str]:
        client = msgspec.structs.replace(CLIENT, upstream=where)
        found = await gate.read(ada.session, "sessionList", client=client)
        assert isinstance(found, list)
        return {one.members["key"] for one in found}

    assert await listed("vc1") == {ada.session.key, bob.session.key}
    assert await listed("vc2") == {other.session.key}
    assert len(await listed("")) == 4
    for hidden in (other, plain):
        with pytest.raises(NotFound):
            await gate.call(ada.session, "TerminateSession", ONE, session_id=[hidden.session.key])
        said = await gate.call(
            ada.session,
            "SessionIsActive",
            ONE,
            session_id=hidden.session.key,
            user_name="bob",
        )
        assert said.value is False
    said = await gate.call(
        ada.session, "SessionIsActive", ONE, session_id=bob.session.key, user_name="BOB"
    )
    assert said.value is True
    await gate.call(ada.session, "TerminateSession", ONE, session_id=[bob.session.key])
    assert await gate.live() == ["ada", "bob", "bob"]


async def test_sec_91_a_refresh_token_is_for_the_upstream_of_its_session(gate: Gate) -> None:
    opened = await gate.login("bob", ONE)
    bearers: Bearers = gate.bearers
    text = bearers.tokens.refresh(
        opened.session, "https://gate.example", "zerto-client", "", bearers.refresh_life, 0
    )
    claims = bearers.read(text)
    assert claims is not None
    assert claims.kind == REFRESH
    for elsewhere in (TWO, CLIENT):
        with pytest.raises(NoSession):
            await bearers.refresh(claims, elsewhere)
    session, generation = await bearers.refresh(claims, ONE)
    assert (session.key, generation) == (opened.session.key, 1)
