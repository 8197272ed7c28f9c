"""Clients at a gateway before a strict vCenter: another sessiongate, whose own objects they use.

It refuses a view, filter or page of another session, shows each session its own views only, and
its tokens are not its keys: what a pooler does wrong is seen there.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, OPERATOR, USER, Server, add_people
from tests.end_to_end.test_operations import ask
from tests.end_to_end.vim_soap import FOLDERS, SoapClient, envelope
from tests.telemetry.families import read
from tests.until import BETWEEN_LOOKS, wait_until

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

SERVICE = ("svc@vsphere.local", "the service's pass 1")
VERA = ("vera@vsphere.local", "vera's <pass> & 1")
BOSS = ("boss@vsphere.local", "boss's <pass> & 1")

UPSTREAM = """
[identity.local]
type = "file"
domains = ["vsphere.local"]
[sessions]
max_total = 20
[server]
listen = ["127.0.0.1:0"]
[admin]
listen = "127.0.0.1:0"
"""


def shared_gate(upstream: Server, more: str = "", size: int = 1) -> str:
    return f"""
    [upstream.vc1]
    type = "vcenter"
    url = "{upstream.url}"
    ca = "{upstream.ca}"
    account = "service"
    username = "{SERVICE[0]}"
    password = "{SERVICE[1]}"
    roles = ["administrator", "operator"]
    size = {size}
    {more}
    """


def callers_gate(upstream: Server, more: str = "") -> str:
    return f"""
    [upstream.vc1]
    type = "vcenter"
    url = "{upstream.url}"
    ca = "{upstream.ca}"
    size = 2
    {more}
    [identity.vc]
    type = "vcenter"
    upstream = "vc1"
    domains = ["vsphere.local"]
    [identity.local]
    type = "file"
    """


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Server]:
    """A sessiongate that is the vCenter."""
    folder = tmp_path / "upstream"
    add_people(
        folder / "users.toml", {SERVICE: "administrator", VERA: "user", BOSS: "administrator"}
    )
    with Server(folder, settings=UPSTREAM) as running:
        yield running


def sessions(server: Server) -> list[dict[str, Any]]:
    listed = server.run("sessions", "list", "--output", "json").json()
    assert isinstance(listed, list)
    return listed


def told(server: Server, *command: str) -> Any:
    done = server.run(*command, "--output", "json")
    assert done.code == 0, done
    return done.json()


def waits(gate: Server) -> int:
    """Long polls at the upstream."""
    return int(told(gate, "pools", "show", "vc1")["waits"])


def arrived(upstream: Server) -> int:
    """How many requests it has answered."""
    counted = read(ask(upstream, "/metrics").body)["sessiongate_requests_total"]
    return int(sum(sample.value for sample in counted.samples if sample.name.endswith("_total")))


def test_sec_92_a_caller_goes_by_a_session_whose_key_and_token_it_never_sees(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    vera = SoapClient.login(gate, VERA)
    assert [one["user"] for one in sessions(upstream)] == [VERA[0]]
    assert vera.fetch("Folder", "group-d1", "name").text == "Datacenters"
    view = vera.view()
    assert view.startswith(f"session[{vera.key}]")
    assert vera.fetch("ContainerView", view, "type").fault == ""
    assert vera.fetch("ViewManager", "ViewManager", "viewList").texts("ManagedObjectReference") == [
        view
    ]
    assert not vera.call("DestroyView", "ContainerView", view).fault
    current = vera.fetch("SessionManager", "SessionManager", "currentSession")
    assert current.texts("key") == [vera.key]
    upstream_keys = {one["key"] for one in sessions(upstream)}
    assert vera.key not in upstream_keys
    assert len(upstream_keys) == 1
    vera.logout()
    wait_until(lambda: not sessions(upstream))
    assert VERA[1] not in gate.log.text + upstream.log.text


def test_two_sessions_of_a_caller_have_a_lease_each_and_no_password_is_asked_for_again(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    first, second = (SoapClient.login(gate, VERA) for _ in range(2))
    views = {first.view(), second.view()}
    assert len(views) == 2
    assert len(sessions(upstream)) == 2
    # The third finds both taken, by clients that have something in them.
    third = SoapClient.login(gate, VERA)
    with ThreadPoolExecutor() as pool:
        late = pool.submit(third.fetch, "Folder", "group-d1", "name")
        first.logout()
        assert late.result().text == "Datacenters"
    assert len(sessions(upstream)) <= 2


def test_strangers_to_the_upstream_are_not_let_through(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    local = SoapClient.login(gate, USER)
    assert local.fetch("Folder", "group-d1", "name").fault == "NoPermission"
    assert SoapClient(gate).fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    assert not sessions(upstream)


def test_sec_91_clients_share_one_session_and_see_nothing_of_each_other(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    view = ada.view()
    assert olga.view() != view
    assert len(sessions(upstream)) == 1
    before = arrived(upstream)
    for foreign in (view, view.replace(ada.key, olga.key)):
        assert olga.fetch("ContainerView", foreign, "view").fault == "ManagedObjectNotFound"
        assert olga.call("DestroyView", "ContainerView", foreign).fault == "ManagedObjectNotFound"
        sets = f"{FOLDERS}<objectSet><obj type='ContainerView'>{foreign}</obj></objectSet>"
        for method, inner in (
            ("RetrievePropertiesEx", f"<specSet>{sets}</specSet><options/>"),
            ("CreateFilter", f"<spec>{sets}</spec><partialUpdates>0</partialUpdates>"),
        ):
            said = olga.call(method, "PropertyCollector", "propertyCollector", inner)
            assert said.fault == "ManagedObjectNotFound", said.body
    assert arrived(upstream) == before
    views = ada.fetch("ViewManager", "ViewManager", "viewList").texts("ManagedObjectReference")
    assert views == [view]
    assert arrived(upstream) == before + 1
    assert not ada.call("DestroyView", "ContainerView", view).fault
    assert ada.fetch("ContainerView", view, "view").fault == "ManagedObjectNotFound"


def test_sec_60_each_waits_at_the_collector_of_its_own(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    filters = {ada.filter(): ada, olga.filter(): olga}
    assert len(filters) == 2
    for own, client in filters.items():
        assert own.startswith(f"session[{client.key}]")
        said = client.updates()
        assert said.texts("filter") == [own]
        assert client.updates(said.texts("version")[0]).texts("filter") == []
    ada.logout()
    assert olga.updates().texts("filter")


def test_sec_61_a_client_that_leaves_takes_its_wait_and_its_objects_with_it(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    ada.filter()
    version = ada.updates().texts("version")[0]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ada.updates, version, 600)
        wait_until(lambda: waits(gate) == 1)
        ended = SoapClient(gate, ada.cookie)
        ended.logout()
        assert waiting.result().fault in ("NotAuthenticated", "RequestCanceled")
    key = olga.view()
    views = olga.fetch("ViewManager", "ViewManager", "viewList").texts("ManagedObjectReference")
    assert views == [key]


def test_sec_38_what_opens_or_ends_a_session_never_goes_through(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = SoapClient.login(gate, ADMIN)
    assert ada.fetch("Folder", "group-d1", "name").text == "Datacenters"
    (lease,) = sessions(upstream)
    before = arrived(upstream)

    now = envelope("CurrentTime", "ServiceInstance", "ServiceInstance")
    logout = (
        '<Logout xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this></Logout>'
    )
    for document in (
        envelope("Logout", "Folder", "group-d1"),
        envelope("VslmLogout", "VslmSessionManager", "SessionManager2"),
        envelope("ExecuteSoap", "Folder", "group-d1"),
        envelope("AcquireGenericServiceTicket", "SessionManager", "SessionManager"),
        # What one reader would take for another call than the next one does.
        now.replace("</s:Body>", f"{logout}</s:Body>"),
        now.replace("</s:Body>", f"</s:Body><s:Body>{logout}</s:Body>"),
        now.replace("<s:Body>", f"<s:Body>{logout}"),
        now.encode("utf-16"),
    ):
        assert ada.send(document).fault, document
    assert arrived(upstream) == before
    assert [one["key"] for one in sessions(upstream)] == [lease["key"]]
    assert ada.fetch("Folder", "group-d1", "name").text == "Datacenters"


def end_all(server: Server) -> None:
    done = server.run("sessions", "terminate", "--all", "--yes")
    assert done.code == 0, done.err


def test_sec_63_a_lost_session_is_replaced_for_those_who_had_nothing_in_it(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    assert olga.fetch("Folder", "group-d1", "name").text == "Datacenters"
    ada.view()
    end_all(upstream)
    # Nobody notices who has nothing there, not even by a call with an effect.
    assert olga.fetch("Folder", "group-d1", "name").text == "Datacenters"
    assert ada.fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    assert "upstream_lost" in gate.log.text
    again = SoapClient.login(gate, ADMIN)
    assert again.view()


def test_sec_63_with_the_last_session_of_a_caller_all_sessions_of_the_caller_end(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    first, second, local = (SoapClient.login(gate, one) for one in (VERA, VERA, ADMIN))
    assert first.fetch("Folder", "group-d1", "name").text == "Datacenters"
    end_all(upstream)
    assert second.fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    wait_until(lambda: [one["key"] for one in sessions(gate)] == [local.key])
    again = SoapClient.login(gate, VERA)
    assert again.fetch("Folder", "group-d1", "name").text == "Datacenters"


def test_sec_58_a_wrong_service_password_costs_one_failed_login(
    upstream: Server, make_server: MakeServer
) -> None:
    settings = shared_gate(upstream).replace(SERVICE[1], "another password 1")
    gate = make_server(settings=settings)
    clients = [SoapClient.login(gate, ADMIN) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda one: one.fetch("Folder", "group-d1", "name"), clients * 5))
    assert {one.status for one in said} == {503}
    assert {one.fault for one in said} == {"SystemError"}
    assert upstream.log.text.count("login refused") == 1


def test_sec_63_an_upstream_that_is_away_comes_back_without_a_restart(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = SoapClient.login(gate, ADMIN)
    assert ada.fetch("Folder", "group-d1", "name").text == "Datacenters"
    port = upstream.port
    upstream.stop()
    assert ada.fetch("Folder", "group-d1", "name").status in (500, 503)
    assert SoapClient.login(gate, OPERATOR).key  # sessions of ours go on
    upstream.flags = ("--listen", f"127.0.0.1:{port}")
    upstream.start()
    wait_until(lambda: not ada.fetch("Folder", "group-d1", "name").fault)


def test_sec_65_nothing_is_left_at_the_upstream_when_the_gateway_stops(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, size=3))
    clients = [SoapClient.login(gate, ADMIN) for _ in range(5)]
    for client in clients:
        client.view()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(client.updates, "", 600) for client in clients[:2]]
        wait_until(lambda: waits(gate) == 2)
        assert sessions(upstream) != []
        gate.stop()
        for one in waiting:
            assert one.exception() is not None or one.result().fault
    assert not sessions(upstream)


def test_read_only_and_readers_change_nothing(upstream: Server, make_server: MakeServer) -> None:
    settings = shared_gate(upstream).replace(
        'roles = ["administrator", "operator"]',
        'roles = ["administrator"]\n    read_roles = ["user"]',
    )
    gate = make_server(settings=settings)
    reader, nobody = SoapClient.login(gate, USER), SoapClient.login(gate, OPERATOR)
    assert reader.fetch("Folder", "group-d1", "name").text == "Datacenters"
    reader.filter()
    assert reader.updates().texts("filter")
    inner = "<name>a</name>"
    assert reader.call("CreateFolder", "Folder", "group-d1", inner).fault == "NoPermission"
    assert nobody.fetch("Folder", "group-d1", "name").fault == "NoPermission"


def test_sec_57_a_crowd_on_two_sessions(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream, size=2))
    most: list[int] = []
    done = threading.Event()

    def count() -> None:
        while not done.wait(BETWEEN_LOOKS):
            most.append(len(sessions(upstream)))

    def life(_: int) -> bool:
        client = SoapClient.login(gate, ADMIN)
        view, own = client.view(), client.filter()
        ok = client.updates().texts("filter") == [own]
        ok = ok and not client.fetch("ContainerView", view, "view").fault
        client.logout()
        return ok

    watching = threading.Thread(target=count)
    watching.start()
    try:
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(life, range(100)))
    finally:
        done.set()
        watching.join()
    assert max(most) <= 2
    assert sessions(gate) == []


@pytest.mark.parametrize("account", ["service", "caller"])
def test_sec_65_kill_9_leaves_nothing_at_the_upstream_that_nobody_needs(
    account: str, upstream: Server, make_server: MakeServer
) -> None:
    settings = shared_gate(upstream, size=3) if account == "service" else callers_gate(upstream)
    gate = make_server(settings=settings)
    person = ADMIN if account == "service" else VERA
    stays = SoapClient.login(gate, person)
    goes = SoapClient.login(gate, person if account == "service" else BOSS)
    for client in (stays, goes):
        assert client.view()
    goes_key = goes.key
    gate.kill9()
    assert sessions(upstream)
    gate.start()
    gate.run("sessions", "terminate", goes_key)
    # Sessions of ours outlive it, and go by what is there or by a new one.
    wait_until(lambda: stays.fetch("Folder", "group-d1", "name").fault == "")
    wait_until(lambda: len(sessions(upstream)) == 1)
    stays.logout()
    gate.stop()
    assert not sessions(upstream)


def test_sec_93_the_store_holds_no_token_of_an_upstream_in_clear(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    client = SoapClient.login(gate, ADMIN)
    assert client.view()
    (lease,) = sessions(upstream)
    for file in gate.data_dir.rglob("*"):
        if file.is_file():
            held = file.read_bytes()
            assert lease["key"].encode() not in held, file
            assert SERVICE[1].encode() not in held, file
    assert lease["key"] not in gate.log.text + gate.out.text
