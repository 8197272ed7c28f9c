"""`sessiongate dev` for scripts and CI: a command inside a server, and a server for programs."""

import json
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sessiongate.testing.ready_file import DevServer, read_ready_file, write_ready_file
from tests.each import each
from tests.end_to_end.clients import present
from tests.end_to_end.forking import Forked
from tests.end_to_end.serving import environment
from tests.house.sources import ROOT
from tests.peers.setup import PYVMOMI, interpreter, program
from tests.until import PATIENCE, wait_until

CURL = 'curl -sS --cacert "$SESSIONGATE_CA" -u "$SESSIONGATE_USER:$SESSIONGATE_PASSWORD"'
LOGIN = f'{CURL} -X POST "$SESSIONGATE_URL/api/session" >/dev/null'
WAITS = ("sh", "-c", "echo ready; exec sleep 600")
OURS = f"{sys.executable} -m sessiongate.cli.main"

Start = Callable[..., Forked]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts `dev` with these arguments; its temporary files are in `tmp_path`."""

    def started(*arguments: str, environ: Mapping[str, str] | None = None) -> Forked:
        own = {"TMPDIR": str(tmp_path), **(environ or {})}
        return Forked(["dev", *arguments], environment(own))

    return started


def ended(process: Forked) -> tuple[int, str, str]:
    code = process.wait(PATIENCE)
    with process.stdout, process.stderr:
        return code, process.stdout.read(), process.stderr.read()


def nothing_is_left(tmp_path: Path) -> bool:
    return not list(tmp_path.glob("sessiongate-dev-*"))


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
def test_it_exits_as_its_command_does(
    start: Start, tmp_path: Path, command: tuple[str, ...], code: int
) -> None:
    assert ended(start("--", *command))[:2] == (code, "")
    assert nothing_is_left(tmp_path)


def test_a_command_finds_where_to_go_and_as_whom(start: Start) -> None:
    lines = f"""set -e
    {CURL} -X POST "$SESSIONGATE_URL/v1/session/add" -D - -o /dev/null | grep -i x-zerto-session
    {OURS} sessions list --output json
    curl -sS "$SESSIONGATE_OPERATIONS/readyz"
    echo "token=$SESSIONGATE_DEV_TOKEN"
    env
    """
    outer = {
        "SESSIONGATE_SESSION": "of another server",
        "SESSIONGATE_CONFIG": "",
        "SESSIONGATE_CA": "/inherited",
    }
    code, out, err = ended(start("--", "sh", "-c", lines, environ=outer))
    assert code == 0, err
    assert "x-zerto-session: " in out.lower()
    assert '"user": "ci"' in out
    assert len(out.partition("token=")[2].split()[0]) == 64
    assert "of another server" not in out
    assert "/inherited" not in out
    _, out, _ = ended(start("--plain-http", "--", "env", environ=outer))
    assert "SESSIONGATE_URL=http://127.0.0.1:" in out
    assert "SESSIONGATE_CA" not in out


def test_sec_90_a_password_and_the_token_are_told_to_the_command_alone(start: Start) -> None:
    lines = 'echo "$SESSIONGATE_PASSWORD $SESSIONGATE_DEV_TOKEN"'
    code, out, err = ended(start("--log-level", "debug", "--", "sh", "-c", lines))
    assert code == 0
    password, token = out.split()
    assert len(password) >= 24
    assert password not in err
    assert token not in err


@each("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_the_commands(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start("--", *WAITS)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert ended(process)[0] == 128 + number
    assert nothing_is_left(tmp_path)


def test_a_command_that_takes_a_signal_well_says_how_it_ends(start: Start) -> None:
    lines = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    process = start("--", "sh", "-c", lines)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 7


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_where_it_is_killed_nothing_is_left(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    process = start("--ready-file", str(file), "--", "sh", "-c", "echo $$; sleep 600 & wait")
    command = int(process.stdout.readline())
    assert file.exists()
    process.kill()
    ended(process)
    wait_until(lambda: not is_alive(command))
    wait_until(lambda: nothing_is_left(tmp_path) and not file.exists())


def test_a_ready_file_says_all_and_goes(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    killed = DevServer("https://127.0.0.1:1", "", None, "", {}, "old", 1, 0)
    write_ready_file(file, killed)
    lines = 'cat "$FILE"; stat -c %a "$FILE"; env'
    code, out, _ = ended(
        start(
            "--seed",
            "7",
            "--ready-file",
            str(file),
            "--",
            "sh",
            "-c",
            lines,
            environ={"FILE": str(file)},
        )
    )
    assert code == 0
    text, mode, *variables = out.splitlines()
    said = json.loads(text)
    assert mode == "600"
    assert list(said) == ["url", "operations", "ca", "fingerprint", "users", "token", "pid", "seed"]
    assert said["seed"] == 7
    assert {name: one["role"] for name, one in said["users"].items()} == {
        "ci": "administrator",
        "reader": "user",
        "nobody": "no-access",
    }
    found = dict(one.split("=", 1) for one in variables if "=" in one)
    assert found["SESSIONGATE_URL"] == said["url"]
    assert found["SESSIONGATE_PASSWORD"] == said["users"]["ci"]["password"]
    assert found["SESSIONGATE_DEV_TOKEN"] == said["token"]
    assert not file.exists()


def test_a_ready_file_that_cannot_be_says_so(start: Start, tmp_path: Path) -> None:
    other = tmp_path / "precious"
    other.write_text("x")
    code, _, err = ended(start("--ready-file", str(other)))
    assert (code, other.read_text()) == (1, "x")
    assert "name another" in err
    code, _, err = ended(start("--ready-file", str(tmp_path / "no" / "ready.json")))
    assert code == 2
    assert "--ready-file: there is no directory" in err
    assert nothing_is_left(tmp_path)


def test_two_users_of_one_name_are_refused(start: Start, tmp_path: Path) -> None:
    code, _, err = ended(start("--user", "ci:one", "--user", "ci:two", "--", "true"))
    assert code == 2
    assert "--user: ci is named 2 times" in " ".join(err.split())
    assert nothing_is_left(tmp_path)


def test_one_line_of_json_is_all_that_a_program_reads(start: Start, tmp_path: Path) -> None:
    process = start("--output", "json")
    said = json.loads(process.stdout.readline())
    assert said["pid"] == process.pid
    assert Path(said["ca"]).exists()
    process.send_signal(signal.SIGTERM)
    code, rest, _ = ended(process)
    assert (code, rest) == (0, "")
    assert nothing_is_left(tmp_path)


def test_it_ends_with_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    options = ["--exit-on-stdin-eof", "--ready-file", str(file)]
    with subprocess.Popen(
        [sys.executable, "-m", "sessiongate.cli.main", "dev", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment({"TMPDIR": str(tmp_path)}),
    ) as process:
        assert process.stdin is not None
        wait_until(file.exists)
        process.stdin.write(b"what is said meanwhile is not heard\n")
        process.stdin.flush()
        assert process.poll() is None
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert read_ready_file(file).pid == process.pid
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    assert nothing_is_left(tmp_path)
    assert not file.exists()


@each(
    ("leaks", "command", "code"),
    [
        ("fail", LOGIN, 4),
        ("warn", LOGIN, 0),
        ("off", LOGIN, 0),
        ("fail", "true", 0),
        ("fail", f"{LOGIN}; exit 3", 3),
    ],
)
def test_sessions_that_are_left_open(start: Start, leaks: str, command: str, code: int) -> None:
    found, _, err = ended(start("--leaks", leaks, "--", "sh", "-c", command))
    assert found == code, err
    told = "left open: 1" in err and "  ci by curl/" in err and "(rest), opened" in err
    assert told is (leaks != "off" and command != "true")


def test_users_have_roles(start: Start) -> None:
    lines = r"""
    for each in ada:a:b bob:c:user; do
        curl -sS --cacert "$SESSIONGATE_CA" -u "$each" -X POST "$SESSIONGATE_URL/api/session" \
            -o /dev/null -w '%{http_code}\n'
    done
    echo "$SESSIONGATE_USER $SESSIONGATE_PASSWORD"
    """
    code, out, _ = ended(
        start("--user", "ada:a:b", "--user", "bob:c:user:user", "--", "sh", "-c", lines)
    )
    assert (code, out.split()) == (0, ["201", "201", "ada", "a:b"])
    environ = {"SESSIONGATE_DEV_USERS": "eve:p:operator\nada:q"}
    lines = 'echo "$SESSIONGATE_USER"; cat "$SESSIONGATE_DATA_DIR/users.toml"'
    code, out, _ = ended(start("--", "sh", "-c", lines, environ=environ))
    assert out.splitlines()[0] == "eve"
    assert 'role = "operator"' in out
    assert 'role = "administrator"' in out


def test_a_settings_file_lends_nothing_that_is_somebodys(start: Start, tmp_path: Path) -> None:
    users, audit, file = (tmp_path / name for name in ("users.toml", "audit.log", "settings.toml"))
    file.write_text(
        f'[store]\nurl = "sqlite:{tmp_path}/real.db"\n[sessions]\nidle_timeout = "7m"\n'
        f'[audit]\nfile = "{audit}"\n[identity.local]\ntype = "file"\npath = "{users}"\n'
    )
    lines = f"{LOGIN} && {OURS} sessions list --output json"
    code, out, err = ended(start("--config", str(file), "--", "sh", "-c", lines))
    assert code == 0, err
    (session,) = json.loads(out)
    assert (session["provider"], session["seconds_left"] <= 420) == ("local", True)
    assert {one.name for one in tmp_path.iterdir()} == {"settings.toml"}


@each(
    ("arguments", "says"),
    [
        (("--output", "json", "--", "true"), "--output json: standard output is the command's"),
        (("--exit-on-stdin-eof", "--", "true"), "standard input is the command's"),
        (("--env", "govc"), "--env: is for a command"),
        (("--env", "gov", "--", "true"), "did you mean govc?"),
        (("--user", "ci", "--", "true"), "NAME:PASSWORD"),
        (("--leaks", "never", "--", "true"), "never"),
    ],
)
def test_what_cannot_be_is_refused(start: Start, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = ended(start(*arguments))
    assert code == 2
    assert says in " ".join((out + err).split())


def test_a_user_of_settings_without_a_users_file(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        '[identity.corp]\ntype = "ldap"\nurl = "ldaps://127.0.0.1:1"\nbase_dn = "dc=x"\n'
        '[dialects]\nvsphere.default = "corp"\nzerto.windows = "corp"\nzerto.hypervisor = "corp"\n'
    )
    code, _, err = ended(start("--config", str(file), "--user", "ci:p", "--", "true"))
    assert code == 2, err
    assert "--user: the settings have no provider of type file" in err


REQUESTS = """
import os, requests
where = os.environ["SESSIONGATE_URL"] + "/api/session"
who = os.environ["SESSIONGATE_USER"], os.environ["SESSIONGATE_PASSWORD"]
session = {"vmware-api-session-id": requests.post(where, auth=who, timeout=60).json()}
print(requests.get(where, headers=session, timeout=60).json()["user"])
print(requests.delete(where, headers=session, timeout=60).status_code)
"""

PYVMOMI_STORY = """
import os, ssl
from urllib.parse import urlsplit
from pyVim.connect import Disconnect, SmartConnect
where = urlsplit(os.environ["SESSIONGATE_URL"])
trust = ssl.create_default_context(cafile=os.environ["SESSIONGATE_CA"])
si = SmartConnect(host=where.hostname, port=where.port, user=os.environ["SESSIONGATE_USER"],
                  pwd=os.environ["SESSIONGATE_PASSWORD"], sslContext=trust)
