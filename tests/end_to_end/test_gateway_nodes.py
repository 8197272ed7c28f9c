"""Two nodes and several workers on one Redis, before one strict vCenter: clients call wherever."""

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from sessiongate.gateway.leases.stored_leases import SILENT
from tests.end_to_end.serving import ADMIN, OPERATOR, PEOPLE, Server, add_people
from tests.end_to_end.test_gateway import (
    SERVICE,
    UPSTREAM,
    VERA,
    callers_gate,
    end_all,
    sessions,
    shared_gate,
    told,
)
from tests.end_to_end.test_gateway_clients import sessions_at
from tests.end_to_end.test_operations import ask
from tests.end_to_end.vim_soap import SoapClient
from tests.peers import redis as peer
from tests.peers.redis import Redis
from tests.peers.simulator import simulator
from tests.telemetry.families import read
from tests.until import BETWEEN_LOOKS, wait_until

# Each of these starts three servers of its own.
pytestmark = [pytest.mark.slow, pytest.mark.peer]

PEOPLE_THERE = {SERVICE: "administrator", VERA: "user"}


@dataclass
class House:
    """A vCenter, and what makes nodes before it that share a store and the gateway's key."""

    folder: Path
    upstream: Server
    redis: Redis
    made: list[Server]

    def __post_init__(self) -> None:
        self.key = self.folder / "gateway.key"
        self.key.touch(0o600)
        self.key.write_text(secrets.token_hex(32))
        add_people(self.folder / "users.toml", PEOPLE)

    def node(self, table: str, more: str = "", workers: int = 1, store: str = "") -> Server:
        """One more, started. `table` is its upstream."""
        settings = f"""
        [server]
        listen = ["127.0.0.1:0"]
        workers = {workers}
        [store]
        url = "{self.redis.url}"
        prefix = "{self.folder.name}"
        {store}
        [gateway]
        key_file = "{self.key}"
        {table}
        {more}
        """
        if "[identity.local]" not in table:
            settings += "[identity.local]\ntype = 'file'\n"
        settings = settings.replace(
            "[identity.local]\n", f"[identity.local]\npath = '{self.folder}/users.toml'\n"
        )
        node = Server(self.folder / f"node{len(self.made)}", settings=settings)
        if self.made:
            node.data_dir.mkdir(mode=0o700)
            first = self.made[0].data_dir
            for file in ("openid.key", "instance"):
                shutil.copy(first / file, node.data_dir / file)
        self.made.append(node)
        return node.start()

    def there(self) -> int:
        """How many sessions are open at the vCenter."""
        return len(sessions(self.upstream))


@pytest.fixture
def house(tmp_path: Path, redis: Redis) -> Iterator[House]:
    with housed(tmp_path, redis) as house:
        yield house


@contextmanager
def housed(
    folder: Path,
    redis: Redis,
    settings: str = UPSTREAM,
    people: Mapping[tuple[str, str], str] = PEOPLE_THERE,
) -> Iterator[House]:
    """`settings` and `people` are the upstream's."""
    add_people(folder / "upstream" / "users.toml", people)
    with Server(folder / "upstream", settings=settings) as upstream:
        house = House(folder, upstream, redis, [])
        try:
            yield house
        finally:
            for node in house.made:
                node.kill9()


def at(node: Server, client: SoapClient) -> SoapClient:
    """The same session, whose calls go to another node."""
    return SoapClient(node, client.cookie, client.key)


def test_what_is_made_through_one_node_is_used_and_ended_through_another(house: House) -> None:
    table = shared_gate(house.upstream)
    one, two = house.node(table), house.node(table)
    ada = SoapClient.login(one, ADMIN)
    there = at(two, ada)
    view = ada.view()
    assert there.fetch("ContainerView", view, "type").fault == ""
    views = there.fetch("ViewManager", "ViewManager", "viewList")
    assert views.texts("ManagedObjectReference") == [view]
    own = there.filter()
    said = ada.updates()
    assert said.texts("filter") == [own]
    version = said.texts("version")[0]
    assert there.updates(version).texts("filter") == []
    assert house.there() == 1
    assert not there.call("DestroyView", "ContainerView", view).fault
    assert ada.fetch("ContainerView", view, "view").fault == "ManagedObjectNotFound"


