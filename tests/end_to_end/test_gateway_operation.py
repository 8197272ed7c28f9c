"""Running a gateway: its pools by command, what it counts, and who is at the upstream."""

import http.client
import re
import signal
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, OPERATOR, Client, Server, environment, run_command
from tests.end_to_end.test_gateway import (
    SERVICE,
    VERA,
    callers_gate,
    sessions,
    shared_gate,
    told,
    upstream,
)
from tests.end_to_end.test_operations import OF_A_GATEWAY, ask
from tests.end_to_end.vim_soap import SoapClient, envelope
from tests.telemetry.families import read, value
from tests.until import PATIENCE, wait_until

__all__ = ["upstream"]

# Each of these starts two servers of its own.
pytestmark = pytest.mark.slow

WATCHED = '[admin]\nlisten = "127.0.0.1:0"\n[server]\nlisten = ["127.0.0.1:0"]'
SOAP = {"SOAPAction": "urn:vim25/8.0.2.0", "Content-Type": "text/xml; charset=utf-8"}
QUICKLY = '[upstream.vc1.pool]\nqueue_time = "1s"'


def names(client: SoapClient) -> str:
    return client.fetch("Folder", "group-d1", "name").fault


def test_what_a_pool_does_is_counted(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream, WATCHED))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    ada.view()
    for client in (ada, olga):
        assert not names(client)
    assert olga.fetch("ContainerView", "session[x]y", "view").fault == "ManagedObjectNotFound"
    families = read(ask(gate, "/metrics").body)
    assert families.keys() >= OF_A_GATEWAY

    def of(name: str, **labels: str) -> float:
        return value(families, f"sessiongate_{name}", upstream="vc1", **labels)

    assert of("forwarded_total", kind="opens", result="ok") == 1
    assert of("forwarded_total", kind="stateless", result="ok") == 2
    assert of("forwarded_total", kind="stateless", result="refused") == 1
    assert of("forward_seconds_count") >= 3
    assert of("upstream_logins_total", result="ok") == 1
    assert of("upstream_logins_saved_total") == 1
    clients = told(gate, "leaks")["clients"]
    assert {one["user"]: one["saved"] for one in clients} == {ADMIN[0]: 0, OPERATOR[0]: 1}
    assert of("pool_sessions", state="active") == of("pool_sessions_max") == 1
    assert of("pool_objects") == 1
    assert of("upstream_breaker_open") == 0
    (row,) = told(gate, "pools", "list")
    assert (row["name"], row["size"], row["standing"]) == ("vc1", 1, "open")
    assert (row["active"], row["idle"], row["clients"], row["objects"]) == (1, 0, 1, 1)


def test_who_has_a_session_may_send_far_more_than_strangers(
    upstream: Server, make_server: MakeServer
) -> None:
    """The upstream here takes no more than its own strangers may send: its fault comes back."""
    gate = make_server(settings=callers_gate(upstream, WATCHED))
    objects = "<objectSet><obj type='Folder'>group-d1</obj></objectSet>" * 6000
    many = envelope("RetrieveProperties", "PropertyCollector", "c", f"<specSet>{objects}</specSet>")
    assert len(many) > 256 * 1024
    SoapClient.login(gate, VERA).send(many)
    assert gate.request("POST", "/sdk", {"content-type": "text/xml"}, many).status == 413
    families = read(ask(gate, "/metrics").body)
    forwarded = {"upstream": "vc1", "kind": "stateless", "result": "fault"}
    assert value(families, "sessiongate_forwarded_total", **forwarded) == 1


def test_a_paused_pool_sends_nothing_and_says_come_back(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, QUICKLY))
    ada = SoapClient.login(gate, ADMIN)
    wait_until(lambda: not names(ada))  # until the login there is done
    assert told(gate, "pools", "pause", "vc1")["standing"] == "paused"
    refused = ada.fetch("Folder", "group-d1", "name")
    assert (refused.status, refused.fault) == (503, "SystemError")
    assert told(gate, "pools", "show", "vc1")["standing"] == "paused"
    assert told(gate, "pools", "resume", "vc1")["standing"] == "open"
    assert not names(ada)
    assert len(sessions(upstream)) == 1
    for what in ("pool paused", "pool resumed"):
        assert what in gate.run("audit", "tail", "--output", "json").out


def test_a_drained_pool_logs_out_what_is_free_and_force_ends_the_rest(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream, QUICKLY))
    ada, olga = SoapClient.login(gate, ADMIN), SoapClient.login(gate, OPERATOR)
    wait_until(lambda: not names(ada))
    view = ada.view()
    assert told(gate, "pools", "drain", "vc1")["clients"] == 1
    # Whoever has something there goes on; nobody else does.
    assert not ada.fetch("ContainerView", view, "view").fault
    assert olga.fetch("Folder", "group-d1", "name").status == 503
    with ThreadPoolExecutor() as pool:
        ada.filter()
        version = ada.updates().texts("version")[0]
        waiting = pool.submit(ada.updates, version, 600)
        wait_until(lambda: told(gate, "pools", "show", "vc1")["waits"] == 1)
        assert told(gate, "pools", "drain", "vc1", "--force")["ended"] == 1
        assert waiting.result().fault in ("NotAuthenticated", "RequestCanceled")
    wait_until(lambda: not sessions(upstream))
    assert olga.fetch("Folder", "group-d1", "name").status == 503
    assert not told(gate, "pools", "show", "vc1")["leases"]
    told(gate, "pools", "resume", "vc1")
    wait_until(lambda: not names(olga))


