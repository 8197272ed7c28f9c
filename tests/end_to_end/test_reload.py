"""SIGHUP: a running server takes its certificate and its limits anew, or says why not."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.many import said, shared_settings, wait_for
from tests.end_to_end.serving import USER, Server, environment
from tests.peers import redis as peer
from tests.peers.redis import Redis
from tests.until import PATIENCE, wait_until

MakeServer = Callable[..., Server]
LISTENING = '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'


def shown(server: Server) -> bytes:
    """The certificate that the server shows, in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
        context.wrap_socket(plain) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def reload(server: Server, event: str, text: str | None = None) -> Any:
    """Ask it to read its settings, perhaps others; the line of this event."""
    before = len(said(server, event))
    if text is not None:
        server.settings = text
        server.write_settings()
    server.signal(signal.SIGHUP)
    return wait_for(server, event, before + 1)[-1]


def body_taken(server: Server, token: str, size: int) -> bool:
    headers = {"x-zerto-session": token}
    return server.request("POST", "/v1/nothing", headers, b"a" * size).status != 413


def test_sec_90_a_new_certificate_is_taken_and_nobody_notices(make_server: MakeServer) -> None:
    server = make_server(settings=LISTENING)
    token = server.zerto_token(USER)
    before = shown(server)
    with server.connected() as client:
        headers = {"x-zerto-session": token}
        assert client.request("GET", "/v1/serverDateTime", headers).status == 200
        assert server.run("cert", "renew").code == 0
        assert shown(server) == before
        assert reload(server, "settings read again")["changed"] == ["certificate"]
        wait_until(lambda: shown(server) != before)
        assert client.request("GET", "/v1/serverDateTime", headers).status == 200
    server.context = None
    assert server.zerto_login(*USER).status == 200
    server.stop()


def test_sec_90_limits_hold_from_then_on_and_the_rest_is_named(make_server: MakeServer) -> None:
    server = make_server(settings=LISTENING)
    token = server.zerto_token(USER)
    assert body_taken(server, token, 500_000)
    smaller = LISTENING + '[server.limits]\nbody = "100KiB"\n[sessions]\nidle_timeout = "5m"\n'
    assert reload(server, "settings read again", smaller)["changed"] == ["server.limits.body"]
    (left,) = wait_for(server, "settings that take a restart")
    assert left["settings"] == ["sessions.idle_timeout"]
    assert not body_taken(server, token, 500_000)
    assert body_taken(server, token, 90_000)
    # Once more the same: nothing has changed since, but for what waits for a restart.
    assert reload(server, "settings read again")["changed"] == []
    events = [
        json.loads(line)["event"]
        for line in server.run("audit", "export").out.splitlines()
        if "settings reloaded" in line
    ]
    assert events == ["settings reloaded"] * 2
    server.stop()


@pytest.mark.parametrize(
    "broken",
    [
        'nonsense = "',
        "[server.limits]\nbody = 0\n",
        "[server.limits]\nanonymous_body = '2MiB'\n",
        '[server.tls]\ncertificate = "/nowhere.pem"\nkey = "/nowhere.key"\n',
        "[sevrer]\nlisten = []\n",
    ],
    ids=["toml", "value", "rule", "certificate", "name"],
)
def test_sec_90_settings_with_a_problem_change_nothing(
    broken: str, make_server: MakeServer
) -> None:
    server = make_server(settings=LISTENING)
    token = server.zerto_token(USER)
    before = shown(server)
    line = reload(server, "settings not reloaded", LISTENING + broken)
    assert line["level"] == "error"
    assert line["why"]
    assert shown(server) == before
    assert body_taken(server, token, 500_000)
    assert reload(server, "settings read again", LISTENING)["changed"] == []
    server.stop()


NAMED = {
    "settings": "",
    "certificate": '[server.tls]\ncertificate = "pipe"\nkey = "key.pem"\n',
    "key": '[server.tls]\ncertificate = "server.pem"\nkey = "pipe"\n',
    "secret": '[server.tls]\ncertificate = "c"\nkey = "k"\nkey_password_file = "pipe"\n',
}


@pytest.mark.parametrize("named", NAMED)
def test_sec_90_a_pipe_in_a_files_place_holds_up_neither_reload_nor_stop(
    named: str, make_server: MakeServer
) -> None:
    server = make_server(settings=LISTENING)
    token = server.zerto_token(USER)
    path = server.write_settings()
    for one, copy in (("server.pem", "server.pem"), ("server.key", "key.pem")):
        shutil.copy(server.data_dir / "tls" / one, path.parent / copy)
    pipe = path if named == "settings" else path.parent / "pipe"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    text = LISTENING + NAMED[named] if NAMED[named] else None
    line = reload(server, "settings not reloaded", text)
    assert "it is a pipe, and must be a regular file" in str(line["why"])
    assert body_taken(server, token, 500_000)
    pipe.unlink()
    assert reload(server, "settings read again", LISTENING)["changed"] == []
    server.stop()


def test_sec_90_a_throw_away_server_says_why_not(tmp_path: Path) -> None:
    with Server(tmp_path, command=("dev",)) as server:
        reload(server, "settings not reloaded")
        reload(server, "settings not reloaded")
        shown(server)
        server.stop()


def test_sec_90_hangups_end_no_server_that_is_starting(tmp_path: Path) -> None:
    """From the first line of the command on; before it there is only the interpreter."""
    command = [sys.executable, "-m", "sessiongate.cli.main", "serve", "--log-format", "json"]
    command += ["--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    # The log's first lines come from a server that is still starting.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():
            process.kill()
            pytest.skip("this system does not show what a process ignores")

        def heeds_no_hangup() -> bool:
            masks = dict(
                line.split(":\t") for line in status.read_text().splitlines() if "Sig" in line
            )
            hangup = 1 << (signal.SIGHUP - 1)
            return bool((int(masks["SigIgn"], 16) | int(masks["SigCgt"], 16)) & hangup)

        wait_until(heeds_no_hangup)
        process.send_signal(signal.SIGHUP)
        said_first = process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert said_first.startswith("Listening on ")


@pytest.mark.slow
@pytest.mark.peer
def test_sec_90_workers_are_not_replaced_by_settings_with_a_problem(
    make_server: MakeServer, tmp_path: Path
) -> None:
    if why := peer.missing():
        pytest.skip(why)
    with Redis(tmp_path / "redis") as own:
        _workers_that_stay(make_server, shared_settings(own.url))


def _workers_that_stay(make_server: MakeServer, settings: str) -> None:
    server = make_server(settings=settings)
    token = server.zerto_token(USER)
    before = wait_for(server, "worker started", 2)
    reload(server, "settings not reloaded", settings + "[server.limits]\nbody = 0\n")
    assert len(said(server, "worker started")) == len(before)
    more = settings.replace("workers = 2", "workers = 3") + '[server.limits]\nbody = "100KiB"\n'
    reload(server, "all workers replaced", more)
    (left,) = wait_for(server, "settings that take a restart")
    assert left["settings"] == ["server.workers"]
    assert len(said(server, "worker started")) == 4
    assert not body_taken(server, token, 500_000)
    server.stop()