def test_sec_60_what_is_one_clients_is_nobody_elses_at_any_node(house: House) -> None:
    table = shared_gate(house.upstream)
    one, two = house.node(table), house.node(table)
    ada, olga = SoapClient.login(one, ADMIN), SoapClient.login(two, OPERATOR)
    view = ada.view()
    for node in (one, two):
        stranger = at(node, olga)
        for foreign in (view, view.replace(ada.key, olga.key)):
            said = stranger.fetch("ContainerView", foreign, "view")
            assert said.fault == "ManagedObjectNotFound"
            said = stranger.call("DestroyView", "ContainerView", foreign)
            assert said.fault == "ManagedObjectNotFound"
        views = stranger.fetch("ViewManager", "ViewManager", "viewList")
        assert views.texts("ManagedObjectReference") == []
    assert at(two, ada).fetch("ContainerView", view, "type").fault == ""


def test_sec_57_all_nodes_together_have_no_more_sessions_than_one_may(house: House) -> None:
    # On a busy machine the last of twelve waits long for its turn, which is no fault.
    pool = '[upstream.vc1.pool]\ncalls = 1\nqueue_time = "5m"'
    table = shared_gate(house.upstream, pool, size=2)
    nodes = [house.node(table) for _ in range(2)]
    clients = [SoapClient.login(nodes[number % 2], ADMIN) for number in range(12)]
    most = 0

    def live(number: int) -> list[str]:
        client, faults = clients[number], []
        for node in (*nodes, *nodes):
            here = at(node, client)
            view = here.view()
            elsewhere = at(nodes[node is nodes[0]], client)
            faults.append(elsewhere.fetch("ContainerView", view, "type").fault)
            faults.append(elsewhere.fetch("Folder", "group-d1", "name").fault)
            faults.append(elsewhere.call("DestroyView", "ContainerView", view).fault)
        return faults

    with ThreadPoolExecutor(12) as threads:
        running = [threads.submit(live, number) for number in range(12)]
        while wait(running, BETWEEN_LOOKS).not_done:
            most = max(most, house.there())
        assert [fault for one in running for fault in one.result() if fault] == []
    assert 0 < most <= 2


def test_sec_57_alone_in_a_session_is_alone_over_all_nodes(house: House) -> None:
    """Callers, in mode `session`: `size` is 2, and three clients take turns."""
    table = callers_gate(house.upstream)
    nodes = [house.node(table) for _ in range(2)]
    clients = [SoapClient.login(nodes[number % 2], VERA) for number in range(3)]

    def live(number: int) -> list[str]:
        faults = []
        for step in range(4):
            here, elsewhere = (at(nodes[(step + by) % 2], clients[number]) for by in (0, 1))
            faults.append(elsewhere.fetch("Folder", "group-d1", "name").fault)
            view = here.view()
            views = elsewhere.fetch("ViewManager", "ViewManager", "viewList")
            if views.texts("ManagedObjectReference") != [view]:
                faults.append(views.body)
            faults.append(elsewhere.call("DestroyView", "ContainerView", view).fault)
        return faults

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(live, number) for number in range(3)]
        most = 0
        while wait(running, BETWEEN_LOOKS).not_done:
            most = max(most, house.there())
        assert [fault for one in running for fault in one.result() if fault] == []
    assert 0 < most <= 2
    for client in clients:
        at(nodes[1], client).logout()
    wait_until(lambda: house.there() == 0)


def test_sec_61_a_session_that_ends_at_one_node_leaves_nothing_at_another(house: House) -> None:
    table = shared_gate(house.upstream)
    one, two = house.node(table), house.node(table)
    ada, olga = SoapClient.login(one, ADMIN), SoapClient.login(two, OPERATOR)
    ada.filter()
    ada.view()
    version = ada.updates().texts("version")[0]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ada.updates, version, 600)
        wait_until(lambda: told(one, "pools", "show", "vc1")["waits"] == 1)
        at(two, ada).logout()
        assert waiting.result().fault
    # One session there, and in it only what its other client makes: nothing was left behind.
    view = olga.view()
    views = olga.fetch("ViewManager", "ViewManager", "viewList")
    assert views.texts("ManagedObjectReference") == [view]
    wait_until(lambda: told(two, "pools", "show", "vc1")["objects"] <= 1)
    assert house.there() == 1


