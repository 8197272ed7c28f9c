"""Keycloak itself with the realm of a Zerto appliance, and an appliance of which it is the front.

The distribution is 160 MB, so that it lies in a cache outside the working tree: `setup.py keycloak`
puts it there.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.peers.ports import free_port
from tests.peers.setup import keycloak
from tests.until import PATIENCE, wait_until

PERSON = ("zoe", "zoe's <pass> & 1")
ROBOT = ("robot", "robot secret")
REALM = "/auth/realms/zerto"

_PATIENCE = 420.0
"""Seconds for its start, which takes 18 on an idle machine."""

# The quick compiler alone: the other one works for longer than this server lives (26 seconds of the
# processor for a start, and 44 with it).
_ENOUGH = {
    "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
}


def _realm(life: int) -> str:
    password = {"type": "password", "value": PERSON[1]}
    person = {"username": PERSON[0], "enabled": True, "credentials": [password]}
    person |= {"email": "zoe@example.com", "firstName": "Zoe", "lastName": "Z"}
    public = {"clientId": "zerto-client", "publicClient": True, "directAccessGrantsEnabled": True}
    robot = {"clientId": ROBOT[0], "secret": ROBOT[1], "serviceAccountsEnabled": True}
    robot |= {"directAccessGrantsEnabled": False}
    clients = [{**one, "standardFlowEnabled": False} for one in (public, robot)]
    realm = {"realm": "zerto", "enabled": True, "sslRequired": "none", "users": [person]}
    return json.dumps({**realm, "accessTokenLifespan": life, "clients": clients})


@contextmanager
def running(folder: Path, *, life: int = 60) -> Iterator[int]:
    """The port of a Keycloak with a realm whose access tokens live for so many seconds."""
    home, port = folder / "keycloak", free_port()
    shutil.copytree(keycloak(), home)
    (home / "data" / "import").mkdir(parents=True)
    (home / "data" / "import" / "zerto.json").write_text(_realm(life), encoding="utf-8")
    command = (str(home / "bin" / "kc.sh"), "start", "--optimized", "--import-realm")
    where = ("--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1")
    how = (f"--http-port={port}", "--cache=local")
    with (folder / "keycloak.log").open("wb") as log:
        process = subprocess.Popen(
            (*command, *where, *how),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_ENOUGH},
            start_new_session=True,
        )
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None, _PATIENCE)
        assert process.poll() is None, (folder / "keycloak.log").read_text()[-2000:]
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its own group: the script and the JVM
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{REALM}", timeout=PATIENCE) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def appliance(port: int) -> Iterator[str]:
    """The URL of a server that hands `/auth` to this Keycloak, and asks it whose a bearer is."""

    def asked(verb: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", body or None, headers, method=verb
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            names = ("authorization", "content-type", "accept")
            sent = {name: self.headers[name] for name in names if name in self.headers}
            if self.path.startswith("/auth/"):
                status, said = asked(self.command, self.path, sent, body)
            else:
                userinfo = f"{REALM}/protocol/openid-connect/userinfo"
                status, said = asked("GET", userinfo, sent, b"")
                said = b"[]" if status == 200 else b""
                status = 200 if status == 200 else 401
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer  # noqa: N815  names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
