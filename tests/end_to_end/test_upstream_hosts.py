"""Two vCenters of one SSO domain behind one gateway, by the names that clients call."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server, add_people
from tests.end_to_end.test_gateway import UPSTREAM, sessions
from tests.end_to_end.vim_soap import SoapClient, envelope
from tests.peers.simulator import simulator
from tests.until import wait_until

pytestmark = pytest.mark.slow

HOSTS = ("vc1.gate.example", "vc2.gate.example")
VERA = ("vera@vsphere.local", "vera's pass at one 1"), ("vera@vsphere.local", "vera's at two 2")


def gateway(urls: list[str], trust: list[str], more: str = "") -> str:
    tables = [
        f"""
        [upstream.vc{number}]
        type = "vcenter"
        url = "{url}"
        {trusted}
        hosts = ["{host}"]
        [identity.sso{number}]
        type = "vcenter"
        upstream = "vc{number}"
        domains = ["vsphere.local"]
        default_domain = "vsphere.local"
        """
        for number, (url, trusted, host) in enumerate(zip(urls, trust, HOSTS, strict=True), 1)
    ]
    return "\n".join([*tables, '[identity.local]\ntype = "file"\n', more])


@pytest.fixture
def vcenters(tmp_path: Path) -> Iterator[list[Server]]:
    """Two sessiongates that are vCenters, with a vera each."""
    made = []
    for number, person in enumerate(VERA):
        folder = tmp_path / f"vc{number}"
        add_people(folder / "users.toml", {person: "administrator"})
        made.append(Server(folder, settings=UPSTREAM).start())
    yield made
    for one in made:
        one.kill9()


def front(make_server: MakeServer, vcenters: list[Server], more: str = "") -> Server:
    trust = [f'ca = "{one.ca}"' for one in vcenters]
    return make_server(settings=gateway([one.url for one in vcenters], trust, more))


def folder(client: SoapClient) -> str:
    said = client.fetch("Folder", "group-d1", "name")
    return said.fault or said.text


def at(gate: Server, host: str, token: str, path: str = "/api/session", verb: str = "GET") -> int:
    return gate.request(verb, path, {"Host": host, "vmware-api-session-id": token}).status


def test_sec_91_two_vcenters_of_one_domain_have_nothing_of_each_other(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters)
    one, two = (SoapClient.login(gate, vera, host) for vera, host in zip(VERA, HOSTS, strict=True))
    assert [len(sessions(vcenter)) for vcenter in vcenters] == [1, 1]
    assert folder(one) == folder(two) == "Datacenters"
    assert one.view().startswith(f"session[{one.key}]")
    # Neither password, nor session, nor object is any good at the other.
    for client, host in ((one, HOSTS[1]), (two, HOSTS[0]), (one, ""), (two, "")):
        own, client.host = client.host, host
        assert client.fetch("Folder", "group-d1", "name").fault == "NotAuthenticated"
        assert client.fetch("SessionManager", "SessionManager", "sessionList").fault in (
            "NotAuthenticated",
            "NoPermission",
        )
        client.host = own
    for vera, host in zip(reversed(VERA), HOSTS, strict=True):
        inner = f"<userName>{vera[0]}</userName><password>{vera[1]}</password>"
        refused = SoapClient(gate, host=host)
        login = refused.call("Login", "SessionManager", "SessionManager", inner)
        assert login.fault == "InvalidLogin"
    # Each was asked about its own, and counted one wrong password.
    assert [one.log.text.count("login refused") for one in vcenters] == [1, 1]
    assert folder(one) == folder(two) == "Datacenters"
    one.logout()
    wait_until(lambda: not sessions(vcenters[0]))
    assert len(sessions(vcenters[1])) == 1
    assert folder(two) == "Datacenters"


def test_sec_91_a_rest_session_is_401_at_the_other_host(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters)
    tokens = {}
    for vera, host in zip(VERA, HOSTS, strict=True):
        made = gate.request("POST", "/api/session", {"Host": host, "Authorization": basic(*vera)})
        assert made.status == 201
        tokens[host] = made.json()
    for host, token in tokens.items():
        for asked in (*HOSTS, "127.0.0.1"):
            assert at(gate, asked, token) == (200 if asked == host else 401)
            if asked != host:
                assert at(gate, asked, token, verb="DELETE") == 401
    for host, token in tokens.items():
        assert at(gate, host, token) == 200
        # What is forwarded, too: by REST, and by VI/JSON, where the fault says so.
        name = "/sdk/vim25/8.0.3.0/Folder/group-d1/name"
        for asked in HOSTS:
            headers = {"Host": asked, "vmware-api-session-id": token}
            said = gate.request("GET", name, headers).json()
            if asked == host:
                assert said == "Datacenters"
            else:
                assert said["_typeName"] == "NotAuthenticated"
            listed = gate.request("GET", "/api/vcenter/vm", headers).status
            assert (listed == 401) == (asked != host)


def test_what_was_opened_at_our_own_host_is_for_no_upstream(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters)
    ada = SoapClient.login(gate, ADMIN)
    for host in HOSTS:
        ada.host = host
        assert folder(ada) == "NotAuthenticated"
        # Logging in there is another session.
        local = SoapClient.login(gate, ADMIN, host)
        assert local.key != ada.key
        assert folder(local) == "NoPermission"
    ada.host = ""
    assert folder(ada) == "Datacenters"  # of the empty vCenter that stands at our own Host
    assert [sessions(vcenter) for vcenter in vcenters] == [[], []]


def test_a_login_at_our_own_host_leaves_no_session_at_the_vcenter_that_vouched(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    names = '[dialects.zerto]\nwindows = "sso1"'
    gate = front(make_server, vcenters, names)
    headers = {"Authorization": basic(*VERA[0]), "Content-Type": "application/json"}
    opened = gate.request("POST", "/v1/session/add", headers, b'{"AuthenticationMethod": 0}')
    assert opened.status == 200
    (row,) = sessions(gate)
    assert (row["provider"], row["upstream"]) == ("sso1", "")
    wait_until(lambda: not sessions(vcenters[0]))
    vera = SoapClient.login(gate, VERA[0], HOSTS[0])
    assert folder(vera) == "Datacenters"
    assert {one["upstream"] for one in sessions(gate)} == {"", "vc1"}
    # Nobody can say whose a domain is that two of them have.
    inner = f"<userName>{VERA[0][0]}</userName><password>x</password>"
    refused = SoapClient(gate).call("Login", "SessionManager", "SessionManager", inner)
    assert refused.fault == "InvalidLogin"
    assert not any("login refused" in one.log.text for one in vcenters)


def test_the_ways_in_that_a_gateway_does_not_have(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters, '[identity.sso1.roles]\n"vera" = "administrator"\n')
    vera = SoapClient.login(gate, VERA[0], HOSTS[0])
    name = f"<userName>{VERA[0][0]}</userName>"
    said = vera.call("ImpersonateUser", "SessionManager", "SessionManager", name)
    assert said.fault == "NoPermission"
    stranger = SoapClient(gate, host=HOSTS[0])
    key = "<extensionKey>com.example.backup</extensionKey>"
    for method, inner in (
        ("LoginByToken", ""),
        ("LoginBySSPI", "<base64Token>YQ==</base64Token>"),
        ("LoginExtensionByCertificate", key),
        ("LoginExtensionBySubjectName", key),
        ("LoginExtension", f"{key}<base64SignedCredentials>YQ==</base64SignedCredentials>"),
    ):
        refused = stranger.call(method, "SessionManager", "SessionManager", inner)
        assert refused.fault == "NotSupported", method


def test_a_clone_is_at_the_upstream_of_its_ticket(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters)
    vera = SoapClient.login(gate, VERA[0], HOSTS[0])

    def cloned(host: str) -> tuple[str, SoapClient]:
        ticket = vera.call("AcquireCloneTicket", "SessionManager", "SessionManager").text
        client = SoapClient(gate, host=host)
        inner = f"<cloneTicket>{ticket}</cloneTicket>"
        return client.call("CloneSession", "SessionManager", "SessionManager", inner).fault, client

    assert cloned(HOSTS[1])[0] == "InvalidLogin"
    fault, clone = cloned(HOSTS[0])
    assert not fault
    assert folder(clone) == "Datacenters"
    assert clone.view()
    assert vera.view()
    assert len(sessions(vcenters[0])) == 2
    assert not sessions(vcenters[1])


def test_two_tables_may_stand_for_one_vcenter(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    twice = [vcenters[0], vcenters[0]]
    gate = front(make_server, twice)
    clients = [SoapClient.login(gate, VERA[0], host) for host in HOSTS]
    assert [folder(one) for one in clients] == ["Datacenters"] * 2
    assert len(sessions(vcenters[0])) == 2
    clients[0].host = HOSTS[1]
    assert folder(clients[0]) == "NotAuthenticated"


def test_sessions_are_for_their_upstream_after_a_restart(
    vcenters: list[Server], make_server: MakeServer
) -> None:
    gate = front(make_server, vcenters)
    vera = SoapClient.login(gate, VERA[0], HOSTS[0])
    assert folder(vera) == "Datacenters"
    gate.kill9()
    gate.start()
    wait_until(lambda: folder(vera) == "Datacenters")
    vera.host = HOSTS[1]
    assert folder(vera) == "NotAuthenticated"


@pytest.fixture
def simulators() -> Iterator[list[int]]:
    """The ports of two simulators, each with its own vera."""
    with ExitStack() as stack:
        yield [stack.enter_context(simulator(*person)) for person in VERA]


@pytest.mark.peer
def test_two_simulators_of_one_domain(simulators: list[int], make_server: MakeServer) -> None:
    urls = [f"https://127.0.0.1:{port}" for port in simulators]
    gate = make_server(settings=gateway(urls, ["verify = false"] * 2))
    content = envelope("RetrieveServiceContent", "ServiceInstance", "ServiceInstance")
    clients = [SoapClient.login(gate, vera, host) for vera, host in zip(VERA, HOSTS, strict=True)]
    for client, foreign in zip(clients, reversed(HOSTS), strict=True):
        (root,) = client.send(content).texts("rootFolder")
        assert client.fetch("Folder", root, "name").text == "Datacenters"
        own, client.host = client.host, foreign
        assert client.fetch("Folder", root, "name").fault == "NotAuthenticated"
        client.host = own
    clients[0].logout()
    assert clients[1].fetch("Folder", "group-d1", "name").text == "Datacenters"