def test_sec_63_a_lost_session_is_lost_at_all_nodes(house: House) -> None:
    table = shared_gate(house.upstream)
    one, two = house.node(table), house.node(table)
    ada, olga = SoapClient.login(one, ADMIN), SoapClient.login(two, OPERATOR)
    ada.view()
    assert olga.fetch("Folder", "group-d1", "name").fault == ""
    end_all(house.upstream)
    # Whoever had nothing there notices nothing, by whichever node.
    assert olga.fetch("Folder", "group-d1", "name").fault == ""
    for node in (two, one):
        assert at(node, ada).fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    wait_until(lambda: house.there() == 1)


def test_sec_65_a_stop_of_one_node_ends_nothing_that_another_uses(house: House) -> None:
    table = shared_gate(house.upstream)
    one, two = house.node(table), house.node(table)
    ada, olga = SoapClient.login(one, ADMIN), SoapClient.login(two, OPERATOR)
    view, other = ada.view(), olga.view()
    assert house.there() == 1
    one.stop()
    assert house.there() == 1
    assert at(two, ada).fetch("ContainerView", view, "type").fault == ""
    assert olga.fetch("ContainerView", other, "type").fault == ""
    two.stop()
    assert house.there() == 0


def test_sec_65_what_a_killed_node_had_is_used_on_or_logged_out(house: House) -> None:
    table = shared_gate(house.upstream, size=2)
    one, two = house.node(table), house.node(table)
    ada, olga = SoapClient.login(one, ADMIN), SoapClient.login(two, OPERATOR)
    view = ada.view()
    assert olga.fetch("Folder", "group-d1", "name").fault == ""
    one.kill9()
    there = at(two, ada)
    assert there.fetch("ContainerView", view, "type").fault == ""
    # Perhaps something was left in there: nobody else begins, and it goes with its last client.
    keys = {row["key"] for row in sessions(house.upstream)}

    def is_retired() -> bool:
        pools = told(two, "pools", "show", "vc1")
        return any(row["state"] == "broken" for row in pools["leases"])

    wait_until(is_retired)
    assert there.fetch("ContainerView", view, "type").fault == ""
    there.logout()
    wait_until(lambda: not keys & {row["key"] for row in sessions(house.upstream)})
    assert olga.view()
    two.stop()
    assert house.there() == 0


def waits_of_workers(node: Server) -> int:
    """Long polls at the upstream, of both workers."""
    pages = [read(ask(node, "/metrics", worker=worker).body) for worker in range(2)]
    return int(sum(page["sessiongate_pool_waits"].samples[0].value for page in pages))


def answers(client: SoapClient, view: str) -> bool:
    """Whether the store is there again, for the worker that has this call."""
    return client.fetch("ContainerView", view, "type").fault != "SystemError"


def test_sec_65_redis_is_away_for_longer_than_a_worker_may_be_silent(tmp_path: Path) -> None:
    """Nothing is lost by it, nothing taken over that somebody has, and nothing left behind."""
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path / "redis") as own, housed(tmp_path, own) as house:
        admin = '[admin]\nlisten = "127.0.0.1:0"'
        table = shared_gate(house.upstream)
        node = house.node(table, admin, workers=2, store='timeout = "1s"')
        clients = [SoapClient.login(node, ADMIN) for _ in range(6)]
        views = [client.view() for client in clients]
        clients[0].filter()
        version = clients[0].updates().texts("version")[0]
        there = house.there()
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(clients[0].updates, version, 600)
            wait_until(lambda: waits_of_workers(node) == 1)
            own.kill()
            until = time.monotonic() + SILENT.total_seconds() + 2
            assert clients[1].fetch("Folder", "group-d1", "name").fault == "SystemError"
            wait_until(lambda: time.monotonic() > until)
            own.start()
            for client, view in zip(clients, views, strict=True):
                wait_until(partial(answers, client, view))
                assert not client.fetch("ContainerView", view, "type").fault
            assert not waiting.done()
            assert house.there() == there
            for client in clients:
                client.logout()
            assert waiting.result().fault == "NotAuthenticated"
        assert "upstream_lost" not in node.log.text
        node.stop()
        assert house.there() == 0


def test_sec_65_the_next_start_clears_up_after_all_nodes_were_killed(house: House) -> None:
    table = shared_gate(house.upstream, size=2)
    nodes = [house.node(table) for _ in range(2)]
    clients = [SoapClient.login(node, ADMIN) for node in nodes]
    clients[0].view()
    assert clients[1].fetch("Folder", "group-d1", "name").fault == ""
    before = {row["key"] for row in sessions(house.upstream)}
    for node in nodes:
        node.kill9()
    assert before == {row["key"] for row in sessions(house.upstream)}
    nodes[0].start()
    at(nodes[0], clients[0]).logout()
    wait_until(lambda: not before & {row["key"] for row in sessions(house.upstream)})


