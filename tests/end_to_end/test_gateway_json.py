"""VI/JSON clients at a gateway before a strict vCenter, as in `test_gateway`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import Govc
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, OPERATOR, Server, add_people, with_people
from tests.end_to_end.test_gateway import (
    SERVICE,
    UPSTREAM,
    VERA,
    callers_gate,
    end_all,
    sessions,
    shared_gate,
)
from tests.end_to_end.vim_json import FOLDERS, HEADER, ROOT, JsonClient, ref
from tests.end_to_end.vim_soap import SoapClient
from tests.until import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """An upstream, and a gateway with one session there; tests of it leave nothing."""
    folder = tmp_path_factory.mktemp("json")
    add_people(folder / "upstream" / "users.toml", {SERVICE: "administrator"})
    with (
        Server(folder / "upstream", settings=UPSTREAM) as upstream,
        with_people(folder / "gate", settings=shared_gate(upstream)) as gate,
    ):
        yield upstream, gate


@pytest.fixture
def pair(house: tuple[Server, Server]) -> Iterator[tuple[JsonClient, JsonClient]]:
    """Two clients of one session."""
    ada, olga = JsonClient.login(house[1], ADMIN), JsonClient.login(house[1], OPERATOR)
    yield ada, olga
    for client in (ada, olga):
        client.call("Logout", "SessionManager", "SessionManager")


def view_spec(view: str) -> Any:
    step = {"_typeName": "TraversalSpec", "type": "ContainerView", "path": "view"}
    seen = {"obj": ref("ContainerView", view), "selectSet": [step]}
    own = {"type": "ContainerView", "pathSet": ["container"]}
    return {"propSet": [FOLDERS, own], "objectSet": [seen]}


def test_a_view_is_read_by_whoever_opened_it(pair: tuple[JsonClient, JsonClient]) -> None:
    ada, olga = pair
    assert ada.fetch("Folder", "group-d1", "name").value == "Datacenters"
    view = ada.view()
    assert view.startswith(f"session[{ada.key}]")
    assert olga.view() != view
    read = ada.retrieve(view_spec(view))
    assert read.names("ContainerView") == [view]
    assert read.names("Folder") == ["group-d1"]
    assert ada.fetch("ContainerView", view, "type").status == 200
    assert ada.fetch("ViewManager", "ViewManager", "viewList").names("ContainerView") == [view]
    everything = {"propSet": [{"type": "ViewManager", "all": True}]}
    everything["objectSet"] = [{"obj": ref("ViewManager", "ViewManager")}]
    assert ada.retrieve(everything).names("ContainerView") == [view]
    assert ada.call("DestroyView", "ContainerView", view).status == 204
    assert ada.fetch("ContainerView", view, "view").fault == "ManagedObjectNotFound"


def test_sec_91_what_another_client_has_cannot_be_named_in_json(
    house: tuple[Server, Server], pair: tuple[JsonClient, JsonClient]
) -> None:
    ada, olga = pair
    view = ada.view()
    olga.view()
    assert len(sessions(house[0])) == 1
    for foreign in (view, view.replace(ada.key, olga.key)):
        said = [
            olga.fetch("ContainerView", foreign, "view"),
            olga.call("DestroyView", "ContainerView", foreign),
            olga.retrieve(view_spec(foreign)),
            olga.call(
                "CreateFilter",
                "PropertyCollector",
                "propertyCollector",
                spec=view_spec(foreign),
                partialUpdates=False,
            ),
            olga.call("ModifyListView", "ListView", "x", add=[{"value": foreign, "type": "View"}]),
        ]
        assert {one.fault for one in said} == {"ManagedObjectNotFound"}
        assert {one.status for one in said} == {500}
    assert ada.fetch("ContainerView", view, "view").status == 200


def test_sec_60_each_waits_at_a_collector_of_its_own_in_json(
    pair: tuple[JsonClient, JsonClient],
) -> None:
    ada, olga = pair
    filters = {ada.filter(): ada, olga.filter(): olga}
    assert len(filters) == 2
    for own, client in filters.items():
        assert own.startswith(f"session[{client.key}]")
        said = client.updates()
        assert said.names("PropertyFilter") == [own]
        assert client.updates(said.value["version"]).value is None
    (first, second) = filters
    assert olga.call("DestroyPropertyFilter", "PropertyFilter", first).fault
    assert ada.call("DestroyPropertyFilter", "PropertyFilter", first).status == 204
    assert olga.updates().names("PropertyFilter") == [second]


def test_one_client_has_one_book_in_both_forms(pair: tuple[JsonClient, JsonClient]) -> None:
    ada, olga = pair
    view = ada.view()
    in_soap = SoapClient(ada.server, f'vmware_soap_session="{ada.token}"', ada.key)
    assert in_soap.fetch("ContainerView", view, "type").fault == ""
    other = in_soap.filter()
    assert ada.updates().names("PropertyFilter") == [other]
    assert not in_soap.call("DestroyView", "ContainerView", view).fault
    assert ada.fetch("ContainerView", view, "view").fault == "ManagedObjectNotFound"
    assert olga.fetch("PropertyFilter", other, "spec").fault == "ManagedObjectNotFound"


def test_sessions_are_ours_in_json(
    house: tuple[Server, Server], pair: tuple[JsonClient, JsonClient]
) -> None:
    ada, _ = pair
    ada.view()
    manager = ("SessionManager", "SessionManager")
    assert ada.fetch(*manager, "currentSession").value["key"] == ada.key
    listed = ada.fetch(*manager, "sessionList").texts("key")
    assert set(listed) == {one["key"] for one in sessions(house[1])}
    current = {
        "propSet": [{"type": "SessionManager", "pathSet": ["currentSession"]}],
        "objectSet": [{"obj": ref(*manager)}],
    }
    assert ada.retrieve(current).texts("key") == [ada.key]
    mixed = {**current, "objectSet": [{"obj": ref(*manager)}, {"obj": ROOT}]}
    assert ada.retrieve(mixed).fault == "NotSupported"
    assert JsonClient(ada.server).fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    (lease,) = sessions(house[0])
    ticket = ada.call("AcquireCloneTicket", *manager).value
    clone = JsonClient(ada.server)
    assert clone.call("CloneSession", *manager, cloneTicket=ticket).status == 200
    assert clone.fetch("Folder", "group-d1", "name").value == "Datacenters"
    clone.logout()
    assert [one["key"] for one in sessions(house[0])] == [lease["key"]]


def test_what_anybody_may_know_is_the_upstream_s(house: tuple[Server, Server]) -> None:
    upstream, gate = house
    content = ("ServiceInstance/ServiceInstance/content", None)
    method = ("ServiceInstance/ServiceInstance/RetrieveServiceContent", "{}")
    for path, body in (content, method):
        verb = "POST" if body else "GET"
        said, theirs = (JsonClient(one).send(verb, path, body) for one in (gate, upstream))
        assert (said.status, said.value) == (200, theirs.value)
        assert said.value["about"]["instanceUuid"] == theirs.value["about"]["instanceUuid"]


HOSTILE = {
    "Folder/group-d1/Logout": "{}",
    "VslmSessionManager/SessionManager2/VslmLogout": "{}",
    "Folder/group-d1/ExecuteSoap": "{}",
    "SessionManager/SessionManager/AcquireGenericServiceTicket": "{}",
    "ServiceInstance/ServiceInstance/%43urrentTime": "{}",
    "Folder/group%2Dd1/CreateFolder": '{"name":"a"}',
    "Folder/group-d1%2F..%2F..%2FX/CreateFolder": '{"name":"a"}',
    "Folder/group-d1/../../../x": "{}",
    "Folder/group-d1/CreateFolder?~method=Logout": '{"name":"a"}',
    "Folder/group-d1/CreateFolder": '{"name":"a","name":"b"}',
    "Folder/group-d1/MoveIntoFolder_Task": '{"_typeName":"LogoutRequestType"}',
    "Folder/group-d1/Rename_Task": "\ufeff{}",
    "Folder/group-d1/Destroy_Task": '{"a":' + "[" * 90 + "]" * 90 + "}",
    "Folder/group-d1/UnregisterAndDestroy_Task": "hello",
}


def test_sec_38_what_could_be_two_calls_never_reaches_the_upstream_in_json(
    house: tuple[Server, Server], pair: tuple[JsonClient, JsonClient]
) -> None:
    ada, _ = pair
    ada.view()
    (lease,) = sessions(house[0])
    for path, body in HOSTILE.items():
        said = ada.send("POST", path, body.encode())
        assert (said.status, bool(said.fault)) == (500, True), path
    assert ada.send("GET", "Folder/group-d1/Destroy_Task").fault == "InvalidProperty"
    assert ada.send("PUT", "Folder/group-d1/name", b"{}").status == 405
    assert [one["key"] for one in sessions(house[0])] == [lease["key"]]
    assert ada.fetch("Folder", "group-d1", "name").value == "Datacenters"


def test_sec_43_no_token_and_no_key_crosses_in_json(
    tmp_path: Path, make_server: MakeServer
) -> None:
    folder = tmp_path / "upstream"
    add_people(folder / "users.toml", {VERA: "user"})
    with Server(folder, settings=UPSTREAM) as upstream:
        gate = make_server(settings=callers_gate(upstream))
        vera = JsonClient.login(gate, VERA)
        seen = [vera.fetch("Folder", "group-d1", "name")]
        view = vera.view()
        seen += [
            vera.fetch("ViewManager", "ViewManager", "viewList"),
            vera.retrieve(view_spec(view)),
            vera.fetch("SessionManager", "SessionManager", "sessionList"),
            vera.call("X", "Folder", "group-d1", sessionId=vera.key, view=ref("View", view)),
        ]
        vera.filter()
        seen.append(vera.updates())
        theirs = {one["key"] for one in sessions(upstream)}
        assert theirs
        assert vera.key not in theirs
        for said in seen:
            text = said.reply.body.decode() + repr(said.reply.headers)
            assert not any(key in text for key in theirs)
            assert not said.reply.all("set-cookie")
            assert said.reply.header(HEADER) is None
        # Nor does the other side know anything of ours.
        assert vera.token not in upstream.log.text + upstream.out.text
        assert vera.key not in upstream.log.text + upstream.out.text
        vera.logout()
        wait_until(lambda: not sessions(upstream))
        assert VERA[1] not in gate.log.text + upstream.log.text


@pytest.fixture
def fresh(tmp_path: Path, make_server: MakeServer) -> Iterator[tuple[Server, Server]]:
    """An upstream and a gateway of one test."""
    folder = tmp_path / "upstream"
    add_people(folder / "users.toml", {SERVICE: "administrator"})
    with Server(folder, settings=UPSTREAM) as upstream:
        yield upstream, make_server(settings=shared_gate(upstream))


def test_sec_62_a_lost_session_is_replaced_for_those_who_had_nothing_in_it_in_json(
    fresh: tuple[Server, Server],
) -> None:
    upstream, gate = fresh
    ada, olga = JsonClient.login(gate, ADMIN), JsonClient.login(gate, OPERATOR)
    assert olga.fetch("Folder", "group-d1", "name").value == "Datacenters"
    ada.view()
    end_all(upstream)
    # Nobody notices who has nothing there, not even by a call that opens something.
    assert olga.view()
    assert ada.fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
    assert JsonClient.login(gate, ADMIN).view()


def test_sec_61_a_client_that_leaves_takes_its_wait_and_its_objects_with_it_in_json(
    fresh: tuple[Server, Server],
) -> None:
    upstream, gate = fresh
    ada, olga = JsonClient.login(gate, ADMIN), JsonClient.login(gate, OPERATOR)
    ada.filter()
    version = ada.updates().value["version"]
    ada.view()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ada.updates, version, 600)
        wait_until(lambda: "WaitForUpdatesEx" in upstream.log.text or not waiting.done())
        JsonClient(gate, ada.token).logout()
        assert waiting.result().fault == "NotAuthenticated"
    own = olga.view()
    assert olga.fetch("ViewManager", "ViewManager", "viewList").names("ContainerView") == [own]


def test_sec_66_an_upstream_that_is_away_is_a_503_and_comes_back(
    fresh: tuple[Server, Server],
) -> None:
    upstream, gate = fresh
    ada = JsonClient.login(gate, ADMIN)
    assert ada.fetch("Folder", "group-d1", "name").value == "Datacenters"
    port = upstream.port
    upstream.stop()
    away = ada.call("CreateFolder", "Folder", "group-d1", name="a")
    assert (away.status, away.fault) == (503, "SystemError")
    assert away.reply.header("retry-after")
    upstream.flags = ("--listen", f"127.0.0.1:{port}")
    upstream.start()
    wait_until(lambda: not ada.fetch("Folder", "group-d1", "name").fault)


def test_hello_promises_no_more_than_the_upstream_has(house: tuple[Server, Server]) -> None:
    path = "/api/vcenter/system?action=hello"
    for offered, settled in ((["9.99.0.0", "8.0.2.0"], "8.0.2.0"), (["9.99.0.0"], "")):
        reply = house[1].request("POST", path, body={"api_releases": offered})
        assert (reply.status, reply.json()) == (200, {"api_release": settled})


COMMANDS = (
    *("about", "ls /", "find / -type f", "tree -L 2", "object.collect -s / name"),
    *("role.ls", "permissions.ls", "license.ls", "option.ls", "tasks", "alarms"),
    *("object.collect -s -type f / name", "vm.power -on nobody", "folder.create /a"),
)


@pytest.mark.peer
@pytest.mark.interop("govc-json")
def test_govc_says_the_same_in_json_through_a_gateway(
    fresh: tuple[Server, Server], tmp_path: Path
) -> None:
    upstream, gate = fresh

    def told(server: Server, person: tuple[str, str]) -> dict[str, tuple[int, str]]:
        home = tmp_path / str(server.port)
        home.mkdir()
        govc = Govc(server, home, person, json=True)
        said = {one: govc(*one.split()) for one in COMMANDS}
        return {one: (done.returncode, done.stdout) for one, done in said.items()}

    through = told(gate, ADMIN)
    assert len(sessions(upstream)) == 1  # of as many as there were commands
    directly = told(upstream, SERVICE)
    assert through == directly
    assert {code for code, _ in directly.values()} == {0, 1}
