"""`sessiongate exec`: no session is left however it ends, and no secret is shown."""

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import page
from tests.each import each
from tests.end_to_end.clients import present
from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import ADMIN, Server, environment, with_people
from tests.peers.relay import Relay
from tests.peers.setup import PYVMOMI, interpreter, program
from tests.until import PATIENCE, wait_until

DIALECTS = ("zerto", "vi-json", "soap")
WAITS = ("sh", "-c", "echo ready; exec sleep 600")
"""A command that runs until it is ended."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with with_people(tmp_path_factory.mktemp("exec") / "data", keep_alive=True) as running:
        yield running


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "password"
    path.write_text(f"{ADMIN[1]}\n")
    return path


Start = Callable[..., Forked]


@pytest.fixture
def start(server: Server, password_file: Path) -> Start:
    """Starts `exec` with this command, at this server."""

    def started(
        *command: str,
        options: tuple[str, ...] = (),
        to: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> Forked:
        given = where_and_who(server, to)
        secret = ("--password-file", str(password_file))
        arguments = ["exec", *given, *secret, *options, "--", *command]
        return Forked(arguments, environment(environ))

    return started


def where_and_who(server: Server, to: str = "") -> tuple[str, ...]:
    return ("--to", to or server.url, "--user", ADMIN[0], "--ca", str(server.ca))


EXEC = (sys.executable, "-m", "sessiongate.cli.main", "exec")


def ended(process: Forked) -> tuple[int, str, str]:
    code = process.wait(PATIENCE)
    with process.stdout, process.stderr:
        return code, process.stdout.read(), process.stderr.read()


def ready(process: Forked) -> None:
    assert process.stdout.readline() == "ready\n"


def sessions(server: Server) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = server.run("sessions", "list", "--output", "json").json()
    return listed


def guardian_of(process: Forked) -> int:
    """The process that has its session: the child that is in a session of its own."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(one) for one in children if os.getsid(int(one)) == int(one))


def command_of(process: Forked) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(one) for one in children if os.getsid(int(one)) != int(one))


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@each(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 3"), 3),
        (("/nonexistent/command",), 127),
        (("/etc/hosts",), 126),
        (("sh", "-c", "kill -9 $$"), 137),
    ],
)
def test_an_end_of_the_command(
    server: Server, start: Start, dialect: str, command: tuple[str, ...], code: int
) -> None:
    process = start(*command, options=("--as", dialect))
    assert ended(process)[0] == code
    assert sessions(server) == []


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@each("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_is_passed_on(
    server: Server, start: Start, dialect: str, number: signal.Signals
) -> None:
    process = start(*WAITS, options=("--as", dialect))
    ready(process)
    assert len(sessions(server)) == 1
    process.send_signal(number)
    assert ended(process)[0] == 128 + number
    assert sessions(server) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_after_kill_9_the_guardian_logs_out(server: Server, start: Start, dialect: str) -> None:
    process = start(*WAITS, options=("--as", dialect))
    ready(process)
    command = command_of(process)
    process.kill()
    try:
        wait_until(lambda: opened(server) == closed(server))
        assert sessions(server) == []
    finally:
        os.kill(command, signal.SIGKILL)  # nobody is there any more to end it
    ended(process)


def test_after_kill_9_of_the_guardian_we_log_out(server: Server, start: Start) -> None:
    process = start(*WAITS)
    ready(process)
    os.kill(guardian_of(process), signal.SIGKILL)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert (code, err) == (128 + signal.SIGTERM, "")
    assert sessions(server) == []


def test_killed_while_it_logs_in(server: Server, start: Start) -> None:
    """What the server opens after that is told to nobody but the guardian."""
    with Relay(server.port) as relay:
        process = start("true", to=f"https://127.0.0.1:{relay.port}")
        wait_until(lambda: relay.accepted > 0)
        process.kill()
        ended(process)
        wait_until(lambda: opened(server) == closed(server))
        assert sessions(server) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_while_it_logs_in_leaves_no_directory(
    server: Server, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    with Relay(server.port) as relay:
        to = f"https://127.0.0.1:{relay.port}"
        process = start("true", to=to, environ={"XDG_RUNTIME_DIR": str(tmp_path)})
        wait_until(lambda: relay.accepted > 0)
        process.send_signal(number)
        ended(process)
        assert list(tmp_path.iterdir()) == []
        wait_until(lambda: opened(server) == closed(server))


def opened(server: Server) -> int:
    return server.log.text.count('"session opened"')


def closed(server: Server) -> int:
    return server.log.text.count('"session ended"')


@pytest.mark.parametrize("dialect", ["zerto", "soap"])
def test_a_server_that_is_gone_at_the_logout(server: Server, start: Start, dialect: str) -> None:
    """What is left is named, and the command's exit code stays, but for --strict."""
    for strict, code in (((), 3), (("--strict",), 5)):
        with Relay(server.port) as relay:
            url = f"https://127.0.0.1:{relay.port}"
            process = start(
                *("sh", "-c", "trap 'exit 3' TERM; sleep 600 & echo ready; wait"),
                options=("--as", dialect, *strict),
                to=url,
            )
            ready(process)
            (left,) = sessions(server)
            relay.refuse = True
            relay.cut()
            process.send_signal(signal.SIGTERM)
            exit_code, _, err = ended(process)
        assert exit_code == code
        assert f"a session is left at {url}" in err
        assert (left["key"] in err) == (dialect == "soap")
        assert server.run("sessions", "terminate", left["key"]).code == 0


def test_a_second_signal_ends_the_wait_for_the_logout(server: Server, start: Start) -> None:
    """The session is logged out of all the same, by the process that has it."""
    with Relay(server.port) as relay:
        process = start(*WAITS, to=f"https://127.0.0.1:{relay.port}")
        ready(process)
        relay.silent = True
        before = relay.accepted
        process.send_signal(signal.SIGINT)
        wait_until(lambda: relay.accepted > before)  # so it logs out, and is not answered
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE)
        relay.heal()
        with process.stdout, process.stderr:
            assert (code, process.stdout.read()) == (128 + signal.SIGINT, "")
            assert "it goes on by itself" in process.stderr.read()
        assert sessions(server) == []


