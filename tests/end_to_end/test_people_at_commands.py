"""What a person meets at a command line: keys to copy, questions before much ends, who is who."""

import re

import pytest

from tests.end_to_end.at_terminal import at_terminal
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, OTHER, USER, Server, run_command

pytestmark = pytest.mark.slow


def on(server: Server) -> tuple[str, str]:
    return ("--data-dir", str(server.data_dir))


def key_of(server: Server, person: tuple[str, str]) -> str:
    return str(server.vim_login(*person).json()["key"])


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_keys_can_be_copied_from_a_terminal_of_any_width(width: int, server: Server) -> None:
    keys = {key_of(server, USER), key_of(server, OTHER)}
    code, shown = at_terminal("sessions", "list", *on(server), width=width)
    assert code == 0, shown
    lines = re.sub(r"\x1b\[\d*m", "", shown).splitlines()
    assert {line.split()[0] for line in lines[1:3]} == keys
    assert all(len(line) <= width for line in lines[:3])
    assert lines[0].split()[:3] == ["KEY", "USER", "LEFT"]
    # Thirty minutes less a moment.
    assert {line.split()[2] for line in lines[1:3]} <= {"30m", "29m"}
    code, wide = at_terminal("sessions", "list", "--wide", *on(server), width=width)
    assert "USER AGENT" in wide
    assert len(wide.splitlines()) == 3


def test_a_session_is_known_by_the_beginning_of_its_key(server: Server) -> None:
    token = server.vim_token(USER)
    key = server.get("currentSession", token).json()["key"]
    short = server.run("sessions", "show", key[:7])
    assert (short.code, short.out) == (1, "")
    assert "at least its first 8 characters" in short.err
    assert server.run("sessions", "show", key[:8].upper(), "--output", "json").json()["key"] == key
    unknown = server.run("sessions", "terminate", "00000000")
    assert (unknown.code, "no live session" in unknown.err) == (1, True)
    assert server.is_alive(token)
    tried = server.run("sessions", "terminate", key[:8], "--dry-run")
    assert (tried.code, tried.out) == (0, "1 session would end.\n")
    assert server.is_alive(token)
    ended = server.run("sessions", "terminate", key[:8])
    assert (ended.code, ended.out) == (0, "1 session ended.\n")
    assert not server.is_alive(token)


ALL = ("--all",)
ONES = ("--user", USER[0])


@pytest.mark.parametrize(("which", "count"), [(ALL, 3), (ONES, 2)])
def test_a_terminal_is_asked_before_many_sessions_end(
    which: tuple[str, ...], count: int, server: Server
) -> None:
    tokens = [server.vim_token(USER), server.vim_token(USER), server.vim_token(OTHER)]
    command = ("sessions", "terminate", *which, *on(server))
    question = f"End {count} sessions of"
    for answer in ("n\n", "\n"):
        code, shown = at_terminal(*command, types=[(question, answer)])
        assert code == 1, shown
        assert "nothing was ended" in shown
    assert all(map(server.is_alive, tokens))
    code, shown = at_terminal(*command, "--dry-run")
    assert (code, shown) == (0, f"{count} sessions would end.\n")
    assert all(map(server.is_alive, tokens))
    code, shown = at_terminal(*command, types=[(question, "y\n")])
    assert code == 0, shown
    assert f"{count} sessions ended." in shown
    assert [server.is_alive(token) for token in tokens].count(True) == 3 - count


def test_with_yes_or_without_a_terminal_nothing_is_asked(server: Server) -> None:
    token = server.vim_token(USER)
    code, shown = at_terminal("sessions", "terminate", "--all", "--yes", *on(server))
    assert (code, shown) == (0, "1 session ended.\n")
    assert not server.is_alive(token)
    token = server.vim_token(USER)
    done = run_command("sessions", "terminate", "--all", *on(server))
    assert (done.code, done.out, done.err) == (0, "1 session ended.\n", "")
    assert not server.is_alive(token)
    for _ in range(2):
        dry = server.run("sessions", "terminate", "--all", "--dry-run", "--output", "json")
        assert dry.json() == {"would_end": 0}


