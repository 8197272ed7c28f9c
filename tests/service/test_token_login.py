"""LoginByToken: off until configured, once per assertion, and written down either way."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sessiongate.audit import event as audit
from sessiongate.dialects.vim.context import Outcome
from sessiongate.errors import (
    AlreadyLoggedIn,
    BadCredentials,
    CapReached,
    IdentityUnavailable,
    InvalidLocale,
    NoPermission,
    Overloaded,
    SessionGateError,
    StoreUnavailable,
)
from sessiongate.identity.tokens.port import SingleUse, VerifiedToken
from sessiongate.identity.tokens.saml import MOST_WAITING
from sessiongate.secret import Secret
from sessiongate.session import Caps, Client, PresentedToken, Principal
from sessiongate.testing import T0, digest_of
from sessiongate.wire.vim.types import Data
from tests.gate import CLIENT, LIMITS, Gate
from tests.identity.tokens.assertions import NAME, Assertion, in_soap, signed
from tests.identity.tokens.assertions import verifier as saml_verifier
from tests.identity.tokens.issuers import token
from tests.identity.tokens.test_oidc import verifier as oidc_verifier

HOME = "198.51.100.7"


class FakeVerifier:
    """Believes every token of the issuer whose name it starts with; says what it is told to."""

    def __init__(self, name: str, *roles: str) -> None:
        self.name = name
        self.roles = roles
        self.once: SingleUse | None = None
        self.error: SessionGateError | None = None
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.known: list[str] = []

    def takes(self, presented: PresentedToken) -> bool:
        return presented.text.reveal().startswith(self.name)

    async def verify(
        self, presented: PresentedToken, now: datetime, address: str = ""
    ) -> VerifiedToken:
        self.addresses.append(address)
        self.seen.append(presented.text.reveal())
        if self.error is not None:
            raise self.error
        principal = Principal("ada", "Ada", "Ada Lovelace", self.roles, f"tokens.{self.name}")
        return VerifiedToken(principal, "ADA", self.once)

    def welcome(self, address: str) -> None:
        self.known.append(address)

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


def bearer(text: str) -> PresentedToken:
    return PresentedToken("bearer", Secret(text))


async def login(gate: Gate, presented: PresentedToken | None, **arguments: Any) -> Data:
    value = (await gate.call(None, "LoginByToken", token=presented, **arguments)).value
    assert isinstance(value, Data)
    return value


def events(gate: Gate) -> list[audit.Event]:
    return [audit.read(line) for line in gate.store.audit.payloads]


def last(gate: Gate) -> tuple[str, str, str, str]:
    event = events(gate)[-1]
    return event.event, event.how, event.user, event.detail


async def test_sec_53_it_is_off_until_it_is_configured(gate: Gate) -> None:
    for presented in (None, bearer(token()), PresentedToken.of_document(in_soap(signed()))):
        with pytest.raises(BadCredentials):
            await login(gate, presented)
    assert last(gate) == ("login refused", "token", "", "token logins are not configured here")
    assert await gate.live() == []


async def test_a_token_opens_a_session_that_says_so(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(FakeVerifier("idp", "operator"),))
    outcome = await gate.call(None, "LoginByToken", token=bearer("idp-1"), locale="de")
    assert outcome.token is not None
    session = await gate.sessions.check(outcome.token)
    assert session is not None
    assert (session.principal, session.login_name, session.roles) == ("ada", "ADA", ("operator",))
    assert (session.provider, session.locale) == ("tokens.idp", "de")
    event = events(gate)[-1]
    assert (event.event, event.how, event.provider) == ("session opened", "token idp", "tokens.idp")


async def test_sec_53_one_issuer_is_asked_and_no_other(tmp_path: Path) -> None:
    first, second = FakeVerifier("first"), FakeVerifier("second", "user")
    first.error = BadCredentials("no")
    gate = Gate(tmp_path, verifiers=(first, second))
    with pytest.raises(BadCredentials):
        await login(gate, bearer("first-1"))
    assert (first.seen, second.seen) == (["first-1"], [])
    assert last(gate) == ("login refused", "token first", "", "no")
    assert await login(gate, bearer("second-1"))
    assert first.seen == ["first-1"]
    for presented, why in (
        (bearer("third-1"), "the token is of no issuer that is configured here"),
        (None, "the request does not carry one token"),
    ):
        with pytest.raises(BadCredentials):
            await login(gate, presented)
        assert last(gate) == ("login refused", "token", "", why)


async def test_sec_54_of_many_who_replay_a_token_one_gets_in(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    idp.once = SingleUse(digest_of("one"), T0 + LIMITS.idle)
    gate = Gate(tmp_path, verifiers=(idp,))
    answers = await asyncio.gather(
        *(login(gate, bearer("idp")) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(one, Data) for one in answers) == 1
    assert sum(isinstance(one, BadCredentials) for one in answers) == 49
    assert await gate.live() == ["ada"]
    assert last(gate)[3] == "the token has been used before"


async def test_a_token_that_is_good_for_more_opens_more(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(FakeVerifier("idp", "user"),))
    for _ in range(3):
        await login(gate, bearer("idp"))
    assert await gate.live() == ["ada"] * 3


async def test_a_bad_locale_does_not_use_the_token_up(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    idp.once = SingleUse(digest_of("one"), T0 + LIMITS.idle)
    gate = Gate(tmp_path, verifiers=(idp,))
    with pytest.raises(InvalidLocale):
        await login(gate, bearer("idp"), locale="xx!!")
    assert idp.seen == []
    assert await login(gate, bearer("idp"), locale="en")


async def test_who_has_no_role_here_is_known_and_stays_out(tmp_path: Path) -> None:
    for roles in ((), ("no-access",), ("a role that is not there",)):
        gate = Gate(tmp_path, verifiers=(FakeVerifier("idp", *roles),))
        with pytest.raises(NoPermission):
            await login(gate, bearer("idp"))
        assert last(gate)[:3] == ("login refused", "token idp", "ADA")
        assert await gate.live() == []


async def test_caps_and_outages_are_what_they_are(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    gate = Gate(tmp_path, caps=Caps(total=1), verifiers=(idp,))
    await login(gate, bearer("idp"))
    with pytest.raises(CapReached):
        await login(gate, bearer("idp"))
    idp.error = IdentityUnavailable("it does not answer")
    with pytest.raises(IdentityUnavailable):
        await login(gate, bearer("idp"))
    assert events(gate)[-1].result == "unavailable"


async def test_sec_54_where_use_cannot_be_written_down_nobody_gets_in(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    idp.once = SingleUse(digest_of("one"), T0 + LIMITS.idle)
    gate = Gate(tmp_path, verifiers=(idp,))
    gate.store.away.add("claim_once")
    with pytest.raises(StoreUnavailable):
        await login(gate, bearer("idp"))
    assert await gate.live() == []


async def test_who_is_logged_in_needs_no_token(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    gate = Gate(tmp_path, verifiers=(idp,))
    caller = (await gate.login("bob")).session
    with pytest.raises(AlreadyLoggedIn):
        await gate.call(caller, "LoginByToken", token=bearer("idp"))
    assert idp.seen == []


async def test_a_refused_token_is_no_guess_at_a_password(tmp_path: Path) -> None:
    idp = FakeVerifier("idp")
    idp.error = BadCredentials("no")
    gate = Gate(tmp_path, verifiers=(idp,))
    for _ in range(50):
        with pytest.raises(BadCredentials):
            await login(gate, bearer("idp"))
    assert await gate.login("ada")


async def test_whoever_came_by_token_is_somebody_to_ask_about(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(FakeVerifier("idp", "administrator"),))
    outcome = await gate.call(None, "LoginByToken", token=bearer("idp"))
    assert outcome.token is not None
    caller = await gate.sessions.check(outcome.token)
    assert caller is not None
    for name, expected in (("Ada", True), (r".\ADA", True), ("bob", False)):
        asked: dict[str, Any] = {"session_id": caller.key, "user_name": name}
        assert (await gate.call(caller, "SessionIsActive", **asked)).value is expected
    await gate.login("bob")
    assert (await gate.call(caller, "ImpersonateUser", user_name="BOB")).token is not None


async def test_sec_76_a_verifier_learns_from_where_a_token_comes(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    gate = Gate(tmp_path, verifiers=(idp,))
    by_socket = Client("unix", "curl/8", "vi-json", user=1000)
    for client in (CLIENT, by_socket):
        await gate.call(None, "LoginByToken", client=client, token=bearer("idp"))
    assert idp.addresses == idp.known == [CLIENT.ip_address, "unix#1000"]


async def test_sec_76_only_who_gets_a_session_makes_an_address_known(tmp_path: Path) -> None:
    idp = FakeVerifier("idp", "user")
    idp.once = SingleUse(digest_of("one"), T0 + LIMITS.idle)
    gate = Gate(tmp_path, verifiers=(idp,))
    await login(gate, bearer("idp"))
    for _ in range(2):
        with pytest.raises(BadCredentials):
            await gate.call(
                None, "LoginByToken", client=Client(HOME, "curl/8", ""), token=bearer("idp")
            )
    assert idp.known == [CLIENT.ip_address]


# With the real verifiers


async def test_sec_76_assertions_from_one_network_shut_nobody_else_out(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(saml_verifier(),))
    forged = PresentedToken.of_document(in_soap(signed().replace(NAME, "eve")))
    served: list[str] = []

    async def come(address: str, presented: PresentedToken) -> object:
        client = Client(address, "curl/8", "vi-json")
        try:
            return await gate.call(None, "LoginByToken", client=client, token=presented)
        except BadCredentials as refused:
            return refused
        finally:
            served.append(address)

    flood = [come(f"203.0.113.{n}", forged) for n in range(2 * MOST_WAITING)]
    good = PresentedToken.of_document(in_soap(signed()))
    *lost, opened = await asyncio.gather(*flood, come(HOME, good), return_exceptions=True)
    assert isinstance(opened, Outcome)
    assert await gate.live() == ["ada@corp.example"]
    assert {type(one) for one in lost} == {BadCredentials, Overloaded}
    answers = dict(zip((f"203.0.113.{n}" for n in range(2 * MOST_WAITING)), lost, strict=True))
    waited = [one for one in served if not isinstance(answers.get(one), Overloaded)]
    assert waited.index(HOME) <= 2, "one turn of theirs, and what it takes to open a session"


async def test_sec_54_a_replayed_assertion_is_refused_in_any_wrapping(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(oidc_verifier(), saml_verifier()))
    text = signed(Assertion(id="_first"))
    await login(gate, PresentedToken.of_document(in_soap(text)))
    for again in (in_soap(text), text.encode(), b" " + text.encode() + b"\n"):
        with pytest.raises(BadCredentials):
            await login(gate, PresentedToken.of_document(again))
        assert last(gate)[1] == "token idp"
        assert last(gate)[3] == "the token has been used before"
    await login(gate, PresentedToken.of_document(signed(Assertion(id="_other")).encode()))
    assert await gate.live() == ["ada@corp.example"] * 2


async def test_sec_18_no_token_is_written_down(tmp_path: Path) -> None:
    gate = Gate(tmp_path, verifiers=(oidc_verifier(), saml_verifier()))
    good = token()
    await login(gate, bearer(good))
    for wrong in (good + "x", token("stranger")):
        with pytest.raises(BadCredentials):
            await login(gate, bearer(wrong))
    for wrong in (signed(Assertion(name="canary")).replace("canary", "other"), signed(Assertion())):
        with pytest.raises(BadCredentials):
            await login(gate, PresentedToken.of_document(wrong.replace("Z", "z").encode()))
    for line in gate.store.audit.payloads:
        for part in (*good.split("."), "X509", "Assertion"):
            assert part.encode() not in line
