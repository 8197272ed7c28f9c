"""The commands against a running server: what they change takes effect at once."""

import json
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.serving import (
    ADMIN,
    OTHER,
    PEOPLE,
    USER,
    Finished,
    Server,
    add_people,
    run_command,
    run_here,
)

# Each of these starts processes of its own.
pytestmark = pytest.mark.slow

MakeServer = Callable[..., Server]


# Whoever else uses this machine may have the default one.
FREE = {"SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0"}


def done(finished: Finished) -> Finished:
    """Fail with what the command said if it failed."""
    assert finished.code == 0, finished
    assert finished.err == ""
    return finished


def exported(text: str) -> dict[str, str]:
    """What the lines `export NAME=value` would set in a shell."""
    words = [shlex.split(line) for line in text.splitlines() if line.strip().startswith("export ")]
    return dict(pair.split("=", 1) for _, pair in words)


def test_a_user_that_is_added_may_log_in_at_once(server: Server) -> None:
    assert server.zerto_login("vera", "new pass: 12").status == 401
    added = run_command(
        "users", "add", "Vera", "--role", "user", "--password-stdin",
        "--data-dir", str(server.data_dir), stdin="new pass: 12\n",
    )  # fmt: skip
    assert "Vera" in done(added).out
    assert "new pass" not in added.out
    assert server.vim_login("vera", "new pass: 12").json()["userName"] == "Vera"

    twice = server.run(
        "users", "add", "VERA", "--role", "user", "--password-stdin", stdin="Lighthouse-7\n"
    )
    assert (twice.code, twice.out) == (1, "")
    assert "exists" in twice.err
    nothing = server.run("users", "add", "w", "--role", "user", "--password-stdin", stdin="\n")
    assert nothing.code == 1
    role = server.run("users", "add", "w", "--role", "boss", "--password-stdin", stdin="x\n")
    assert role.code == 1
    assert "administrator" in role.err
    no_terminal = server.run("users", "add", "w", "--role", "user")
    assert no_terminal.code == 2
    assert "--password-stdin" in no_terminal.err


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        (("users", "disable", "ursula"), ""),
        (("users", "disable", "URSULA"), ""),
        (("users", "remove", "ursula"), ""),
        (("users", "role", "ursula", "operator"), ""),
        (("users", "passwd", "ursula", "--password-stdin"), "another pass\n"),
    ],
)
def test_a_change_ends_the_users_sessions_before_the_command_returns(
    args: tuple[str, ...], stdin: str, server: Server
) -> None:
    tokens = [server.vim_token(USER), server.zerto_token(USER)]
    bystander = server.vim_token(OTHER)
    ticket = server.call("AcquireCloneTicket", tokens[0]).json()
    done(server.run(*args, stdin=stdin))
    assert not any(server.is_alive(token) for token in tokens)
    assert server.is_alive(bystander)
    assert server.call("CloneSession", None, {"cloneTicket": ticket}).status == 500


def test_sessions_of_a_disabled_user_have_ended_for_good(server: Server) -> None:
    """As a process of its own, and on the disk before it returns."""
    token = server.vim_token(USER)
    done(run_command("users", "disable", "ursula", "--data-dir", str(server.data_dir)))
    assert not server.is_alive(token)
    server.kill9()
    server.start()
    assert not server.is_alive(token)


def test_what_each_change_means_for_the_next_login(server: Server) -> None:
    assert server.vim_login(*USER).status == 200
    done(server.run("users", "disable", "ursula"))
    assert server.zerto_login(*USER).status == 401
    done(server.run("users", "enable", "ursula"))
    assert server.zerto_login(*USER).status == 200
    done(server.run("users", "passwd", "ursula", "--password-stdin", stdin="another one 1\n"))
    assert server.zerto_login(*USER).status == 401
    assert server.zerto_login("ursula", "another one 1").status == 200
    done(server.run("users", "role", "ursula", "no-access"))
    assert server.zerto_login("ursula", "another one 1").status == 403
    done(server.run("users", "role", "ursula", "administrator"))
    token = server.vim_token(("ursula", "another one 1"))
    assert server.get("sessionList", token).status == 200
    done(server.run("users", "remove", "ursula"))
    assert server.zerto_login("ursula", "another one 1").status == 401
    for command in ("disable", "enable", "remove"):
        unknown = server.run("users", command, "ursula")
        assert (unknown.code, "no user" in unknown.err) == (1, True)