def test_a_rotation_replaces_the_session_there(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream, size=2))
    ada = SoapClient.login(gate, ADMIN)
    view = ada.view()
    before = {one["key"] for one in sessions(upstream)}
    assert told(gate, "pools", "rotate", "vc1")["replaces"] == 1
    wait_until(lambda: bool({one["key"] for one in sessions(upstream)} - before))
    olga = SoapClient.login(gate, OPERATOR)
    assert olga.view()
    # The old one stays until the client has nothing in it.
    assert not ada.fetch("ContainerView", view, "view").fault
    assert not ada.call("DestroyView", "ContainerView", view).fault
    wait_until(lambda: not before & {one["key"] for one in sessions(upstream)})


def test_the_upstream_s_own_sessions_are_listed_and_ours_are_marked(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=callers_gate(upstream))
    none = gate.run("upstream", "sessions", "vc1")
    assert (none.code, "no session of ours" in none.err) == (1, True)
    assert "no upstream 'vc2'; there are: vc1" in gate.run("upstream", "sessions", "vc2").err
    SoapClient.login(gate, VERA)
    seen = gate.run("upstream", "sessions", "vc1")
    assert (seen.code, "TerminateSession" in seen.err) == (1, True)  # she may not see them
    service = make_server(settings=shared_gate(upstream))
    assert not names(SoapClient.login(service, ADMIN))
    rows = told(service, "upstream", "sessions", "vc1")
    ours, other = r"VSPHERE.LOCAL\svc", r"VSPHERE.LOCAL\vera"
    assert {(one["user"], one["ours"]) for one in rows} == {(ours, True), (other, False)}
    keys = {one["key"] for one in sessions(upstream)}
    assert {len(one["key"]) for one in rows} == {8}
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one[at])
        for one in rows
        for at in ("login_at", "active_at")
    )
    assert all(any(key.startswith(one["key"]) for key in keys) for one in rows)
    table = service.run("upstream", "sessions", "vc1")
    assert f"as seen by {ours}" in table.err
    args = ("upstream", "sessions", "vc1", "--clients", "--unused", "1ms")
    by_user = {one["user"]: one for one in told(service, *args)}
    assert (by_user[ours]["ours"], by_user[ours]["to_end"]) == (1, [])
    assert (by_user[other]["ours"], len(by_user[other]["to_end"])) == (0, 1)
    clients = service.run(*args)
    assert clients.out.splitlines()[0].split()[:2] == ["USER", "AGENT"]
    assert "not used for 1ms and not ours: 1." in clients.err
    for key in keys:
        assert key not in table.out + clients.out + clients.err + service.log.text
    assert {one["key"] for one in sessions(upstream)} == keys  # suggested, and not done


def checked(server: Server, *flags: str) -> tuple[int, list[tuple[str, str]]]:
    """The exit code of `check`, and what it says of the upstream."""
    done = server.run("check", *flags, "--output", "json")
    rows = [(one["result"], one["detail"]) for one in done.json()["checks"]]
    names = [one["check"] for one in done.json()["checks"]]
    return done.code, [row for name, row in zip(names, rows, strict=True) if name == "upstream.vc1"]