print(si.content.sessionManager.currentSession.userName)
Disconnect(si)
"""


def clean_run(start: Start, kinds: str, *command: str, **environ: str) -> str:
    """What a client prints that leaves no session."""
    options = ("--env", kinds, "--leaks", "fail")
    code, out, err = ended(start(*options, "--", *command, environ=environ))
    assert code == 0, err
    return out


def test_requests_finds_and_trusts_it(start: Start) -> None:
    inherited = {"REQUESTS_CA_BUNDLE": "/etc/hosts", "CURL_CA_BUNDLE": "/etc/hosts"}
    out = clean_run(start, "requests", sys.executable, "-c", REQUESTS, **inherited)
    assert out.split() == ["ci", "204"]


@pytest.mark.slow
def test_govc_finds_and_trusts_it(start: Start) -> None:
    govc = str(present(program("govc")))
    out = clean_run(
        start, "govc,curl", govc, "about", "-json", GOVC_URL="https://inherited.example"
    )
    assert json.loads(out)["about"]["apiType"] == "VirtualCenter"


@pytest.mark.slow
@pytest.mark.interop(f"pyvmomi-{PYVMOMI[0]}")
def test_pyvmomi_finds_and_trusts_it(start: Start) -> None:
    python = str(present(interpreter(PYVMOMI[0])))
    assert clean_run(start, "requests", python, "-c", PYVMOMI_STORY) == "ci\n"


def test_the_page_can_be_followed(tmp_path: Path) -> None:
    """Its script leaves a session behind, and with the line of the page it does not."""
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    part = text[text.index("## Without Python") :]
    command, script, logs_out = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)[:3]
    nightly = tmp_path / "nightly.sh"
    nightly.write_text(script)
    nightly.chmod(0o700)

    def followed() -> tuple[int, str]:
        arguments = shlex.split(command.replace("./nightly.sh", str(nightly)))[1:]
        code, _, err = ended(Forked(arguments, environment({"TMPDIR": str(tmp_path)})))
        return code, err

    code, err = followed()
    assert (code, "sessions that were left open: 1" in err) == (4, True)
    nightly.write_text(script + logs_out)
    assert followed()[0] == 0