def test_users_are_listed_without_their_hashes(server: Server) -> None:
    listed = done(server.run("users", "list", "--output", "json"))
    rows = listed.json()
    assert [(row["name"], row["role"]) for row in rows] == sorted(
        (name, role) for (name, _), role in PEOPLE.items()
    )
    table = done(server.run("users", "list"))
    for name, _ in PEOPLE:
        assert name in table.out
    assert "argon2" not in listed.out + table.out
    assert stat.S_IMODE((server.data_dir / "users.toml").stat().st_mode) == 0o600


def test_users_may_change_without_a_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    done(server.run("init"))
    done(
        server.run(
            "users", "add", "a", "--role", "user", "--password-stdin", stdin="password of a\n"
        )
    )
    with server:
        assert server.zerto_login("a", "password of a").status == 200
        server.stop()


def test_sessions_are_listed_shown_and_terminated(server: Server) -> None:
    assert "No session is open" in done(server.run("sessions", "list")).out
    login = server.vim_login(*USER)
    token, key = login.header("vmware-api-session-id") or "", login.json()["key"]
    other = server.zerto_token(OTHER)

    rows = done(server.run("sessions", "list", "--output", "json")).json()
    assert {(row["user"], row["dialect"]) for row in rows} == {
        ("ursula", "vi-json"),
        ("ulf", "zerto"),
    }
    mine = done(server.run("sessions", "list", "--user", "URSULA", "--output", "json")).json()
    assert [row["key"] for row in mine] == [key]
    table = done(server.run("sessions", "list")).out
    assert key in table
    shown = done(server.run("sessions", "show", key, "--output", "json")).json()
    assert (shown["user"], shown["ip_address"], shown["calls"]) == ("ursula", "127.0.0.1", 0)
    assert key in done(server.run("sessions", "show", key)).out
    for secret in (token, other):
        assert secret not in json.dumps([rows, shown]) + table

    data_dir = ("--data-dir", str(server.data_dir))
    ended = done(run_command("sessions", "terminate", key, "--output", "json", *data_dir))
    assert ended.json() == {"ended": 1}
    assert not server.is_alive(token)
    assert server.is_alive(other)
    for command in ("terminate", "show"):
        again = server.run("sessions", command, key)
        assert (again.code, again.out) == (1, "")
        assert "no live session" in again.err


def test_terminate_all_of_a_user_and_all(server: Server) -> None:
    mine = [server.vim_token(USER), server.zerto_token(USER)]
    others = [server.vim_token(OTHER), server.zerto_token(ADMIN)]
    ended = done(server.run("sessions", "terminate", "--user", "\\Ursula", "--output", "json"))
    assert ended.json() == {"ended": 2}
    assert [server.is_alive(token) for token in mine + others] == [False, False, True, True]
    for empty in (("--user", ""), ("--user", " "), ("",)):
        assert server.run("sessions", "terminate", *empty).code == 1
    assert [server.is_alive(token) for token in others] == [True, True]
    assert "2 session" in done(server.run("sessions", "terminate", "--all")).out
    assert not any(server.is_alive(token) for token in others)
    for args in ((), ("--all", "--user", "x"), ("some-key", "--all")):
        unclear = server.run("sessions", "terminate", *args)
        assert unclear.code == 2


def test_without_a_server(tmp_path: Path) -> None:
    for args in (("list",), ("show", "x"), ("terminate", "--all")):
        alone = run_here("sessions", *args, "--data-dir", str(tmp_path / "data"))
        assert (alone.code, alone.out) == (3, "")
        assert "no server is running" in alone.err
    server = Server(tmp_path / "data")
    add_people(server.data_dir / "users.toml", {USER: "user"})
    server.start()
    server.kill9()
    # The socket's name is left over, and nobody answers there.
    gone = run_here("sessions", "list", "--data-dir", str(server.data_dir))
    assert gone.code == 3