def test_a_check_says_whether_the_upstream_is_the_right_one_and_lets_us_in(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    _, ((result, said),) = checked(gate)
    assert result == "ok", said
    assert upstream.url in said
    assert "SHA-256" in said
    assert not sessions(upstream)
    _, rows = checked(gate, "--login")
    assert [one for one, _ in rows] == ["ok", "ok"]
    assert not sessions(upstream)

    wrong = make_server(settings=shared_gate(upstream).replace(SERVICE[1], "another password 1"))
    _, rows = checked(wrong)
    assert [one for one, _ in rows] == ["ok"]  # nobody has tried
    code, rows = checked(wrong, "--login")
    assert (code, [one for one, _ in rows]) == (1, ["ok", "problem"])
    assert "InvalidLogin; this counted as a failed login there" in rows[1][1]
    assert upstream.log.text.count("login refused") == 1

    pinned = f'fingerprint = "{"AB" * 32}"'
    other = make_server(settings=callers_gate(upstream, pinned))
    code, ((result, said),) = checked(other)
    assert (code, result) == (1, "problem")
    assert "its certificate is not the one to be trusted" in said
    upstream.stop()
    code, ((result, said),) = checked(other)
    assert (code, result, "no connection to it" in said) == (4, "problem", True)


def test_a_check_beside_a_throw_away_gateway_asks_its_upstream(
    upstream: Server, tmp_path: Path
) -> None:
    asked = ("--upstream", upstream.url, "--ca", str(upstream.ca))
    with Server(tmp_path / "dev", command=("dev", *asked)) as gate:
        assert gate.out.wait_for(lambda lines: any(line.startswith("Data dir") for line in lines))
        (named,) = (line for line in gate.out.lines if line.startswith("Data directory: "))
        folder = Path(named.removeprefix("Data directory: "))
        gate.context = ssl.create_default_context(cafile=folder / "tls" / "ca.pem")
        client = SoapClient.login(gate, VERA)
        client.call("CreateFolder", "Folder", "group-d1", "<name>a secret</name>")
        gate.log.wait_for(lambda lines: any("call forwarded" in line for line in lines))
        assert "CreateFolder of Folder group-d1" in gate.log.text
        assert "a secret" not in gate.log.text
        done = run_command("check", "--data-dir", str(folder), "--output", "json")
        gate.stop()
    rows = [one for one in done.json()["checks"] if one["check"] == "upstream.vc"]
    assert [one["result"] for one in rows] == ["ok", "note"]
    assert upstream.url in rows[0]["detail"]
    assert "by its command line" in rows[1]["detail"]


def test_a_throw_away_gateway_in_the_background_of_a_script_ends_at_an_interrupt(
    upstream: Server, tmp_path: Path
) -> None:
    """Shells have what a script starts with `&` ignore SIGINT."""
    dev = f"{sys.executable} -m sessiongate.cli.main dev --upstream {upstream.url}"
    started = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {dev} --ca {upstream.ca} --listen 127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment({"TMPDIR": str(tmp_path)}),
    )
    with started:
        assert started.stdout is not None
        try:
            url = ca = ""
            for said in started.stdout:
                if said.startswith("Listening on "):
                    url = said.split()[-1]
                elif said.startswith("Clients may trust "):
                    ca = said.removeprefix("Clients may trust ").strip()
                elif said.startswith("Gateway before "):
                    break
            trust = ssl.create_default_context(cafile=ca)
            where = urlsplit(url)
            line = http.client.HTTPSConnection(where.hostname or "", where.port, context=trust)
            inner = "<userName>{}</userName><password>{}</password>".format(*map(escape, VERA))
            document = envelope("Login", "SessionManager", "SessionManager", inner)
            with closing(Client(line)) as client:
                assert client.request("POST", "/sdk", SOAP, document).status == 200
            assert sessions(upstream)
            started.send_signal(signal.SIGINT)
            assert started.wait(PATIENCE) == 0
        finally:
            started.kill()
    assert not sessions(upstream)


def test_a_throw_away_gateway_before_another_certificate_does_not_start(
    upstream: Server,
) -> None:
    wrong = ("--fingerprint", "AB" * 32)
    done = run_command("dev", "--upstream", upstream.url, *wrong, "--listen", "127.0.0.1:0")
    assert (done.code, "Gateway before" in done.out) == (2, False)
    assert f"--upstream {upstream.url}: its certificate is not the one to be trusted" in done.err
    assert "its fingerprint is another one; --fingerprint or --ca says which is" in done.err
    assert "what was shown is sha256 Fingerprint=" in done.err


def test_a_check_before_there_is_anybody_names_init(tmp_path: Path) -> None:
    done = run_command("check", "--data-dir", str(tmp_path / "data"), "--output", "json")
    (row,) = (one for one in done.json()["checks"] if one["check"] == "users of local")
    assert row["result"] == "note"
    assert "`sessiongate init` adds an administrator" in row["detail"]


def test_what_is_forwarded_and_what_is_not_is_in_the_audit(
    upstream: Server, make_server: MakeServer
) -> None:
    gate = make_server(settings=shared_gate(upstream))
    ada = SoapClient.login(gate, ADMIN)
    assert ada.view()
    assert ada.call("ExecuteSoap", "Folder", "group-d1").fault == "NotSupported"
    # What it is asked there does not matter: it was sent, and it is no read.
    assert ada.call("CreateFolder", "Folder", "group-d1", "<name>a secret</name>").fault
    told(gate, "pools", "drain", "vc1", "--force")
    wait_until(lambda: not sessions(upstream))

    def events() -> list[dict[str, Any]]:
        done = gate.run("audit", "export", "--output", "json").json()
        assert isinstance(done, list)
        return [one.get("event") if isinstance(one.get("event"), dict) else one for one in done]

    wait_until(lambda: any(one["event"] == "upstream session ended" for one in events()))
    found = {one["event"]: one for one in events()}
    lease = found["upstream session opened"]["detail"]
    assert found["upstream session ended"]["detail"] == lease
    sent = found["call forwarded"]
    assert sent["detail"].startswith(f"CreateFolder of Folder group-d1, {lease}")
    assert sent["user"] == ADMIN[0]
    assert (found["call not forwarded"]["subject"], found["call not forwarded"]["reason"]) == (
        "ExecuteSoap of Folder group-d1",
        "NotSupported",
    )
    assert "upstream session opened" in gate.log.text
    assert "a secret" not in gate.log.text + gate.run("audit", "export").out
