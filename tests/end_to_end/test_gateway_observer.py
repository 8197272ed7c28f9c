"""What an upstream is told of those who use it: in which language, and who only looks."""

from typing import Any

import pytest

from sessiongate.wire.xml import escape
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server
from tests.end_to_end.test_gateway import (
    BOSS,
    SERVICE,
    VERA,
    callers_gate,
    sessions,
    shared_gate,
    told,
    upstream,
)
from tests.end_to_end.vim_soap import SoapClient
from tests.until import wait_until

__all__ = ["upstream"]

pytestmark = pytest.mark.slow

GERMAN = 'locale = "de"'
THEIRS = "Der Vorgang wird für das Objekt nicht unterstützt."


def locales(server: Server) -> set[str]:
    return {one["locale"] for one in sessions(server)}


@pytest.mark.parametrize("account", ["caller", "service"])
def test_sessions_there_have_the_locale_of_the_table(
    account: str, upstream: Server, make_server: MakeServer
) -> None:
    settings = (callers_gate if account == "caller" else shared_gate)(upstream, GERMAN)
    gate = make_server(settings=settings)
    name, password = map(escape, VERA if account == "caller" else ADMIN)
    client = SoapClient(gate)
    inner = f"<userName>{name}</userName><password>{password}</password><locale>fr</locale>"
    said = client.call("Login", "SessionManager", "SessionManager", inner)
    assert said.texts("locale") == ["fr"]
    refused = client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>")
    assert refused.fault == "NotSupported"
    assert THEIRS in refused.body  # the upstream's own words
    assert locales(upstream) == {"de"}
    # Our own are in the client's language, of which the upstream never hears.
    refused = client.call("ExecuteSoap", "Folder", "group-d1")
    assert (refused.fault, THEIRS in refused.body) == ("NotSupported", False)
    inner = "<locale>ja</locale>"
    assert not client.call("SetLocale", "SessionManager", "SessionManager", inner).fault
    assert locales(gate) == {"ja"}
    assert THEIRS in client.call("CreateFolder", "Folder", "group-d1", "<name>a</name>").body
    if account == "caller":
        assert client.view()
        second = SoapClient.login(gate, VERA)
        assert second.view()
        assert len(sessions(upstream)) == 2
    assert locales(upstream) == {"de"}


def test_a_table_without_one_has_english(upstream: Server, make_server: MakeServer) -> None:
    gate = make_server(settings=shared_gate(upstream))
    assert SoapClient.login(gate, ADMIN).view()
    assert locales(upstream) == {"en_US"}


def there(gate: Server) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = told(gate, "upstream", "sessions", "vc1")
    return rows


def test_an_observer_looks_where_callers_may_not(upstream: Server, make_server: MakeServer) -> None:
    observer = f'username = "{SERVICE[0]}"\npassword = "{SERVICE[1]}"'
    gate = make_server(settings=callers_gate(upstream, observer))
    (row,) = there(gate)  # where no session of ours was
    assert (row["ours"], bool(row["lease"])) == (True, True)
    assert not sessions(upstream)
    assert SoapClient.login(gate, VERA).view()
    owners = {one["user"]: one["ours"] for one in there(gate)}
    assert owners == {r"VSPHERE.LOCAL\svc": True, r"VSPHERE.LOCAL\vera": True}
    assert [one["user"] for one in sessions(upstream)] == [VERA[0]]
    table = gate.run("upstream", "sessions", "vc1")
    assert r"as seen by VSPHERE.LOCAL\svc" in table.err
    assert SERVICE[1] not in table.out + table.err + gate.log.text
    done = gate.run("check", "--login", "--output", "json")
    found = [one for one in done.json()["checks"] if one["check"] == "upstream.vc1"]
    assert any(f"{SERVICE[0]} may log in" in one["detail"] for one in found)


def test_an_observer_with_a_wrong_password_costs_one_failed_login(
    upstream: Server, make_server: MakeServer
) -> None:
    observer = f'username = "{SERVICE[0]}"\npassword = "another password 1"'
    gate = make_server(settings=callers_gate(upstream, observer))
    for _ in range(3):
        refused = gate.run("upstream", "sessions", "vc1")
        assert (refused.code, "refused" in refused.err) == (4, True)
    assert upstream.log.text.count("login refused") == 1
    assert SoapClient.login(gate, BOSS).view()
    wait_until(lambda: len(sessions(upstream)) == 1)