def test_several_workers_serve_one_clients_objects(house: House) -> None:
    node = house.node(shared_gate(house.upstream, size=2), workers=3)
    ada = SoapClient.login(node, ADMIN)
    view = ada.view()
    own = ada.filter()
    for _ in range(20):  # each on a connection of its own, which any worker accepts
        assert ada.fetch("ContainerView", view, "type").fault == ""
    assert ada.updates().texts("filter") == [own]
    assert house.there() <= 2
    ada.logout()
    node.stop()
    assert house.there() == 0


def test_sec_58_a_wrong_password_costs_one_failed_login_of_all_nodes(house: House) -> None:
    table = shared_gate(house.upstream).replace(SERVICE[1], "another password 1")
    nodes = [house.node(table), house.node(table, workers=2)]
    clients = [SoapClient.login(nodes[number % 2], ADMIN) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            said = list(pool.map(lambda one: one.fetch("Folder", "group-d1", "name"), clients))
            assert {one.status for one in said} == {503}
    assert house.upstream.log.text.count("login refused") == 1


def test_what_an_operator_says_at_one_node_holds_at_all(house: House) -> None:
    table = shared_gate(house.upstream, "[upstream.vc1.pool]\nqueue_time = '1s'")
    one, two = house.node(table), house.node(table)
    ada = SoapClient.login(two, ADMIN)
    # Until the login there is done, for which a busy machine takes longer than a call waits here.
    wait_until(lambda: ada.fetch("Folder", "group-d1", "name").fault == "")
    told(one, "pools", "pause", "vc1")
    wait_until(lambda: ada.fetch("Folder", "group-d1", "name").status == 503)
    assert told(two, "pools", "show", "vc1")["standing"] == "paused"
    told(one, "pools", "resume", "vc1")
    wait_until(lambda: ada.fetch("Folder", "group-d1", "name").fault == "")
    # And what is rotated is rotated for all.
    before = {row["key"] for row in sessions(house.upstream)}
    view = ada.view()
    assert told(one, "pools", "rotate", "vc1")["replaces"] == 1
    assert ada.fetch("ContainerView", view, "type").fault == ""
    assert ada.call("DestroyView", "ContainerView", view).fault == ""
    wait_until(lambda: not before & {row["key"] for row in sessions(house.upstream)})
    assert ada.fetch("Folder", "group-d1", "name").fault == ""
    told(two, "pools", "drain", "vc1")
    wait_until(lambda: house.there() == 0)


SIMULATED = ("svc-gateway", "service's pass 1")


def test_before_the_simulator_nodes_share_few_sessions_and_leave_none(house: House) -> None:
    with simulator(*SIMULATED, "inventory") as port:
        table = shared_gate(house.upstream, size=2)
        table = table.replace(house.upstream.url, f"https://127.0.0.1:{port}")
        table = table.replace(f'ca = "{house.upstream.ca}"', "verify = false")
        for there, here in zip(SERVICE, SIMULATED, strict=True):
            table = table.replace(there, here)
        nodes = [house.node(table) for _ in range(2)]
        clients = [SoapClient.login(nodes[number % 2], ADMIN) for number in range(6)]

        def live(number: int) -> list[str]:
            here, elsewhere = (at(nodes[(number + by) % 2], clients[number]) for by in (0, 1))
            view = here.view()
            said = elsewhere.fetch("ContainerView", view, "view")
            found = len(said.texts("ManagedObjectReference"))
            faults = [said.fault or ("" if found > 10 else said.body)]
            own = elsewhere.filter()
            faults.append("" if here.updates().texts("filter") == [own] else "another's")
            faults.append(here.call("DestroyPropertyFilter", "PropertyFilter", own).fault)
            faults.append(elsewhere.call("DestroyView", "ContainerView", view).fault)
            return faults

        homes = (house.folder / f"govc{number}" for number in count())
        with ThreadPoolExecutor(6) as pool:
            said = list(pool.map(live, range(6)))
        assert [fault for faults in said for fault in faults if fault] == []
        assert 0 < sessions_at(port, next(homes)) <= 2
        for node in nodes:
            node.stop()
        assert sessions_at(port, next(homes)) == 0