def test_a_name_that_nobody_has_is_not_a_name_without_sessions(server: Server) -> None:
    for command in (("terminate",), ("terminate", "--dry-run"), ("list",)):
        idle = server.run("sessions", *command, "--user", "URSULA")
        assert (idle.code, idle.out) == (0, "URSULA has no session.\n")
        unknown = server.run("sessions", *command, "--user", "ursual")
        assert (unknown.code, unknown.out) == (1, "")
        assert "there is no user 'ursual'" in unknown.err
    both = server.run("sessions", "list", "--user", "ursula", "--output", "json")
    assert both.json() == []


def test_where_a_directory_knows_names_too_nobody_is_called_unknown(
    make_server: MakeServer,
) -> None:
    server = make_server(
        settings='[identity.local]\ntype = "file"\ndomains = ["CORP"]\n'
        '[identity.vc]\ntype = "vcenter"\nurl = "https://vcenter.example"\n'
        '[extensions."com.example.tool"]\nrole = "user"\n'
        f'fingerprint = "{"ab" * 32}"\n'
    )
    asked = ("sessions", "terminate", "--user")
    other = server.run(*asked, "somebody")
    assert (other.code, other.out.split(";")[0]) == (
        0,
        "Nobody of the name somebody has a session",
    )
    for known in ("corp\\ursula", "com.example.tool"):
        assert server.run(*asked, known).out == f"{known} has no session.\n"


def test_users_show_who_is_there_locked_and_was_last_in(make_server: MakeServer) -> None:
    server = make_server(settings="[lockout]\nattempts = 2\n")
    before = {row["name"]: row for row in server.run("users", "list", "--output", "json").json()}
    assert (before["ursula"]["sessions"], before["ursula"]["last_login"]) == (0, None)
    assert before["ursula"]["locked"] is False
    for _ in range(2):
        token = server.vim_token(USER)
    for _ in range(2):
        assert server.zerto_login(OTHER[0], "wrong").status == 401
    rows = {row["name"]: row for row in server.run("users", "list", "--output", "json").json()}
    login_at = server.get("currentSession", token).json()["loginTime"]
    assert rows["ursula"]["last_login"] == f"{login_at[:19]}+00:00"
    assert rows["ursula"]["sessions"] == 2
    assert [name for name, row in rows.items() if row["locked"]] == [OTHER[0]]
    shown = server.run("users", "show", "URSULA", "--output", "json")
    assert shown.json() == rows["ursula"]
    table = server.run("users", "list")
    assert (table.err, "LAST LOGIN" in table.out) == ("", True)
    server.stop()
    # The audit outlives the server; what only a running one knows is not made up.
    alone = server.run("users", "show", "ursula", "--output", "json").json()
    assert alone["last_login"] == rows["ursula"]["last_login"]
    assert (alone["sessions"], alone["locked"]) == (None, None)
    said = server.run("users", "show", "ursula")
    assert "no server runs on" in said.err


def test_a_change_says_whether_a_server_has_heard_of_it(server: Server) -> None:
    changes = (
        ("add", "vera", "--role", "user", "--generate"),
        ("role", "vera", "operator"),
        ("disable", "vera"),
        ("enable", "vera"),
        ("passwd", "vera", "--generate"),
        ("remove", "vera"),
    )
    for change in changes:
        done = server.run("users", *change)
        assert (done.code, done.err) == (0, ""), done
        assert "has taken it in" in done.out or "have ended" in done.out
    server.stop()
    for change in changes:
        done = server.run("users", *change)
        assert (done.code, done.err) == (0, ""), done
        assert "No server runs on" in done.out
        assert "have ended" not in done.out
    told = server.run("users", "disable", ADMIN[0], "--yes", "--output", "json").json()
    assert told == {"ok": True, "user": ADMIN[0], "server": "not running"}


