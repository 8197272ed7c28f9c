"""Two nodes behind a real nginx over one Redis, with the very settings that the page shows."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.end_to_end.many import answered, operations_of
from tests.end_to_end.serving import ADMIN, OTHER, PEOPLE, USER, Server, add_people, vim
from tests.end_to_end.test_appliance import asks, tokens
from tests.house.sources import ROOT
from tests.peers import nginx
from tests.peers import redis as peer
from tests.peers.nginx import Nginx
from tests.peers.redis import Redis
from tests.security.dialects import DIALECTS, MANAGERS, Asker, Dialect, Manages, over_dialects
from tests.until import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peer]

PAGE = (ROOT / "docs" / "high-availability.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@dataclass
class House:
    """Two nodes with data directories of their own, and nginx in front of both."""

    nodes: list[Server]
    front: Nginx


def changed(text: str, here: dict[str, str]) -> str:
    """The text with what depends on the place; each of these must be in it."""
    for there, ours in here.items():
        assert text.count(there) >= 1, there
        text = text.replace(there, ours)
    return text


def nodes_of(folder: Path, redis: Redis) -> Iterator[Server]:
    """Two nodes, started, with the page's settings."""
    users = folder / "shared" / "users.toml"
    users.parent.mkdir()
    add_people(users, PEOPLE)
    (settings,) = [one for one in blocks("toml") if "trusted_proxies" in one]
    settings = changed(
        settings,
        {
            '"0.0.0.0:9669"': '"127.0.0.1:0"',
            "10.0.0.10": "127.0.0.1",
            "redis://10.0.0.20:6379/0": redis.url,
            "/srv/sessiongate/users.toml": str(users),
        },
    )
    first: Server | None = None
    for name in ("one", "two"):
        node = Server(folder / name, settings=f'{settings}\n[admin]\nlisten = "127.0.0.1:0"\n')
        if first is not None:
            node.data_dir.mkdir(mode=0o700)
            for file in ("openid.key", "instance"):
                shutil.copy(first.data_dir / file, node.data_dir / file)
        first = node.start()
        yield node


def before(folder: Path, nodes: list[Server]) -> Nginx:
    """nginx in front of these nodes, with the page's changes. Not started."""
    front = Nginx(folder, nodes[0].port)
    bundle = folder / "nodes.pem"
    bundle.write_bytes(b"".join(node.ca.read_bytes() for node in nodes))
    servers, to_nodes = blocks("nginx")
    servers = changed(
        servers,
        {
            "10.0.0.11:9669": f"127.0.0.1:{nodes[0].port}",
            "10.0.0.12:9669": f"127.0.0.1:{nodes[1].port}",
        },
    )
    to_nodes = changed(to_nodes, {"/etc/nginx/tls/nodes.pem": str(bundle)})
    file = folder / "sessiongate.conf"
    text = changed(
        file.read_text(encoding="utf-8"),
        {
            f"    server 127.0.0.1:{nodes[0].port};\n": servers,
            "        proxy_pass http://sessiongate;\n": to_nodes,
        },
    )
    file.write_text(text, encoding="utf-8")
    return front


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if why := peer.missing() or nginx.missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("house")
    nodes: list[Server] = []
    with Redis(folder / "redis") as redis:
        try:
            nodes.extend(nodes_of(folder, redis))
            with before(folder / "nginx", nodes) as front:
                yield House(nodes, front)
        finally:
            for node in nodes:
                node.kill9()


def test_nginx_likes_the_page(house: House) -> None:
    judged = house.front.judged()
    assert judged.returncode == 0, judged.stderr
    assert "warn" not in judged.stderr


def test_both_nodes_get_their_share(house: House) -> None:
    addresses = [operations_of(node)[0] for node in house.nodes]
    counts = [answered(one) for one in addresses]
    token = DIALECTS[0].token(house.front, USER)
    for _ in range(10):
        assert DIALECTS[0].is_alive(house.front, token)
    for address, count in zip(addresses, counts, strict=True):
        assert answered(address) > count + 2


