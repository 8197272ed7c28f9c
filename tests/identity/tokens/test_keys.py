"""Keys are read when they are needed, seldom otherwise, and an outage decides nothing."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import BadCredentials, ConfigError, IdentityUnavailable
from sessiongate.identity.tokens.keys import (
    FEW,
    FRESH,
    MOST_KEYS,
    PAUSE,
    RETRY,
    STALE,
    DiscoveredSource,
    FileSource,
    IssuerKeys,
    UrlSource,
    keys_in,
    origin_of,
    path_of,
)
from sessiongate.testing import T0, TICK
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import LARGEST_BODY, HttpUpstream
from tests.each import each
from tests.identity.tokens.issuers import entry, key, key_set
from tests.upstream.fakes import Asked, FakeServer, Script, http, saying, server_tls


class FakeSource:
    """A source that says what it is told to, counts, and may be out of reach."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = entries
        self.outage = False
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def read(self) -> bytes:
        self.reads += 1
        self.asked.set()
        await self.gate.wait()
        if self.outage:
            raise IdentityUnavailable("it does not answer")
        return key_set(*self.entries)


def made(*entries: dict[str, Any]) -> tuple[FakeSource, IssuerKeys]:
    source = FakeSource(*(entries or (entry(),)))
    return source, IssuerKeys("idp", source)


async def test_sec_55_keys_are_read_once_for_many_tokens() -> None:
    source, keys = made()
    found = await asyncio.gather(*(keys.of("first", "RS256", T0) for _ in range(20)))
    assert {len(one) for one in found} == {1}
    await keys.of("first", "PS256", T0 + FRESH - TICK)
    assert source.reads == 1


async def test_sec_55_an_unknown_key_reads_them_anew_at_most_once_a_minute() -> None:
    source, keys = made()
    await keys.of("first", "RS256", T0)
    for second in range(59):
        with pytest.raises(BadCredentials):
            await keys.of(f"made up {second}", "RS256", T0 + timedelta(seconds=second))
    assert source.reads == 1
    source.entries = (entry("second"),)
    assert await keys.of("second", "RS256", T0 + PAUSE)
    assert source.reads == 2
    # The old one has gone with it.
    with pytest.raises(BadCredentials):
        await keys.of("first", "RS256", T0 + PAUSE)
    many = (keys.of("made up", "RS256", T0 + 2 * PAUSE) for _ in range(50))
    refused = await asyncio.gather(*many, return_exceptions=True)
    assert {type(one) for one in refused} == {BadCredentials}
    assert source.reads == 3


async def test_sec_55_keys_that_are_old_are_read_in_passing() -> None:
    source, keys = made()
    await keys.of("first", "RS256", T0)
    source.gate.clear()
    source.entries = (entry("second"),)
    assert await keys.of("first", "RS256", T0 + FRESH)
    assert await keys.of("first", "RS256", T0 + FRESH)
    source.gate.set()
    # Who wants a key that is not there waits for the reading under way.
    assert await keys.of("second", "RS256", T0 + FRESH)
    assert source.reads == 2
    with pytest.raises(BadCredentials):
        await keys.of("first", "RS256", T0 + FRESH)


async def test_sec_55_an_outage_is_no_refusal() -> None:
    source, keys = made()
    source.outage = True
    for _ in range(5):
        with pytest.raises(IdentityUnavailable):
            await keys.of("first", "RS256", T0)
    assert source.reads == 1
    source.outage = False
    with pytest.raises(IdentityUnavailable):
        await keys.of("first", "RS256", T0 + RETRY - TICK)
    assert await keys.of("first", "RS256", T0 + RETRY)


async def test_sec_55_keys_outlast_an_outage_and_unknown_ones_are_undecided() -> None:
    source, keys = made()
    await keys.of("first", "RS256", T0)
    source.outage = True
    later = T0 + PAUSE
    for _ in range(5):
        with pytest.raises(IdentityUnavailable):
            await keys.of("second", "RS256", later)
    assert source.reads == 2
    assert await keys.of("first", "RS256", T0 + STALE - TICK)
    for _ in range(5):
        with pytest.raises(IdentityUnavailable):
            await keys.of("first", "RS256", T0 + STALE + RETRY)
    await keys.close()


async def test_closing_ends_a_reading_under_way() -> None:
    source, keys = made()
    source.gate.clear()
    waiting = asyncio.ensure_future(keys.of("first", "RS256", T0))
    await source.asked.wait()
    await keys.close()
    with pytest.raises(IdentityUnavailable):
        await waiting


async def test_who_hangs_up_does_not_stop_the_others() -> None:
    source, keys = made()
    source.gate.clear()
    first, second = (asyncio.ensure_future(keys.of("first", "RS256", T0)) for _ in range(2))
    await source.asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert await second
    assert source.reads == 1


def nameless(who: str = "first", **more: Any) -> dict[str, Any]:
    """A key of a set without `kid`, which is optional."""
    return {name: value for name, value in entry(who, **more).items() if name != "kid"}