def test_a_generated_password_is_shown_once_and_works(server: Server) -> None:
    added = server.run("users", "add", "vera", "--role", "user", "--generate")
    password = added.out.splitlines()[-1].removeprefix("Password, shown this once: ")
    assert len(password) >= 24
    assert server.zerto_login("vera", password).status == 200
    reset = server.run("users", "passwd", "vera", "--generate", "--output", "json").json()
    assert reset["server"] == "taken"
    assert server.zerto_login("vera", password).status == 401
    assert server.zerto_login("vera", reset["password"]).status == 200
    for kept in server.data_dir.rglob("*"):
        if kept.is_file():
            assert password.encode() not in kept.read_bytes()


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "at least 12 characters"),
        ("\u00e9" * 11, "at least 12 characters"),
        ("vera-from-corp", "the user's name"),
        ("VERA-from-CORP", "the user's name"),
    ],
)
def test_a_password_that_is_short_or_the_name_is_refused(
    password: str, why: str, server: Server
) -> None:
    name = "vera-from-corp"
    added = server.run(
        "users", "add", name, "--role", "user", "--password-stdin", stdin=f"{password}\n"
    )
    assert (added.code, added.out) == (1, "")
    assert why in added.err
    assert password not in added.err
    reset = server.run("users", "passwd", "admin", "--password-stdin", stdin="short\n")
    assert (reset.code, "hashing.min_length" in reset.err) == (1, True)
    # Whoever has a shorter one goes on.
    assert server.zerto_login(*USER).status == 200


def test_the_least_length_is_a_setting_and_holds_for_generated_ones(
    make_server: MakeServer,
) -> None:
    server = make_server(settings="[hashing]\nmin_length = 40\n")
    short = server.run(
        "users", "add", "vera", "--role", "user", "--password-stdin", stdin=f"{'x' * 39}\n"
    )
    assert (short.code, "at least 40" in short.err) == (1, True)
    made = server.run("users", "add", "vera", "--role", "user", "--generate", "--output", "json")
    assert len(made.json()["password"]) >= 40


def test_a_password_is_typed_twice_and_never_shown(server: Server) -> None:
    command = ("users", "add", "vera", "--role", "user", *on(server))
    # With the space that comes only once nothing is echoed and what was typed before is dropped.
    typed = [("Password of vera: ", "Lighthouse-7\n"), ("confirmation: ", "Lighthouse-7\n")]
    code, shown = at_terminal(*command, types=typed)
    assert code == 0, shown
    assert "Lighthouse" not in shown
    assert server.zerto_login("vera", "Lighthouse-7").status == 200


def test_the_rule_for_passwords_is_told_before_one_is_typed(make_server: MakeServer) -> None:
    server = make_server(settings="[hashing]\nmin_length = 20\n")
    config = ("--config", str(server.write_settings()))
    for command in (("add", "vera", "--role", "user"), ("passwd", "ursula")):
        typed = [(f"Password of {command[1]}: ", "short\n"), ("confirmation: ", "short\n")]
        code, shown = at_terminal("users", *command, *on(server), *config, types=typed)
        assert (code, "must have at least 20" in shown) == (1, True)
        rule = "A password has at least 20 characters and is not the user's name."
        assert shown.index(rule) < shown.index("Password of ")
    piped = server.run(
        "users", "passwd", "ursula", "--password-stdin", stdin="a password of twenty\n"
    )
    assert (piped.code, piped.err) == (0, "")


def test_sessions_are_listed_by_their_last_use_the_latest_first(server: Server) -> None:
    tokens = [server.vim_token(person) for person in (ADMIN, USER, OTHER)]
    for turn in (1, 0, 2):
        assert server.is_alive(tokens[turn])
    rows = server.run("sessions", "list", "--output", "json").json()
    assert [row["user"] for row in rows] == [OTHER[0], ADMIN[0], USER[0]]
    table = server.run("sessions", "list").out.splitlines()
    assert [line.split()[1] for line in table[1:]] == [OTHER[0], ADMIN[0], USER[0]]


def test_colours_are_for_terminals_and_for_whoever_wants_them(server: Server) -> None:
    code, shown = at_terminal("check", *on(server), width=200)
    assert "\x1b[32mok\x1b[0m" in shown, (code, shown)
    _, plain = at_terminal("check", *on(server), width=200, environ={"NO_COLOR": "1"})
    assert "\x1b" not in plain
    assert "\x1b" not in run_command("check", *on(server)).out
    _, refused = at_terminal("sessions", "show", "00000000", *on(server))
    assert refused.startswith("\x1b[31msessiongate:\x1b[0m no live session")
