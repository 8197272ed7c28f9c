"""Who is taken out of the settings has no session after the restart, whatever the store."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from sessiongate.tls import certificates
from tests.basic import basic
from tests.end_to_end.many import wait_for
from tests.end_to_end.serving import ADMIN, Server, vim, with_people
from tests.end_to_end.test_appliance import post
from tests.end_to_end.test_extensions import KEY, made
from tests.peers.redis import Redis

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

TRUSTING = """
[server]
trusted_proxies = ["127.0.0.1"]
client_certificate_header = "X-Client-Cert"
"""
ROBOT = '[dialects.appliance.clients.robot]\nsecret = "robot secret"\nrole = "user"\n'


@pytest.mark.parametrize(
    "store",
    ["sqlite", pytest.param("redis", marks=pytest.mark.peer)],
    indirect=True,
    scope="session",
)
def test_clients_and_extensions_that_are_gone_are_out(
    store: Callable[[], str], tmp_path: Path
) -> None:
    certificate, _ = made(tmp_path)
    print_ = certificates.describe(certificate).sha256
    extension = f'[extensions."{KEY}"]\nfingerprint = "{print_}"\nrole = "user"\n'
    common = store() + TRUSTING
    server = with_people(tmp_path / "data", settings=common + ROBOT + extension)
    with server:
        admin = server.vim_token(ADMIN)
        opened(server, certificate)
        assert users(server, admin) == ["admin", KEY, "robot"]
        server.restart()
        assert users(server, admin) == ["admin", KEY, "robot"]
        server.settings = common + extension
        server.restart()
        assert users(server, admin) == ["admin", KEY]
        server.settings = common
        server.restart()
        assert users(server, admin) == ["admin"]
        told = [json.loads(line) for line in server.run("audit", "export").out.splitlines()]
    ended = [(one["user"], one["reason"]) for one in told if one["event"] == "session ended"]
    assert ended == [("robot", "user_changed"), (KEY, "user_changed")]


@pytest.mark.peer
def test_workers_that_are_replaced_end_them_too(redis: Redis, tmp_path: Path) -> None:
    store = f'[store]\nurl = "{redis.url}"\nprefix = "named"\n'
    common = f'{store}{TRUSTING}workers = 2\n[admin]\nlisten = "off"\n'
    with with_people(tmp_path / "data", settings=common + ROBOT) as server:
        admin = server.vim_token(ADMIN)
        credential = {"Authorization": basic("robot", "robot secret")}
        assert post(server, "/token", credential, grant_type="client_credentials").status == 200
        assert users(server, admin) == ["admin", "robot"]
        server.settings = common
        server.write_settings()
        server.signal(signal.SIGHUP)
        wait_for(server, "all workers replaced")
        assert users(server, admin) == ["admin"]
        server.stop()


def opened(server: Server, certificate: Path) -> None:
    """A session of the client and one of the extension."""
    credential = {"Authorization": basic("robot", "robot secret")}
    assert post(server, "/token", credential, grant_type="client_credentials").status == 200
    header = {"X-Client-Cert": quote(certificate.read_text(), safe="")}
    path = vim("LoginExtensionByCertificate")
    assert server.request("POST", path, header, {"extensionKey": KEY}).status == 200


def users(server: Server, token: str) -> list[str]:
    return sorted(session["userName"] for session in server.get("sessionList", token).json())
