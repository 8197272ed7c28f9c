"""The settings of the zvm provider: what they make, and what is wrong with them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sessiongate import plugins
from sessiongate.config import load
from sessiongate.errors import ConfigError
from sessiongate.identity.plugin import PluginContext
from sessiongate.identity.vcenter.provider import VCenterIdentity
from sessiongate.identity.zvm.settings import zvm
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.session import Person
from sessiongate.tls.trust import Trust
from sessiongate.upstream.http import TIMEOUT, HttpUpstream
from sessiongate.upstream.port import SessionUpstream
from sessiongate.wire.vim.client import ReceivedFault, UpstreamSession, UserSession, WireForm
from tests.identity.fakes import cheap_hasher


class There:
    """An upstream of the settings."""

    trust = Trust()
    timeout = TIMEOUT
    url, locale, name = "https://zvm.example", "", "zvm1"
    proxy: str | None = None
    each_login = True

    def __init__(self, kind: str = "zvm") -> None:
        self.kind = kind
        self.sessions: SessionUpstream | None = self
        self.adopted: list[Person] = []

    def calls(self, http: HttpUpstream) -> HttpUpstream:
        return http

    async def adopt(self, person: Person, opened: UpstreamSession) -> None:
        self.adopted.append(person)

    async def login(self, name: str, password: Secret) -> UpstreamSession | ReceivedFault:
        if password.reveal() != "right":
            return ReceivedFault("InvalidLogin")
        return UpstreamSession(WireForm.BEARER, Secret("t"), UserSession("", name, "", ""))

    async def logout(self, opened: UpstreamSession) -> None:
        raise AssertionError("it was adopted")

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


def context(folder: Path, **upstreams: There) -> PluginContext:
    return PluginContext(folder, cheap_hasher(), dict(upstreams))


def problems(folder: Path, table: Mapping[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        zvm("zvm", table, context(folder, vc1=There("vcenter")))
    return [one.removeprefix("identity.zvm.") for one in raised.value.problems]


def test_it_is_registered() -> None:
    setting = "identity.zvm.type"
    assert plugins.find("zvm", plugins.IDENTITY, plugins.IDENTITY_GROUP, setting) is zvm


async def test_a_login_there_becomes_the_first_session(tmp_path: Path) -> None:
    there = There()
    table = {"upstream": "zvm1", "domains": ["corp"], "role": "user", "roles": {"zoe": "operator"}}
    made = zvm("zvm", table, context(tmp_path, zvm1=there))
    assert (made.upstream, made.domains, made.each_login) == ("zvm1", ("corp",), True)
    assert set(made.roles) == {"user", "operator"}
    assert isinstance(made.provider, VCenterIdentity)
    from_zoe = await made.provider.authenticate(parse_account("Zoe"), Secret("right"))
    assert (from_zoe.name, from_zoe.roles) == ("zoe", ("operator",))
    assert there.adopted == [Person("zvm", "zoe")]


def test_it_needs_a_zvm_of_callers(tmp_path: Path) -> None:
    assert problems(tmp_path, {})[0].startswith("upstream: is required")
    (wrong,) = problems(tmp_path, {"upstream": "vc1"})
    assert 'of type "zvm"' in wrong
    assert 'account = "caller"' in wrong
    assert any("not a setting" in one for one in problems(tmp_path, {"upstream": "x", "url": "y"}))


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"type": "vcenter", "flavor": "classic"}, "flavor"),
        ({"type": "zvm", "username": "u", "password": "p"}, "username"),
        ({"type": "zvm", "grant": "client"}, "grant"),
        ({"type": "zvm", "flavor": "old"}, "flavor"),
    ],
)
def test_the_upstreams_own_settings_are_held_against_each_other(
    table: dict[str, object], place: str, tmp_path: Path
) -> None:
    named = {f"upstream.z.{name}": value for name, value in table.items()}
    settings = {"server.data_dir": str(tmp_path), "upstream.z.url": "https://z.example", **named}
    with pytest.raises(ConfigError) as raised:
        load(None, {}, settings)
    assert any(one.startswith(f"upstream.z.{place}:") for one in raised.value.problems)
