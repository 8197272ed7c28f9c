"""Where a request came from, and whose it is."""

import pytest

from sessiongate.errors import NoSession
from sessiongate.service.sessions import Opened
from sessiongate.session import Client, Session
from sessiongate.web.client import caller, client_of, known, only
from sessiongate.wire.carriers import BEARER, VMWARE_HEADER, ZERTO_HEADER
from tests.gate import Gate
from tests.web.requests import request

VMWARE = frozenset({VMWARE_HEADER})
ZERTO = frozenset({ZERTO_HEADER, BEARER})
ISSUER = "https://zvm.example/auth/realms/zerto"
FOREIGN = "eyJ.eyJ.sig"


def test_a_client_is_address_agent_dialect_and_certificate() -> None:
    came = request("GET", "/", peer="2001:db8::1", user_agent="govc/0.50")
    assert client_of(came, "soap") == Client("2001:db8::1", "govc/0.50", "soap", None)
    came.certificate = b"DER"
    assert client_of(came, "soap").certificate == b"DER"


def test_who_names_no_agent_has_an_empty_one() -> None:
    assert client_of(request("GET", "/"), "zerto").user_agent == ""


def signed(gate: Gate, session: Session) -> str:
    return gate.bearers.tokens.access(session, ISSUER, "zerto-client", "")


async def who(gate: Gate, accepted: frozenset[str], **headers: str) -> str:
    """Whose request this is, "" where it is nobody's."""
    asked = request("GET", "/", b"", **headers)
    session = await caller(asked, gate.sessions, gate.bearers, accepted)
    return session.principal if session is not None else ""


@pytest.fixture
async def bob(gate: Gate) -> Opened:
    return await gate.login("bob")


@pytest.fixture
async def ada(gate: Gate) -> Opened:
    return await gate.login("ada")


async def test_a_session_is_found_by_the_carriers_of_its_dialect(gate: Gate, bob: Opened) -> None:
    token = bob.token.reveal()
    assert await who(gate, VMWARE, vmware_api_session_id=token) == "bob"
    assert await who(gate, ZERTO, x_zerto_session=token) == "bob"
    assert await who(gate, ZERTO, authorization=f"Bearer {token}") == "bob"
    assert await who(gate, ZERTO, authorization=f"Bearer {signed(gate, bob.session)}") == "bob"
    assert await who(gate, VMWARE) == ""
    assert await who(gate, VMWARE, x_zerto_session=token) == ""
    assert await who(gate, VMWARE, authorization=f"Bearer {token}") == ""
    assert await who(gate, VMWARE, authorization=f"Bearer {signed(gate, bob.session)}") == ""
    assert await who(gate, ZERTO, authorization=f"Bearer {FOREIGN}") == ""
    with pytest.raises(NoSession):
        known(None)


@pytest.mark.parametrize("accepted", [VMWARE, ZERTO], ids=["vmware", "zerto"])
async def test_sec_19_81_a_signed_bearer_and_another_session_disagree(
    gate: Gate, bob: Opened, ada: Opened, accepted: frozenset[str]
) -> None:
    mine = f"Bearer {signed(gate, bob.session)}"
    for name in ("vmware_api_session_id", "x_zerto_session"):
        with pytest.raises(NoSession, match="two different"):
            await who(gate, accepted, authorization=mine, **{name: ada.token.reveal()})
        found = await who(gate, accepted, authorization=mine, **{name: bob.token.reveal()})
        takes_it = accepted is ZERTO or name == "vmware_api_session_id"
        assert found == ("bob" if takes_it else "")
    with pytest.raises(NoSession, match="two different"):
        await who(
            gate,
            accepted,
            authorization=f"Bearer {bob.token.reveal()}",
            vmware_api_session_id=ada.token.reveal(),
        )
    cookie = f'vmware_soap_session="{ada.token.reveal()}"'
    with pytest.raises(NoSession, match="two different"):
        await who(gate, accepted, authorization=mine, cookie=cookie)
    assert await gate.live() == ["ada", "bob"]


async def test_sec_19_81_a_bearer_that_has_run_out_still_names_its_session(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    mine = f"Bearer {signed(gate, bob.session)}"
    gate.clock.tick(gate.bearers.tokens.life)
    with pytest.raises(NoSession, match="two different"):
        await who(gate, VMWARE, authorization=mine, vmware_api_session_id=ada.token.reveal())
    token = bob.token.reveal()
    assert await who(gate, VMWARE, authorization=mine, vmware_api_session_id=token) == "bob"


async def test_a_bearer_for_somebody_else_disturbs_only_where_bearers_are_ours(
    gate: Gate, bob: Opened
) -> None:
    """A proxy in front, or LoginByToken, may be who it is for."""
    token = bob.token.reveal()
    foreign = f"Bearer {FOREIGN}"
    assert await who(gate, VMWARE, authorization=foreign, vmware_api_session_id=token) == "bob"
    with pytest.raises(NoSession, match="two different"):
        await who(gate, ZERTO, authorization=foreign, x_zerto_session=token)


async def test_sec_19_81_two_signed_bearers_disagree_unless_they_name_one_session(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    one, again, other = (
        ("authorization", f"Bearer {signed(gate, session)}")
        for session in (bob.session, bob.session, ada.session)
    )
    asked = request("GET", "/")
    asked.headers += [one, again]
    found = await caller(asked, gate.sessions, gate.bearers, ZERTO)
    assert found is not None
    assert found.principal == "bob"
    asked.headers.append(other)
    with pytest.raises(NoSession, match="two different"):
        await caller(asked, gate.sessions, gate.bearers, ZERTO)


async def test_sec_81_a_session_named_in_a_form_must_be_the_carriers_too(
    gate: Gate, bob: Opened, ada: Opened
) -> None:
    digest = bob.session.digest
    for fine in (
        {},
        {"authorization": f"Bearer {signed(gate, bob.session)}"},
        {"authorization": f"Bearer {bob.token.reveal()}"},
        {"authorization": "Basic eDp5"},
        {"x_zerto_session": bob.token.reveal()},
    ):
        only(request("POST", "/", b"", **fine), gate.bearers, digest)
    for wrong in (
        {"authorization": f"Bearer {signed(gate, ada.session)}"},
        {"authorization": f"Bearer {ada.token.reveal()}"},
        {"authorization": f"Bearer {FOREIGN}"},
        {"x_zerto_session": ada.token.reveal()},
        {"cookie": f"vmware-api-session-id={ada.token.reveal()}"},
    ):
        with pytest.raises(NoSession, match="two different"):
            only(request("POST", "/", b"", **wrong), gate.bearers, digest)
