"""What every provider must keep: a suite to inherit from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sessiongate.errors import BadCredentials, IdentityUnavailable
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Principal


class ProviderContract:
    """The promises of an identity provider, as tests.

    Subclass it, say how to make a provider and who is known there, and it is tested:

        class TestMine(ProviderContract):
            known = ("ada", "her password")

            async def make(self) -> IdentityProvider:
                return MyProvider(...)

    `cut` makes the provider's source unreachable; leave it out for a provider that has none.
    """

    known: tuple[str, str]
    """Name and password of somebody who may log in."""
    unknown = "nobody-of-this-name"
    folded: tuple[str, str] | None = None
    """Name and password of somebody whose name our books change: `Weiß`, who is `weiss` there."""

    async def make(self) -> IdentityProvider:
        """A provider, not yet started."""
        raise NotImplementedError

    async def cut(self) -> bool:
        """Make the source of this provider unreachable. False where there is none."""
        return False

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[IdentityProvider]:
        provider = await self.make()
        await provider.start()
        try:
            yield provider
        finally:
            await provider.close()

    async def test_the_right_password_says_who_it_is(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            principal = await provider.authenticate(parse_account(name), Secret(password))
        assert principal.name == parse_account(principal.name).canonical
        assert principal.user_name
        assert principal.full_name
        assert principal.provider
        assert isinstance(principal.roles, tuple)

    async def test_sec_24_wrong_unknown_and_empty_are_one_refusal(self) -> None:
        name, password = self.known
        tries = [
            (name, password + "x"),
            (name, password[:-1]),
            (name, ""),
            (self.unknown, password),
            (self.unknown, ""),
        ]
        async with self._started() as provider:
            for who, secret in tries:
                try:
                    await provider.authenticate(parse_account(who), Secret(secret))
                except BadCredentials:
                    continue
                raise AssertionError("a wrong credential was let in")

    async def test_the_name_is_one_name_in_every_spelling(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            first = await provider.authenticate(parse_account(name), Secret(password))
            again = await provider.authenticate(parse_account(name.upper()), Secret(password))
        assert first.name == again.name

    async def test_a_name_is_asked_for_as_it_was_typed(self) -> None:
        if self.folded is None:
            return
        name, password = self.folded
        assert parse_account(name).user != name, "a name that is changed in our books"
        async with self._started() as provider:
            principal = await provider.authenticate(parse_account(name), Secret(password))
        assert principal.name == parse_account(principal.name).canonical

    async def test_two_at_once_are_not_mixed_up(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            outcomes = await asyncio.gather(
                *(
                    provider.authenticate(parse_account(who), Secret(password))
                    for who in [name, self.unknown] * 5
                ),
                return_exceptions=True,
            )
        assert all(isinstance(one, Principal) for one in outcomes[::2])
        assert all(isinstance(one, BadCredentials) for one in outcomes[1::2])

    async def test_whoever_is_unknown_is_not_found(self) -> None:
        async with self._started() as provider:
            assert await provider.find(parse_account(self.unknown)) is None

    async def test_the_event_loop_is_never_held_up(self) -> None:
        # A gap may be the busy machine's; a provider that blocks holds the loop up every time.
        stalls = []
        async with self._started() as provider:
            for _ in range(_STALL_TRIES):
                stalls.append(await self._longest_gap(provider))
                if stalls[-1] < LONGEST_STALL:
                    return
        raise AssertionError(f"the event loop was held up for {min(stalls):.3f} s at the least")

    async def _longest_gap(self, provider: IdentityProvider) -> float:
        """The longest time between two turns of the event loop during one check."""
        name, password = self.known
        loop = asyncio.get_running_loop()
        gaps = [0.0]

        async def watch() -> None:
            last = loop.time()
            while True:
                await asyncio.sleep(0)
                now = loop.time()
                gaps.append(now - last)
                last = now

        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await provider.authenticate(parse_account(name), Secret(password))
        await asyncio.sleep(0)  # one that never gave the loop a turn is seen only now
        watcher.cancel()
        return max(gaps)

    async def test_an_outage_is_no_refusal(self) -> None:
        name, password = self.known
        async with self._started() as provider:
            if not await self.cut():
                return
            for secret in (password, "wrong"):
                try:
                    await provider.authenticate(parse_account(name), Secret(secret))
                except IdentityUnavailable:
                    continue
                raise AssertionError("an outage was taken for an answer")


_STALL_TRIES = 20


LONGEST_STALL = 0.1
"""Seconds: checks of thousands of sessions wait meanwhile."""