@pytest.mark.parametrize("identity", [None, ""])
async def test_sec_55_a_token_without_a_key_id_may_be_signed_with_any_that_fits(
    identity: str | None,
) -> None:
    _, keys = made(entry(), entry("second"), entry("ec"), entry("stranger", use="enc"))
    assert len(await keys.of(identity, "RS256", T0)) == 2
    assert len(await keys.of(identity, "ES256", T0)) == 1
    _, none = made(entry("ec"))
    with pytest.raises(BadCredentials):
        await none.of(identity, "RS256", T0)


async def test_sec_55_a_key_without_an_id_is_tried_where_no_other_is_named() -> None:
    _, keys = made(nameless(), nameless("second", kid=None), entry("ec"))
    for identity in (None, "first", "made up"):
        assert len(await keys.of(identity, "RS256", T0)) == 2
    _, mixed = made(nameless(), entry("second"))
    assert len(await mixed.of("second", "RS256", T0)) == 1
    assert len(await mixed.of("made up", "RS256", T0)) == 1
    assert len(await mixed.of(None, "RS256", T0)) == 2


@pytest.mark.parametrize("identity", [None, "first"])
async def test_sec_55_no_more_than_a_few_are_tried(identity: str | None) -> None:
    for make in (nameless, entry):
        _, few = made(*[make()] * FEW)
        assert len(await few.of(identity, "RS256", T0)) == FEW
        _, many = made(*[make()] * (FEW + 1))
        with pytest.raises(BadCredentials, match=f"more than {FEW}"):
            await many.of(identity, "RS256", T0)


async def test_sec_55_what_none_of_them_signed_reads_them_anew_at_most_once_a_minute() -> None:
    source, keys = made(nameless())
    tried = await keys.of(None, "RS256", T0)
    source.entries = (nameless("second"),)
    for _ in range(50):
        assert await keys.newer(None, "RS256", T0 + PAUSE - TICK, tried) == []
    assert source.reads == 1
    newer = await asyncio.gather(*(keys.newer(None, "RS256", T0 + PAUSE, tried) for _ in range(20)))
    assert {len(one) for one in newer} == {1}
    assert source.reads == 2
    assert await keys.newer(None, "RS256", T0 + PAUSE, newer[0]) == []


async def test_sec_55_a_key_that_is_named_is_the_only_one() -> None:
    source, keys = made(entry())
    tried = await keys.of("first", "RS256", T0)
    source.entries = (entry("second", kid="first"),)
    assert await keys.newer("first", "RS256", T0 + PAUSE, tried) == []
    assert source.reads == 1


async def test_sec_55_what_none_of_them_signed_is_undecided_during_an_outage() -> None:
    source, keys = made(nameless())
    tried = await keys.of("any", "RS256", T0)
    source.outage = True
    for _ in range(3):
        with pytest.raises(IdentityUnavailable):
            await keys.newer("any", "RS256", T0 + PAUSE, tried)
    assert source.reads == 2


async def test_sec_55_a_key_is_for_its_kind_and_its_algorithm() -> None:
    _, keys = made(entry(alg="RS256"), entry("ec"))
    assert await keys.of("first", "RS256", T0)
    for identity, algorithm in (("first", "PS256"), ("first", "ES256"), ("ec", "RS256")):
        with pytest.raises(BadCredentials):
            await keys.of(identity, algorithm, T0)


@each(
    "unusable",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        entry(use="enc"),
        entry(key_ops=["sign"]),
        entry(key_ops="verify"),
        entry(n="AQAB"),
        entry(n=None),
        entry(n="A" * 100_000),
        entry("ec", crv="P-521"),
        entry("ec", x="AAAA"),
        entry(kty="RSA1"),
        entry(alg=5),
        {},
    ],
)
def test_sec_55_unusable_keys_are_passed_over(unusable: dict[str, Any]) -> None:
    assert [one.id for one in keys_in(key_set(unusable, entry("second")))] == ["second"]
    with pytest.raises(IdentityUnavailable):
        keys_in(key_set(unusable))


@pytest.mark.parametrize("optional", ["kid", "alg", "use", "key_ops", "x5c", "x5t"])
def test_sec_55_what_is_optional_may_be_missing_or_null(optional: str) -> None:
    full = entry(alg="RS256", use="sig", key_ops=["verify"])
    bare = {name: value for name, value in full.items() if name != optional}
    for one in (bare, {**bare, optional: None}):
        (listed,) = keys_in(key_set(one))
        assert listed.id == ("" if optional == "kid" else "first")
        assert listed.algorithm == ("" if optional == "alg" else "RS256")


def test_private_keys_are_never_kept() -> None:
    (listed,) = keys_in(key_set({**key().as_dict(private=True)}))
    assert not listed.key.is_private


