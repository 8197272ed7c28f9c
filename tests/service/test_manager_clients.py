"""Whose token it is that asks for a clone ticket, and how often that one may ask."""

from datetime import datetime, timedelta

import pytest

from sessiongate.errors import (
    BadCredentials,
    IdentityUnavailable,
    LockedOut,
    StoreUnavailable,
)
from sessiongate.rules.lockout import Policy
from sessiongate.rules.pace import Rate
from sessiongate.secret import Secret
from sessiongate.service.manager_clients import (
    LOOKS,
    ManagerCaller,
    ManagerClients,
    VerifiedAccount,
)
from sessiongate.store.embedded.manager_tokens import MemoryManagerTokens
from sessiongate.store.manager_port import StoredToken
from sessiongate.testing import T0, FakeClock

HERE, THERE = "192.0.2.7", "192.0.2.8"
ATTEMPTS = 5
STORED = "sgm_the-stored-token-of-the-cloud-provider"
IN_FILE = "sgm_the-token-that-stands-in-a-file-of-the-csi"
JWT = "head.claims.signature"
RENEWED = "head.claims.another-signature"


class Owner:
    """A service account that was verified."""

    cluster = "prod"
    subject = "system:serviceaccount:kube-system:cloud-controller-manager"
    expires_at = (T0 + timedelta(hours=1)).timestamp()


class Tokens(MemoryManagerTokens):
    """A store that may not answer."""

    away = False

    async def find(self, digest: bytes) -> StoredToken | None:
        if self.away:
            raise StoreUnavailable("the disk is gone")
        return await super().find(digest)

    async def used(self, digest: bytes, at: datetime) -> None:
        if self.away:
            raise StoreUnavailable("the disk is gone")
        await super().used(digest, at)


class Case:
    """Clients, and all that they stand on."""

    def __init__(self) -> None:
        self.tokens = Tokens()
        self.clock = FakeClock()
        self.seconds = 0.0
        self.verified = 0
        self.outage = False
        self.good = {JWT, RENEWED}
        digest = Secret(IN_FILE).digest()
        self.in_files = {digest: ManagerCaller("csi-prod", digest, frozenset({"vc1"}))}
        self.clients = ManagerClients(
            self.tokens,
            lambda: self.in_files,
            self,
            {"prod": frozenset({"vc2"})},
            self.clock,
            lambda: self.seconds,
            Rate(2, 60),
            Policy(ATTEMPTS, timedelta(minutes=3), timedelta(minutes=5)),
        )

    def may_be(self, token: Secret) -> bool:
        return token.reveal().startswith("head.claims.")

    async def verify(self, token: Secret, now: datetime) -> VerifiedAccount:
        self.verified += 1
        if self.outage:
            raise IdentityUnavailable("no keys")
        if token.reveal() not in self.good:
            raise BadCredentials("not signed")
        return Owner()

    async def identify(self, token: str | None, address: str = HERE) -> ManagerCaller:
        return await self.clients.identify(Secret(token) if token is not None else None, address)


@pytest.fixture
async def case() -> Case:
    made = Case()
    await made.tokens.add(StoredToken(Secret(STORED).digest(), "cpi-prod", ("vc1", "vc2"), T0))
    return made


async def test_a_token_says_who_and_for_which_upstreams(case: Case) -> None:
    stored, in_file, account = [await case.identify(one) for one in (STORED, IN_FILE, JWT)]
    assert (stored.name, stored.upstreams) == ("cpi-prod", frozenset({"vc1", "vc2"}))
    assert (in_file.name, in_file.upstreams) == ("csi-prod", frozenset({"vc1"}))
    assert (account.name, account.upstreams) == (f"prod/{Owner.subject}", frozenset({"vc2"}))
    uses = await case.tokens.uses()
    assert set(uses) == {stored.digest, in_file.digest}, "a service account's is kept nowhere"


async def test_what_is_no_token_is_refused_and_none_is_no_guess(case: Case) -> None:
    for _ in range(2 * ATTEMPTS):
        for nothing in (None, "a" * 40_000):
            with pytest.raises(BadCredentials):
                await case.identify(nothing)
    await case.identify(JWT)