def test_what_keeps_the_session_from_use_is_told_once(server: Server, start: Start) -> None:
    with Relay(server.port) as relay:
        url = f"https://127.0.0.1:{relay.port}"
        process = start(*WAITS, options=("--keep-alive", "1s"), to=url)
        ready(process)
        relay.refuse = True
        relay.cut()
        before = relay.accepted
        said = process.stderr.readline()
        wait_until(lambda: relay.accepted > before + 2)
        relay.heal()
        process.send_signal(signal.SIGTERM)
        _, _, err = ended(process)
    assert "could not be kept in use" in said
    assert url in said
    assert err == ""
    assert sessions(server) == []


def test_the_end_of_a_token_is_told_once_in_time(server: Server, start: Start) -> None:
    process = start(*WAITS, options=("--as", "appliance"))
    ready(process)
    process.send_signal(signal.SIGTERM)
    _, _, err = ended(process)
    assert err.count("token ends in") == 1


def test_what_the_command_finds(server: Server, start: Start) -> None:
    inherited = {"GOVC_PASSWORD": "x", "GOVC_USERNAME": "y", "SSL_CERT_FILE": ""}
    process = start("env", options=("--as", "vi-json"), environ=inherited)
    _, out, _ = ended(process)
    found = dict(line.partition("=")[::2] for line in out.splitlines())
    assert found["SESSIONGATE_HEADER"] == f"vmware-api-session-id: {found['SESSIONGATE_SESSION']}"
    assert found["SESSIONGATE_URL"] == server.url
    assert found["SESSIONGATE_DEPTH"] == "1"
    assert found["SESSIONGATE_EXPIRES"] == ""
    assert len(found["SESSIONGATE_KEY"]) == 36
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GOVC_TLS_CA_CERTS"):
        bundle = Path(found[name])
        assert not bundle.exists()  # it is gone with us
        assert bundle.parent == Path(found["GOVMOMI_HOME"])
    assert not {"GOVC_PASSWORD", "GOVC_USERNAME"} & found.keys()
    assert ADMIN[1] not in out


def test_curl_uses_the_session(server: Server, start: Start) -> None:
    lines = 'curl -sS -H "$SESSIONGATE_HEADER" "$SESSIONGATE_URL/api/session"'
    code, out, err = ended(start("sh", "-c", lines))
    assert code == 0, err
    assert f'"user":"{ADMIN[0]}"' in out


def test_our_own_commands_take_the_variables_for_no_settings(server: Server, start: Start) -> None:
    ours = (sys.executable, "-m", "sessiongate", "sessions", "list", "--data-dir")
    code, _, err = ended(start(*ours, str(server.data_dir)))
    assert (code, err) == (0, "")


def test_input_that_follows_the_password_is_the_commands(server: Server) -> None:
    process = subprocess.run(
        [*EXEC, *where_and_who(server), "--password-stdin", "--", "cat"],
        input=f"{ADMIN[1]}\nfor the command\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(),
    )
    assert process.stdout == "for the command\n"


def test_a_file_keeps_the_token_out_of_the_environment(server: Server, start: Start) -> None:
    lines = 'cat "$SESSIONGATE_SESSION_FILE"; stat -c %a "$SESSIONGATE_SESSION_FILE"; env'
    process = start("sh", "-c", lines, options=("--file",))
    _, out, _ = ended(process)
    header, mode, *variables = out.splitlines()
    name, token = header.split(": ")
    assert (name, mode) == ("vmware-api-session-id", "600")
    assert token not in "\n".join(variables)


def test_a_session_that_ends_is_opened_anew_in_the_file(server: Server, start: Start) -> None:
    lines = 'echo "$SESSIONGATE_SESSION_FILE"; exec sleep 600'
    process = start("sh", "-c", lines, options=("--file", "--keep-alive", "1s"))
    file = Path(process.stdout.readline().strip())
    first = file.read_text()
    (session,) = sessions(server)
    assert server.run("sessions", "terminate", session["key"]).code == 0
    wait_until(lambda: file.read_text() != first)
    (another,) = sessions(server)
    assert another["key"] != session["key"]
    process.send_signal(signal.SIGTERM)
    ended(process)
    assert sessions(server) == []