@over_dialects
def test_sec_08_out_through_one_is_out_through_all(dialect: Dialect, house: House) -> None:
    ways: list[Asker] = [house.front, *house.nodes]
    for here in ways:
        token = dialect.token(here, USER)
        for there in ways:
            assert dialect.is_alive(there, token)
        assert dialect.worked(dialect.logout(here, dialect.carry(token)))
        for there in ways:
            assert not dialect.is_alive(there, token)


@pytest.mark.parametrize("dialect", MANAGERS, ids=str)
def test_sec_08_terminated_through_one_is_out_through_all(dialect: Manages, house: House) -> None:
    one, two = house.nodes
    token, chief = dialect.token(one, USER), dialect.token(two, ADMIN)
    key = dialect.current_key(house.front, dialect.carry(token))
    assert dialect.worked(dialect.terminate(house.front, dialect.carry(chief), key))
    for there in (house.front, one, two):
        assert not dialect.is_alive(there, token)


def test_both_are_the_same_vcenter_and_sign_with_the_same_key(house: House) -> None:
    one, two = house.nodes
    path = vim("ServiceInstance/ServiceInstance/content")
    told = [node.request("GET", path).json()["about"]["instanceUuid"] for node in house.nodes]
    assert told[0] == told[1]
    access = tokens(one)["access_token"]
    assert asks(one, access) == 200
    assert asks(two, access) == 200


def test_the_address_of_a_client_is_what_nginx_saw(house: House) -> None:
    with house.front.connected("127.0.0.4") as client:
        for _ in range(2):  # at either node
            body = {"userName": USER[0], "password": USER[1]}
            reply = client.request("POST", vim("Login"), {"X-Forwarded-For": "203.0.113.9"}, body)
            assert reply.json()["ipAddress"] == "127.0.0.4"


def test_a_command_at_one_node_holds_at_both(house: House) -> None:
    one, two = house.nodes
    zerto = DIALECTS[0]
    held = [zerto.token(node, OTHER) for node in house.nodes]
    file = str(one.data_dir.with_name(f"{one.data_dir.name}.toml"))
    assert one.run("users", "disable", OTHER[0], "--config", file).code == 0
    try:
        # A command that a busy node answered too late leaves it to the nodes to see the file.
        for node, token in product(house.nodes, held):
            wait_until(partial(_ended, node, token))
        for node in house.nodes:
            assert not zerto.worked(zerto.login(node, *OTHER))
    finally:
        assert two.run("users", "enable", OTHER[0], "--config", file).code == 0
    again = zerto.token(one, OTHER)
    assert zerto.is_alive(two, again)


def _ended(node: Server, token: str) -> bool:
    return not DIALECTS[0].is_alive(node, token)


def test_a_node_is_killed_and_the_other_serves(house: House) -> None:
    """The last test of the house: each node goes and comes back, and clients see nothing of it."""
    tokens_of = {dialect: dialect.token(house.front, USER) for dialect in DIALECTS}
    for gone, left in (house.nodes, house.nodes[::-1]):
        port = gone.port
        gone.kill9()
        for dialect, token in tokens_of.items():
            for _ in range(3):
                assert dialect.is_alive(house.front, token)
            new = dialect.token(house.front, USER)
            assert dialect.is_alive(left, new)
            assert dialect.worked(dialect.logout(house.front, dialect.carry(new)))
        ended = DIALECTS[0].token(house.front, USER)
        assert DIALECTS[0].worked(DIALECTS[0].logout(left, DIALECTS[0].carry(ended)))
        gone.settings = gone.settings.replace('"127.0.0.1:0"', f'"127.0.0.1:{port}"', 1)
        gone.start()
        assert not DIALECTS[0].is_alive(gone, ended)
        count = answered(operations_of(gone)[0])
        # nginx tries it again when its five seconds are over.
        wait_until(partial(_serves, house.front, gone, count))
    for dialect, token in tokens_of.items():
        assert dialect.is_alive(house.front, token)


def _serves(front: Nginx, node: Server, count: float) -> bool:
    assert front.request("GET", "/nothing-is-here").status == 404
    return answered(operations_of(node)[0]) > count
