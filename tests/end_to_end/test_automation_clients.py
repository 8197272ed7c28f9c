"""Real clients of the Automation API, unmodified, over verified TLS: the VCF SDK, govmomi, curl."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.basic import basic
from tests.end_to_end.clients import Govc, present, run
from tests.end_to_end.conftest import EMBEDDED, first_over_two
from tests.end_to_end.serving import ADMIN, USER, Server
from tests.peers.setup import program, sdk_interpreter

pytestmark = pytest.mark.peer

VCF_STORY = Path(__file__).resolve().parents[1] / "peers" / "vcf_story.py"

SDK: dict[str, Any] = {
    "user": "admin",
    "created now": True,
    "used now": True,
    "pyVmomi with its session": "admin",
    "session_id": "admin",
    "a service that is not here": "OperationNotFound",
    "the same without a session": "OperationNotFound",
    "VM.list": [],
    "Host.list": [],
    "ResourcePool.list": [],
    "Category.list": [],
    "Tag.list": [],
    "Interfaces.list": [],
    "attached tags": [],
    "VM.get": "NotFound",
    "Version.get": "VMware vCenter Server",
    "Hostname.get": "str",
    "VM.list without a session": "Unauthenticated",
    "wrong password": "Unauthenticated",
    "no password": "Unauthenticated",
    "bearer token": "Unauthenticated",
    "stranger, create": "Unauthenticated",
    "stranger, get": "Unauthenticated",
    "stranger, delete": "Unauthenticated",
    "another dialect's session": "admin",
    "another dialect's session ended": None,
    "and then": "Unauthenticated",
    "destroyed": "Unauthenticated",
    "destroyed, pyVmomi": None,
    "deleted twice": "Unauthenticated",
    "with": "admin",
    "after with": "Unauthenticated",
}


def by_api(server: Server) -> str:
    reply = server.request("POST", "/api/session", {"Authorization": basic(*ADMIN)})
    token = reply.json()
    assert isinstance(token, str)
    return token


OPENERS: dict[str, Callable[[Server], str]] = {
    "vi-json": lambda server: server.vim_token(ADMIN),
    "zerto": lambda server: server.zerto_token(ADMIN),
    "api": by_api,
}


@first_over_two("opener", list(OPENERS), lambda _: "vcf-sdk")
def test_the_sdk_tells_a_sessions_whole_life(opener: str, over_store: Server) -> None:
    python = present(sdk_interpreter())
    token = OPENERS[opener](over_store)
    done = run(python, VCF_STORY, "127.0.0.1", over_store.port, over_store.ca, *ADMIN, token)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SDK
    # Whatever it opened it has also ended.
    assert over_store.run("sessions", "list", "--output", "json").json() == []


REST: dict[str, Any] = {
    "stranger": "nobody",
    "wrong password": "401",
    "no password": "401",
    "login": "ok",
    "user": "admin",
    "by the other face": "ok",
    "by the other face, user": "admin",
    "categories": 0,
    "a service that is not here": "404",
    "SOAP login": "ok",
    "a SOAP session here": "admin",
    "a SOAP session ended here": "ok",
    "a SOAP session after that": "ok",
    "a SOAP session is gone": True,
    "logout": "ok",
    "after logout": "nobody",
    "logout twice": "401",
    "login again": "ok",
    "logout again": "ok",
    "kept alive": ["admin", "admin"],
    "logout ends the probing": "ok",
}


@pytest.mark.interop("govmomi-rest")
@EMBEDDED
def test_govmomis_rest_client_tells_its_story(over_store: Server) -> None:
    done = run(present(program("rest")), f"{over_store.url}/sdk", *ADMIN, over_store.ca)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == REST
    assert over_store.run("sessions", "list", "--output", "json").json() == []


# What the simulator says where we, as a vCenter does, say something else.
INTENDED: dict[str, Any] = {
    # One session for all, as from 8.0 U3 on. Its tables are apart.
    "a SOAP session here": "nobody",
    "a SOAP session ended here": "401",
    "a SOAP session is gone": False,
    # It has no /api/session, and does have libraries.
    "by the other face": "404",
    "by the other face, user": "",
    "a service that is not here": "ok",
}


@pytest.mark.interop("vcsim-rest")
def test_the_simulator_is_told_the_rest_story(simulator: int) -> None:
    done = run(present(program("rest")), f"https://127.0.0.1:{simulator}/sdk", *ADMIN, "-")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts.keys() == REST.keys()
    assert {name: fact for name, fact in facts.items() if fact != REST[name]} == INTENDED


@pytest.mark.interop("govc-rest")
@EMBEDDED
def test_govc_keeps_and_takes_rest_sessions(shared: Server, tmp_path: Path) -> None:
    govc = Govc(shared, tmp_path, USER, json=False)
    token = govc.said("session.login", "-r", "-l").strip()
    assert shared.is_alive(token)
    # The next command finds it in the cache.
    assert govc.said("session.login", "-r", "-l").strip() == token
    info = json.loads(govc.said("session.login", "-r", "-X", "GET", "/api/session"))
    assert info["user"] == USER[0]

    def elsewhere(home: str, cookie: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / home).mkdir()
        other = Govc(shared, tmp_path / home, (USER[0], ""), json=False)
        return other("session.login", "-r", "-cookie", cookie, "-l")

    foreign = shared.zerto_token(USER)
    assert elsewhere("other", foreign).stdout.strip() == foreign
    refused = elsewhere("third", f"{foreign[:-1]}-")
    assert refused.returncode == 1
    assert "Unauthorized" in refused.stderr


class Curl:
    """The machine's curl, with a cookie jar of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self.jar = folder / "cookies"

    def __call__(self, path: str, *options: str) -> tuple[int, str]:
        """The status and the body of a reply."""
        command = [
            *("curl", "--silent", "--show-error", "--cacert", str(self._server.ca)),
            *("--write-out", "\n%{http_code}", *options, f"{self._server.url}{path}"),
        ]
        try:
            done = run(*command)
        except FileNotFoundError:
            pytest.skip("curl is not installed")
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