async def test_a_revoked_token_is_as_an_unknown_one(case: Case) -> None:
    await case.tokens.remove(Secret(STORED).digest())
    with pytest.raises(BadCredentials) as revoked:
        await case.identify(STORED)
    with pytest.raises(BadCredentials) as unknown:
        await case.identify("sgm_one-that-nobody-has-ever-given-out-to-anybody")
    assert str(revoked.value) == str(unknown.value)
    assert case.verified == 0


async def guess(case: Case, what: str = "a.guess") -> None:
    """So often that the address is locked."""
    for number in range(ATTEMPTS):
        with pytest.raises(BadCredentials):
            await case.identify(f"{what}.{number}")


async def test_sec_22_an_address_that_guesses_has_nothing_verified_and_shuts_nobody_out(
    case: Case,
) -> None:
    await guess(case)
    verified = case.verified
    for wrong in ("a.b.c", "sgm_one-that-nobody-has-ever-given-out-to-anybody"):
        with pytest.raises(LockedOut):
            await case.identify(wrong)
    assert case.verified == verified
    assert (await case.identify(STORED)).name == "cpi-prod", "behind the same address"
    assert (await case.identify(JWT, THERE)).name.startswith("prod/")
    assert (await case.identify(RENEWED)).name.startswith("prod/"), "one that is seen first now"


async def test_sec_22_guesses_that_look_like_an_accounts_are_verified_at_a_bounded_rate(
    case: Case,
) -> None:
    await case.identify(JWT)
    case.seconds += 61
    await guess(case, "head.claims.guess")
    before = case.verified
    refused = 0
    for number in range(2 * LOOKS.count):
        with pytest.raises((BadCredentials, LockedOut)) as raised:
            await case.identify(f"head.claims.{number}")
        refused += raised.type is LockedOut
    assert case.verified - before == 2 * LOOKS.count - refused == LOOKS.count
    with pytest.raises(LockedOut):
        await case.identify(RENEWED)
    await case.identify(JWT)
    case.seconds += 1
    await case.identify(RENEWED)


async def test_sec_22_a_script_that_forges_keeps_no_neighbour_s_new_token_out(case: Case) -> None:
    await guess(case, "head.claims.guess")
    for second in range(10):
        for number in range(100):
            with pytest.raises(BadCredentials):
                await case.identify(f"head.claims.{second}.{number}")
        assert (await case.identify(RENEWED)).name.startswith("prod/")
        case.seconds += 61


async def test_an_account_that_was_verified_is_not_verified_again_for_a_minute(case: Case) -> None:
    await case.identify(JWT)
    await guess(case)
    verified = case.verified
    await case.identify(JWT)
    assert case.verified == verified
    case.seconds += 61
    await case.identify(JWT)
    assert case.verified == verified + 1


async def test_a_known_token_that_is_good_no_more_is_a_guess(case: Case) -> None:
    await case.identify(JWT)
    case.seconds += 61
    case.good.clear()
    for _ in range(ATTEMPTS):
        with pytest.raises(BadCredentials):
            await case.identify(JWT)
    for _ in range(LOOKS.count):
        with pytest.raises(BadCredentials):
            await case.identify(JWT)
    with pytest.raises(LockedOut):
        await case.identify(JWT)


async def test_an_account_whose_token_has_expired_is_verified_again(case: Case) -> None:
    await case.identify(JWT)
    case.clock.tick(timedelta(hours=2))
    await case.identify(JWT)
    assert case.verified == 2


async def test_an_outage_is_no_refusal_and_no_guess(case: Case) -> None:
    case.outage = True
    for _ in range(2 * ATTEMPTS):
        with pytest.raises(IdentityUnavailable):
            await case.identify(JWT)
    case.tokens.away = True
    with pytest.raises(StoreUnavailable):
        await case.identify(STORED)
    assert (await case.identify(IN_FILE)).name == "csi-prod", "it stands in a file"
    case.outage = False
    await case.identify(JWT)


async def test_a_rate_is_of_a_client_whatever_its_tokens(case: Case) -> None:
    second = "sgm_the-second-token-of-the-cloud-provider"
    await case.tokens.add(StoredToken(Secret(second).digest(), "cpi-prod", ("vc1",), T0))
    old, new = await case.identify(STORED), await case.identify(second)
    assert case.clients.spend(old) == case.clients.spend(new) == 0
    assert case.clients.spend(new) == 30
    assert case.clients.spend(await case.identify(IN_FILE)) == 0
    case.seconds += 30
    assert case.clients.spend(old) == 0