def test_a_session_that_ends_ends_the_command_where_that_is_wanted(
    server: Server, start: Start
) -> None:
    process = start(*WAITS, options=("--keep-alive", "1s", "--on-expiry", "term"))
    ready(process)
    (session,) = sessions(server)
    assert server.run("sessions", "terminate", session["key"]).code == 0
    code, _, err = ended(process)
    assert code == 128 + signal.SIGTERM
    assert "has ended while the command runs" in err


@pytest.mark.slow
def test_it_is_not_opened_inside_itself(server: Server, start: Start, password_file: Path) -> None:
    inner = (*EXEC, *where_and_who(server), "--password-file", str(password_file))
    code, _, err = ended(start(*inner, "--", "true"))
    assert code == 125
    assert "runs inside a session" in err
    code, out, _ = ended(start(*inner, "--nested", "--", "sh", "-c", "echo $SESSIONGATE_DEPTH"))
    assert (code, out) == (0, "2\n")


def test_a_refused_login_is_tried_once(server: Server, start: Start, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("no such password\n")
    before = server.log.text.count("login refused")
    code, out, err = ended(start("echo", "run", options=("--password-file", str(wrong))))
    assert (code, out) == (125, "")
    assert "refuses this name and password" in err
    assert server.log.text.count("login refused") == before + 1


@each(
    ("options", "says"),
    [
        ((), "there is nothing to run"),
        (("--to", "nowhere", "--"), "there is nothing to run"),
        (("--user", "u", "--", "true"), "--to: is required"),
        (("--to", "nowhere", "--", "true"), "neither an address"),
        (("--to", "http://vc.example", "--user", "u", "--", "true"), "must be https://"),
        (("--to", "https://vc.example", "--", "true"), "--user"),
        (("--to", "https://vc.example", "--user", "u", "--", "true"), "nobody to ask"),
        (("--to", "https://v", "--user", "u", "--keep-alive", "5", "--", "true"), "--keep-alive"),
    ],
)
def test_what_cannot_be_meant_is_told(
    options: tuple[str, ...], says: str, password_file: Path
) -> None:
    more = () if "nobody" in says or "--user" in says else ("--password-file", str(password_file))
    code, _, err = ended(Forked(["exec", *more, *options], environment()))
    assert code == 2, err
    assert says in err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sec_68_no_process_of_it_leaves_an_image(server: Server, password_file: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    if not most:
        pytest.skip("no process here may write an image")
    process = subprocess.Popen(
        [*EXEC, *where_and_who(server), "--password-file", str(password_file), "--", *WAITS],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            assert len(children) == 2
            for one in (process.pid, *children):
                limits = Path(f"/proc/{one}/limits").read_text()
                assert re.search(r"^Max core file size +0 ", limits, re.MULTILINE), limits
        finally:
            process.send_signal(signal.SIGTERM)
    assert sessions(server) == []


def test_sec_14_no_process_shows_a_secret(server: Server, start: Start) -> None:
    process = start(*WAITS, options=("--as", "zerto", "--file"))
    ready(process)
    command, guardian = command_of(process), guardian_of(process)
    environ = Path(f"/proc/{command}/environ").read_bytes().decode()
    file = next(one for one in environ.split("\0") if one.startswith("SESSIONGATE_SESSION_FILE"))
    token = Path(file.partition("=")[2]).read_text().split(": ")[1].strip()
    shown = environ
    for pid in (process.pid, guardian, command):
        shown += Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert next(one for one in limits.splitlines() if "core" in one).split()[4] == "0"
    process.send_signal(signal.SIGTERM)
    _, out, err = ended(process)
    shown += out + err + server.log.text
    assert token not in shown
    assert ADMIN[1] not in shown


@pytest.mark.peer
@pytest.mark.interop("govc-soap")
@each("dialect", ["rest", "vi-json", "soap"])
def test_govc_needs_no_password(server: Server, start: Start, dialect: str) -> None:
    govc = str(present(program("govc")))
    code, out, err = ended(start(govc, "about", options=("--as", dialect)))
    assert (code, err) == (0, "")
    assert "vCenter" in out
    code, out, _ = ended(start(govc, "session.ls", options=("--as", dialect)))
    assert code == 0
    assert len(out.splitlines()) == 2  # the session of `exec`, and no other
    assert sessions(server) == []


@pytest.mark.peer
@pytest.mark.interop(f"pyvmomi-{PYVMOMI[0]}")
def test_pyvmomi_takes_the_session(server: Server, start: Start, tmp_path: Path) -> None:
    """The script of the page, as it stands there."""
    (script,) = re.findall(r"^```py\n(.*?)^```", page("client.md").read_text("utf-8"), re.M | re.S)
    look = tmp_path / "look.py"
    look.write_text(script)
    python = str(present(interpreter(PYVMOMI[0])))
    code, out, err = ended(start(python, "-W", "ignore", str(look), options=("--as", "soap")))
    assert code == 0, err
    assert out.startswith("20")
    assert sessions(server) == []