def test_config_show_and_schema_hold_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(
        '[server.tls]\ncertificate = "a.pem"\nkey = "a.key"\nkey_password = "canary-91"\n'
        '[sessions]\nidle_timeout = "5m"\n'
        '[identity.local]\ntype = "file"\nbind_password = "canary-92"\n'
    )
    shown = run_here(
        "config", "show", "--config", str(path), "--output", "json",
        environ={"SESSIONGATE_SESSIONS__MAX_TOTAL": "77"},
    )  # fmt: skip
    rows = {row["setting"]: row for row in done(shown).json()}
    assert rows["sessions.idle_timeout"]["origin"] == "file"
    assert rows["sessions.max_total"]["value"] in (77, "77")
    assert rows["sessions.max_total"]["origin"] == "env"
    table = done(run_here("config", "show", "--config", str(path)))
    assert "canary" not in shown.out + table.out
    schema = done(run_here("config", "schema")).json()
    assert {"server", "sessions", "identity"} <= set(schema["properties"])


def test_an_unknown_setting_ends_the_start_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('[sessions]\nidle_timeuot = "5m"\nmax_total = -1\n')
    for run, command in ((run_command, "serve"), (run_here, "check"), (run_here, "config show")):
        refused = run(*command.split(), "--config", str(path))
        assert (refused.code, refused.out) == (2, "")
        assert "idle_timeout" in refused.err
        # All problems at once.
        assert "max_total" in refused.err
        assert "Traceback" not in refused.err
    wrong = run_here("check", "--config", str(tmp_path / "none.toml"))
    assert wrong.code == 2
    flag = run_here("serve", "--listne", "x")
    assert flag.code == 2


def test_the_certificate_is_shown_and_renewed(server: Server) -> None:
    shown = done(server.run("cert", "show", "--output", "json")).json()
    assert f"Certificate SHA-256 {shown['sha256_fingerprint']}" in server.out.text
    assert f"Certificate SHA-1   {shown['sha1_fingerprint']}" in server.out.text
    assert {"127.0.0.1", "localhost"} <= set(shown["names"])
    renewed = done(server.run("cert", "renew", "--output", "json")).json()
    assert renewed["sha256_fingerprint"] != shown["sha256_fingerprint"]
    assert renewed["issuer"] == shown["issuer"]
    token = server.vim_token(USER)
    server.restart()
    # Clients that trusted the CA go on trusting it.
    assert renewed["sha256_fingerprint"] in server.out.text
    assert server.is_alive(token)
    assert renewed["sha256_fingerprint"] in done(server.run("cert", "show")).out


def test_there_is_no_certificate_before_the_first_start(tmp_path: Path) -> None:
    none = run_here("cert", "show", "--data-dir", str(tmp_path / "data"))
    assert none.code == 1
    assert "sessiongate init" in none.err


def test_check_says_what_is_well_and_what_is_not(make_server: MakeServer) -> None:
    # Without an operations listener: its usual port may be another server's, which is a note.
    settings = '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'
    server = make_server(settings=settings)
    rows = done(server.run("check", "--output", "json")).json()["checks"]
    assert {row["result"] for row in rows} <= {"ok", "note"}
    (running,) = (row for row in rows if row["check"] == "server")
    assert running["result"] == "ok"
    assert "running" in done(server.run("check")).out
    server.stop()
    rows = done(server.run("check", "--output", "json")).json()["checks"]
    (running,) = (row for row in rows if row["check"] == "server")
    assert running["result"] == "note"
    (server.data_dir / "tls" / "server.pem").write_text("no certificate")
    broken = server.run("check", "--output", "json")
    assert broken.code == 1
    assert "problem" in {row["result"] for row in broken.json()["checks"]}