@pytest.fixture
def curl(shared: Server, tmp_path: Path) -> Curl:
    return Curl(shared, tmp_path)


WHO = ("--user", ":".join(USER))


@pytest.mark.interop("curl")
def test_curl_on_api_session(curl: Curl) -> None:
    path = "/api/session"
    status, body = curl(path, "-X", "POST", *WHO)
    assert status == 201
    header = f"vmware-api-session-id: {json.loads(body)}"
    status, body = curl(path, "-H", header)
    assert (status, json.loads(body)["user"]) == (200, USER[0])
    assert curl(path, "-X", "DELETE", "-H", header) == (204, "")
    for again in (curl(path, "-H", header), curl(path, "-X", "DELETE", "-H", header)):
        assert (again[0], json.loads(again[1])["error_type"]) == (401, "UNAUTHENTICATED")


@pytest.mark.interop("curl")
@pytest.mark.parametrize("query", ["?~action=get", "?%7Eaction=get"])
def test_curl_on_rest_session(query: str, curl: Curl) -> None:
    path = "/rest/com/vmware/cis/session"
    status, body = curl(path, "-X", "POST", "-H", "vmware-use-header-authn: true", *WHO)
    assert status == 200
    header = f"vmware-api-session-id: {json.loads(body)['value']}"
    for look in (("-H", header), ("-X", "POST", "-H", header)):
        address = path + (query if "POST" in look else "")
        status, body = curl(address, *look)
        assert (status, json.loads(body)["value"]["user"]) == (200, USER[0])
    assert curl(path, "-X", "DELETE", "-H", header) == (200, "")
    status, body = curl(path + query, "-X", "POST", "-H", header)
    assert (status, json.loads(body)["value"]["error_type"]) == (401, "UNAUTHENTICATED")


@pytest.mark.interop("curl")
def test_curls_cookie_jar_carries_a_rest_session(curl: Curl) -> None:
    path = "/rest/com/vmware/cis/session"
    jar = ("--cookie-jar", str(curl.jar), "--cookie", str(curl.jar))
    assert curl(path, "-X", "POST", *WHO, *jar)[0] == 200
    assert re.search(
        r"\t/rest\tTRUE\t0\tvmware-api-session-id\t[0-9a-f]{40}$", curl.jar.read_text()
    )
    assert curl(path, *jar)[0] == 200
    # The cookie is for /rest alone.
    assert curl("/api/session", *jar)[0] == 401
    assert curl(path, "-X", "DELETE", *jar)[0] == 200
    assert curl(path, *jar)[0] == 401


@pytest.mark.interop("curl")
@pytest.mark.parametrize("path", ["/api/session", "/rest/com/vmware/cis/session"])
@pytest.mark.parametrize("who", [(), ("--user", "ursula:wrong"), ("--user", "ursula:")])
def test_curl_is_refused(path: str, who: tuple[str, ...], curl: Curl) -> None:
    status, body = curl(path, "-X", "POST", *who)
    assert status == 401
    assert "Authentication required." in body
    # Asked to wait for the challenge, curl logs in all the same.
    assert curl(path, "-X", "POST", "--anyauth", *WHO)[0] in (200, 201)


@pytest.mark.interop("curl")
def test_curl_sends_a_body_in_chunks_and_waits_for_100(curl: Curl) -> None:
    path = "/rest/com/vmware/cis/session"
    chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json")
    assert curl(path, "-X", "POST", *WHO, *chunked, "--data-binary", "")[0] == 200
    waiting = ("-H", "Expect: 100-continue", "--data-binary", "{}")
    assert curl(path, "-X", "POST", *WHO, *waiting)[0] == 200
