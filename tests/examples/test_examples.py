"""The examples, run as a reader would run them, against a real server."""

import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.tls import certificates
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import USER, Server, environment, with_people
from tests.until import PATIENCE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LANGUAGES = ("py", "sh", "ps1", "cs")

# What a reader of one language must find in each other: addresses, headers, members.
WIRE = {
    "zerto": (
        "/v1/session/add",
        "/v1/serverDateTime",
        "/v1/session",
        "x-zerto-session",
        "AuthenticationMethod",
        "application/json",
        "DELETE",
    ),
    "vsphere": (
        "/sdk/vim25/8.0.3.0/SessionManager/SessionManager",
        "Login",
        "currentSession",
        "Logout",
        "vmware-api-session-id",
        "userName",
        "password",
        "locale",
    ),
}


def run(
    server: Server, name: str, *args: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an example as `USER`, or with these variables on top."""
    path = EXAMPLES / name
    command = [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]
    own = {
        "SG_URL": server.url,
        "SG_CA": str(server.ca),
        "SG_USER": USER[0],
        "SG_PASSWORD": USER[1],
    }
    return subprocess.run(
        [*command, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment({**own, **(environ or {})}),
    )


def sessions_of(server: Server) -> list[dict[str, object]]:
    listed = server.run("sessions", "list", "--user", USER[0], "--output", "json").json()
    assert isinstance(listed, list)
    return listed


@pytest.mark.parametrize("example", ["zerto.py", "zerto.sh"])
@pytest.mark.parametrize("method", ["0", "1"])
@EMBEDDED
def test_a_zerto_session_from_start_to_end(example: str, method: str, shared: Server) -> None:
    before = sessions_of(shared)
    args = ("--method", method) if example.endswith(".py") else (method,)
    done = run(shared, example, *args)
    assert (done.returncode, done.stderr) == (0, "")
    started, time, ended = done.stdout.splitlines()
    assert (started, ended) == ("session started", "session ended")
    assert re.fullmatch(r"server time \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)
    assert len(sessions_of(shared)) == len(before), "the session was left behind"


@pytest.mark.parametrize("example", ["vsphere.py", "vsphere.sh"])
@pytest.mark.parametrize("locale", ["fr_CA", ""])
@EMBEDDED
def test_a_vsphere_session_from_login_to_logout(example: str, locale: str, shared: Server) -> None:
    before = sessions_of(shared)
    args = (["--locale"] if example.endswith(".py") else []) + [locale] if locale else []
    done = run(shared, example, *args)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0].startswith("logged in")
    assert said[-1] == "logged out"
    assert (locale or "en") in done.stdout
    assert len(sessions_of(shared)) == len(before), "the session was left behind"


@pytest.mark.parametrize("example", ["zerto.py", "zerto.sh", "vsphere.py", "vsphere.sh"])
@EMBEDDED
def test_a_wrong_password_is_said_and_is_an_exit_code(example: str, shared: Server) -> None:
    done = run(shared, example, environ={"SG_PASSWORD": "wrong"})
    assert done.returncode != 0
    assert re.search("401|InvalidLogin", done.stderr)
    assert "Traceback" not in done.stderr
    assert "started" not in done.stdout + done.stderr
    assert "logged in" not in done.stdout + done.stderr


@EMBEDDED
def test_a_fault_is_named(shared: Server) -> None:
    for done in (
        run(shared, "vsphere.py", "--locale", "xx"),
        run(shared, "vsphere.sh", "xx"),
    ):
        assert done.returncode != 0
        assert "InvalidLocale" in done.stderr


@pytest.mark.parametrize("example", ["zerto.py", "zerto.sh", "vsphere.py", "vsphere.sh"])
@EMBEDDED
def test_a_credential_may_hold_any_letter(example: str, shared: Server) -> None:
    """Quotes and backslashes must not leave the shell's, curl's or JSON's strings."""
    done = run(shared, example, environ={"SG_USER": "\\ursula", "SG_PASSWORD": '"\\"$(id)'})
    assert done.returncode != 0
    assert re.search("401|InvalidLogin", done.stderr)
    done = run(shared, example, environ={"SG_USER": "\\ursula"})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("example", ["zerto.py", "zerto.sh", "vsphere.py", "vsphere.sh"])
@EMBEDDED
def test_only_the_given_ca_is_trusted(example: str, shared: Server, tmp_path: Path) -> None:
    other = certificates.ensure(tmp_path, ("localhost",), datetime.now(UTC))
    assert other.ca is not None
    done = run(shared, example, environ={"SG_CA": str(other.ca)})
    assert done.returncode != 0
    assert re.search("(?i)certificate", done.stderr)


@pytest.mark.parametrize("example", ["zerto.py", "zerto.sh", "vsphere.py", "vsphere.sh"])
@EMBEDDED
def test_a_missing_variable_is_named(example: str, shared: Server) -> None:
    environ = {"SG_URL": shared.url, "SG_CA": str(shared.ca), "SG_USER": USER[0]}
    path = EXAMPLES / example
    done = subprocess.run(
        [*([sys.executable] if path.suffix == ".py" else []), str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={name: text for name, text in environment(environ).items() if name != "SG_PASSWORD"},
    )
    assert done.returncode != 0
    assert "set SG_PASSWORD first" in done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flow", list(WIRE))
def test_every_language_uses_the_same_wire(flow: str, language: str) -> None:
    """All that can be said of those that we cannot run."""
    text = (EXAMPLES / f"{flow}.{language}").read_text(encoding="utf-8").lower()
    assert [word for word in WIRE[flow] if word.lower() not in text] == []


ALL = ["zerto.py", "zerto.sh", "vsphere.py", "vsphere.sh"]


@pytest.mark.parametrize("example", ALL)
def test_plain_http_is_spoken_where_the_address_says_so(example: str, tmp_path: Path) -> None:
    """Which is what `dev --plain-http` prints; there is no CA file then."""
    with with_people(tmp_path / "data", flags=("--plain-http",)) as server:
        assert server.url.startswith("http:")
        done = run(server, example, environ={"SG_CA": str(tmp_path / "nowhere.pem")})
        assert (done.returncode, done.stderr) == (0, "")
        server.stop()


@EMBEDDED
@pytest.mark.parametrize("example", ALL)
def test_a_server_that_is_not_there_is_said_in_a_sentence(example: str, shared: Server) -> None:
    for scheme in ("http", "https"):
        with socket.socket() as free:  # bound, and nobody listens
            free.bind(("127.0.0.1", 0))
            url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
            done = run(shared, example, environ={"SG_URL": url})
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert re.search("(?i)refused|connect", done.stderr)


@EMBEDDED
@pytest.mark.parametrize("example", ALL)
def test_a_ca_file_that_is_not_there_is_named(example: str, shared: Server, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.pem"
    (tmp_path / "no.pem").write_text("no certificate")
    for path in (missing, tmp_path / "no.pem"):
        done = run(shared, example, environ={"SG_CA": str(path)})
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert str(path) in done.stderr


@EMBEDDED
@pytest.mark.parametrize("example", ["zerto.py", "vsphere.py"])
@pytest.mark.parametrize("url", ["127.0.0.1:9669", "ftp://127.0.0.1", "https://127.0.0.1:x"])
def test_an_address_that_is_none_is_said_in_a_sentence(
    example: str, url: str, shared: Server
) -> None:
    done = run(shared, example, environ={"SG_URL": url})
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert url in done.stderr