def test_check_finds_what_a_start_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(
        """
        [identity.local]
        type = "file"
        [identity.vc]
        type = "vcenter"
        [identity.ad]
        type = "ldpa"
        [tokens.idp]
        type = "oidc"
        issuer = "https://idp.example"
        audience = "gate"
        role = "user"
        ca = "gate.toml"
        [extensions."com.example.tool"]
        role = "user"
        [store]
        url = "redis://127.0.0.1:1/0"
        [audit]
        file = "/nowhere/audit.jsonl"
        """
    )
    asked = ("--config", str(path), "--data-dir", str(tmp_path / "data"), "--output", "json")
    broken = run_here("check", *asked, environ=FREE)
    assert broken.code == 1
    said = [
        (row["check"], row["detail"])
        for row in broken.json()["checks"]
        if row["result"] == "problem"
    ]
    assert [check for check, _ in said] == [
        "providers",
        "providers",
        "tokens",
        "extensions",
        "store",
        "audit.file",
    ]
    starts = (
        "identity.vc.url:",
        "identity.ad.type:",
        "tokens.idp.ca:",
        "extensions.com.example.tool:",
    )
    last = ("the store at 127.0.0.1:1", "the directory /nowhere does not exist")
    for (_, detail), start in zip(said, (*starts, *last), strict=True):
        assert detail.startswith(start)
    assert not (tmp_path / "data").exists()


def test_check_names_what_it_has_tried(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(
        """
        [identity.local]
        type = "file"
        [identity.vc]
        type = "vcenter"
        url = "https://vcenter.example"
        [tokens.idp]
        type = "oidc"
        issuer = "https://idp.example"
        audience = "gate"
        role = "user"
        """
    )
    asked = ("--config", str(path), "--data-dir", str(tmp_path / "data"), "--output", "json")
    rows = {
        row["check"]: row for row in done(run_here("check", *asked, environ=FREE)).json()["checks"]
    }
    assert (rows["providers"]["result"], rows["providers"]["detail"]) == ("ok", "local, vc")
    assert (rows["tokens"]["result"], rows["tokens"]["detail"]) == ("ok", "idp")
    assert not {"extensions", "store"} & rows.keys()


def test_check_notes_privileges_that_may_be_slips_and_a_start_refuses_those_that_are(
    tmp_path: Path,
) -> None:
    path = tmp_path / "gate.toml"
    asked = ("--config", str(path), "--data-dir", str(tmp_path / "data"), "--output", "json")
    path.write_text(
        "[roles.auditor]\n"
        'privileges = ["System.View", "Sessions.TerminateSesion", "Alarm.Acknowledge"]'
    )
    rows = done(run_here("check", *asked, environ=FREE)).json()["checks"]
    assert [(row["result"], row["detail"]) for row in rows if row["check"] == "roles"] == [
        (
            "note",
            "roles.auditor.privileges: 'Sessions.TerminateSesion' has no effect here;"
            " did you mean Sessions.TerminateSession?",
        )
    ]
    path.write_text('[roles.auditor]\nprivileges = ["Sessiongate.ListSesions"]')
    assert run_here("check", *asked, environ=FREE).code == 1
    refused = run_here(
        "serve", "--config", str(path), "--data-dir", str(tmp_path / "data"), environ=FREE
    )
    assert refused.code == 2
    assert "did you mean Sessiongate.ListSessions?" in refused.err


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ('type = "vcenter"\nurl = "https://vcenter.example"\nrole = "usr"', "usr"),
        (
            'type = "vcenter"\nurl = "https://vcenter.example"\n[identity.far.roles]\nbob = "boss"',
            "boss",
        ),
        (
            'type = "ldap"\nurl = "ldaps://dc.example"\nbase_dn = "dc=x"\nbind_dn = "cn=gate,dc=x"'
            '\nbind_password = "x"\ndefault_role = "usr"',
            "usr",
        ),
    ],
)
def test_a_role_of_a_provider_that_does_not_exist_is_a_problem(
    tmp_path: Path, table: str, wrong: str
) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(f'[identity.local]\ntype = "file"\n[identity.far]\n{table}\n')
    asked = ("--config", str(path), "--data-dir", str(tmp_path / "data"), "--output", "json")
    broken = run_here("check", *asked, environ=FREE)
    [problem] = [row["detail"] for row in broken.json()["checks"] if row["result"] == "problem"]
    assert problem.startswith(
        f"identity.far: the role {wrong!r} does not exist;"
        " there are: administrator, no-access, operator, user"
    )