def test_too_many_keys_are_none() -> None:
    with pytest.raises(IdentityUnavailable):
        keys_in(key_set(*[entry()] * (MOST_KEYS + 1)))


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["keys", "kty", "kid", "alg", "n", "e", "x", "y", "crv"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_document_is_a_set_or_an_outage(document: bytes) -> None:
    with suppress(IdentityUnavailable):
        assert keys_in(document)


def test_nesting_is_no_way_to_break_it() -> None:
    with pytest.raises(IdentityUnavailable):
        keys_in(b"[" * 100_000)


# Where sets are


async def test_a_file_is_read_at_the_start_and_when_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set())
    keys = IssuerKeys("idp", FileSource("tokens.idp.jwks_file", path))
    await keys.start()
    assert await keys.of("first", "RS256", T0)
    path.write_bytes(key_set(entry("second")))
    assert await keys.of("second", "RS256", T0 + PAUSE)
    await keys.close()


@pytest.mark.parametrize("held", [None, b"", b"{}", key_set(entry(use="enc"))])
async def test_a_file_without_keys_is_told_at_the_start(tmp_path: Path, held: bytes | None) -> None:
    path = tmp_path / "keys.json"
    if held is not None:
        path.write_bytes(held)
    with pytest.raises(ConfigError, match=r"tokens\.idp\.jwks_file"):
        await IssuerKeys("idp", FileSource("tokens.idp.jwks_file", path)).start()


def at(url: str, folder: Path) -> HttpUpstream:
    return HttpUpstream(url, Trust(ca=folder / "tls" / "ca.pem"), timeout=timedelta(seconds=10))


JSON = "application/json"


async def test_sec_55_keys_come_from_an_address_that_is_verified(tmp_path: Path) -> None:
    tls = server_tls(tmp_path / "theirs")
    async with FakeServer(saying(http(200, key_set(), kind=JSON)), tls) as server:
        keys = IssuerKeys("idp", UrlSource(at(server.url, tmp_path / "theirs"), "/certs?x=1"))
        await keys.start()
        assert await keys.of("first", "RS256", T0)
        assert [one.line for one in server.asked] == ["GET /certs?x=1 HTTP/1.1"]
        await keys.close()
        server_tls(tmp_path / "ours")
        stranger = IssuerKeys("idp", UrlSource(at(server.url, tmp_path / "ours"), "/certs"))
        await stranger.start()
        with pytest.raises(IdentityUnavailable, match="certificate"):
            await stranger.of("first", "RS256", T0)
        await stranger.close()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        http(500, key_set()),
        http(302, b"", "Location: /other"),
        http(200, b"<html>"),
        http(200, b" " * (LARGEST_BODY + 1)),
        b"",
    ],
)
async def test_sec_55_an_answer_that_is_no_set_is_an_outage(tmp_path: Path, answer: bytes) -> None:
    async with FakeServer(saying(answer), server_tls(tmp_path)) as server:
        keys = IssuerKeys("idp", UrlSource(at(server.url, tmp_path), "/certs"))
        await keys.start()
        with pytest.raises(IdentityUnavailable):
            await keys.of("first", "RS256", T0)
        await keys.close()
        assert server.paths().count("/certs") == len(server.asked) <= 2


def provider(says: dict[str, Any]) -> Script:
    def script(asked: Asked) -> bytes:
        if asked.path == "/realm/.well-known/openid-configuration":
            return http(200, json.dumps(says), kind=JSON)
        return http(200, key_set(), kind=JSON) if asked.path == "/realm/certs" else http(404)

    return script


async def test_an_issuer_says_where_its_keys_are(tmp_path: Path) -> None:
    says: dict[str, Any] = {}
    async with FakeServer(provider(says), server_tls(tmp_path)) as server:
        issuer = f"{server.url}/realm"
        says |= {"issuer": issuer, "jwks_uri": f"{issuer}/certs"}
        source = DiscoveredSource(at(server.url, tmp_path), issuer)
        keys = IssuerKeys("idp", source)
        await keys.start()
        assert await keys.of("first", "RS256", T0)
        for wrong in (
            {"issuer": f"{issuer}/"},
            {"issuer": issuer, "jwks_uri": "https://elsewhere.example/certs"},
            {"issuer": issuer, "jwks_uri": issuer.replace("https", "http") + "/certs"},
            {"issuer": issuer, "jwks_uri": "https://[::1/certs"},
            {"issuer": issuer, "jwks_uri": 5},
            {"issuer": issuer},
        ):
            says.clear()
            says |= wrong
            with pytest.raises(IdentityUnavailable):
                await source.read()
        await keys.close()


def test_addresses_are_taken_apart() -> None:
    assert origin_of("https://IDP.example:8443/a?b") == "https://idp.example:8443"
    assert path_of("https://idp.example/a/b?c=d") == "/a/b?c=d"
    for wrong in ("https:///a", "a", "https://h:x/", "https://h:0/"):
        with pytest.raises(ValueError):
            origin_of(wrong)