def test_two_providers_of_one_domain_are_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    both = (f'[identity.{one}]\ntype = "file"\ndomains = ["CORP"]\n' for one in ("local", "b"))
    path.write_text("".join(both))
    broken = run_here("check", "--config", str(path), "--data-dir", str(tmp_path / "data"))
    assert broken.code == 1
    assert "claimed by identity.local too" in broken.out


def test_init_prints_a_password_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    first = done(run_here("init", "--data-dir", str(data_dir)))
    said = exported(first.out)
    assert said["SG_USER"] == "admin"
    password = said["SG_PASSWORD"]
    assert len(password) >= 24
    kept = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert password.encode() not in kept
    second = done(run_here("init", "--data-dir", str(data_dir)))
    assert "none was added" in second.out
    assert "PASSWORD" not in second.out
    assert password not in second.out
    for told in (first, second):
        assert exported(told.out)["SESSIONGATE_DATA_DIR"] == str(data_dir)
    with Server(data_dir) as server:
        assert server.zerto_login("admin", password).status == 200
        server.stop()
    other = done(run_here("init", "--data-dir", str(tmp_path / "other"), "--admin", "root"))
    assert password not in other.out
    assert exported(other.out)["SG_USER"] == "root"


def test_one_line_says_which_server_every_command_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, and quoted for the shell, from wherever it is pasted."""
    monkeypatch.chdir(tmp_path)
    said = exported(done(run_here("init", "--data-dir", "my data")).out)
    assert said.keys() == {"SG_USER", "SG_PASSWORD", "SESSIONGATE_DATA_DIR"}
    assert said["SESSIONGATE_DATA_DIR"] == str(tmp_path / "my data")
    monkeypatch.chdir("/")
    environ = {"SESSIONGATE_DATA_DIR": said["SESSIONGATE_DATA_DIR"]}
    [row] = done(run_here("users", "list", "--output", "json", environ=environ)).json()
    assert row["name"] == "admin"
    # A flag is nearer than a variable.
    other = run_here("users", "list", "--data-dir", "/nowhere/at/all", environ=environ)
    assert (other.code, "/nowhere/at/all" in other.err) == (1, True)
    both = {**environ, "SESSIONGATE_SERVER__DATA_DIR": "/nowhere/at/all"}
    assert run_here("users", "list", environ=both).code == 2


def test_a_password_that_init_makes_up_follows_the_rule(tmp_path: Path) -> None:
    environ = {"SESSIONGATE_HASHING__MIN_LENGTH": "64"}
    said = done(run_here("init", "--data-dir", str(tmp_path / "data"), environ=environ)).out
    assert len(exported(said)["SG_PASSWORD"]) >= 64


def test_a_server_without_users_says_how_to_add_one(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        assert server.out.wait_for(lambda lines: "users add admin" in lines[-1])
        way = server.out.lines[-1]
        assert server.zerto_login("admin", "admin").status == 401
        args = way.split()[1:]
        assert args[0] == "users"
        added = run_command(*args, "--password-stdin", stdin="first pass 12\n")
        done(added)
        assert server.zerto_login("admin", "first pass 12").status == 200
        server.stop()


NAME = "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME"
PASSWORD = "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD"


def test_bootstrap_by_variables(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", environ={NAME: "boss", PASSWORD: "boot pass 12"})
    with server:
        assert "first administrator was added" in server.out.text
        assert "boot pass 12" not in server.out.text + server.log.text
        token = server.vim_token(("boss", "boot pass 12"))
        assert server.get("sessionList", token).status == 200
        server.stop()
    # With users there it is over: another value changes nothing.
    server.environ = {NAME: "boss", PASSWORD: "other pass 12"}
    with server:
        assert "first administrator" not in server.out.text
        assert server.zerto_login("boss", "other pass 12").status == 401
        assert server.zerto_login("boss", "boot pass 12").status == 200
        server.stop()


def test_bootstrap_by_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("file pass 12\n")
    environ = {NAME: "boss", f"{PASSWORD}_FILE": str(secret)}
    with Server(tmp_path / "data", environ=environ) as server:
        assert server.zerto_login("boss", "file pass 12").status == 200
        server.stop()


@pytest.mark.parametrize(
    "environ",
    [
        {NAME: "boss"},
        {PASSWORD: "canary-77"},
        {NAME: "boss", PASSWORD: "canary-77", f"{PASSWORD}_FILE": "/nowhere"},
        {NAME: "boss", f"{PASSWORD}_FILE": "/nowhere/at/all"},
    ],
)
def test_half_a_bootstrap_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    refused = run_command(
        "serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", environ=environ
    )
    assert refused.code == 2
    assert PASSWORD in refused.err
    assert "canary" not in refused.err + refused.out
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [
        ("boss", "elevenchars", "at least 12 characters"),
        ("boss", "\u00e9" * 11, "at least 12 characters"),
        ("The-Big-Boss", "the-BIG-boss", "the user's name"),
    ],
)
@pytest.mark.parametrize("by_file", [False, True])
def test_the_first_administrators_password_follows_the_rule(
    name: str, password: str, why: str, by_file: bool, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{password}\n", encoding="utf-8")
    variable = f"{PASSWORD}_FILE" if by_file else PASSWORD
    environ = {NAME: name, variable: str(secret) if by_file else password}
    asked = ("serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    refused = run_here(*asked, environ=environ)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"sessiongate: {variable}: ")
    assert why in refused.err
    assert password not in refused.err
    assert not (tmp_path / "data").exists()


def test_dev_serves_a_throw_away_instance(tmp_path: Path) -> None:
    server = Server(tmp_path, command=("dev",), flags=("--user", "ci:ci:pass"))
    with server:
        assert server.out.wait_for(lambda lines: any("Login" in line for line in lines))
        (trust,) = (line for line in server.out.lines if line.startswith("Clients may trust "))
        ca = Path(trust.removeprefix("Clients may trust "))
        server.data_dir = ca.parent.parent
        assert server.zerto_login("ci", "ci:pass").status == 200
        assert server.get("sessionList", server.vim_token(("ci", "ci:pass"))).status == 200
        assert "ci:pass" not in server.out.text
        assert not list(server.data_dir.glob("*.db*"))
        server.stop()
    assert not server.data_dir.exists()


def test_dev_makes_up_credentials_that_its_recipes_use(tmp_path: Path) -> None:
    with Server(tmp_path, command=("dev", "--plain-http")) as server:
        assert server.out.wait_for(lambda lines: any("Login" in line for line in lines))
        said = exported(server.out.text)
        assert len(said["SG_PASSWORD"]) >= 24
        assert server.vim_login(said["SG_USER"], said["SG_PASSWORD"]).status == 200
        server.stop()


def test_help_and_version() -> None:
    assert re.fullmatch(r"sessiongate \d+\.\d+\.\d+\S*\n", done(run_command("--version")).out)
    text = done(run_here("--help")).out
    for command in ("serve", "dev", "init", "check", "users", "sessions", "config", "cert"):
        assert command in text


def test_sec_68_a_server_leaves_no_core_file(server: Server) -> None:
    """A core file would hold what is secret in memory."""
    assert server.process is not None
    limits = Path(f"/proc/{server.process.pid}/limits")
    if not limits.exists():
        pytest.skip("this system does not show a process's limits")
    (core,) = (line for line in limits.read_text().splitlines() if "core file size" in line)
    assert core.split()[4:6] == ["0", "0"]


def test_a_server_may_open_as_many_files_as_its_connections_need(server: Server) -> None:
    assert server.process is not None
    limits = Path(f"/proc/{server.process.pid}/limits")
    if not limits.exists():
        pytest.skip("this system does not show a process's limits")
    (line,) = (one for one in limits.read_text().splitlines() if one.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    assert soft == hard or int(soft) >= 21_024
