"""Text in and out, whatever the locale and whatever bytes come in: never a traceback, never a user
who cannot log in."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import argon2
import pytest

from sessiongate.cli.output import Exit
from sessiongate.identity.local.users_file import read_users
from tests.end_to_end.serving import Finished, environment, run_here
from tests.until import PATIENCE

pytestmark = pytest.mark.slow

# What Python makes of the C locale by itself is UTF-8; these are the ways to have another one.
LATIN = {"PYTHONIOENCODING": "latin-1"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
POSIX = {"LC_ALL": "POSIX"}
in_each_locale = pytest.mark.parametrize(
    "locale", [LATIN, ASCII, POSIX], ids=["latin-1", "ascii", "posix"]
)


def run(
    *args: str | bytes, stdin: bytes = b"", environ: Mapping[str, str | bytes] | None = None
) -> tuple[int, bytes, str]:
    """Run a command as a process, in bytes: exit code, standard output, standard error."""
    kept = {os.fsencode(name): os.fsencode(value) for name, value in environment().items()}
    more = {
        os.fsencode(name): os.fsencode(value) if isinstance(value, str) else value
        for name, value in (environ or {}).items()
    }
    done = subprocess.run(
        [sys.executable, "-m", "sessiongate.cli.main", *args],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**kept, **more},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with users of whom one has a full name beyond Latin-1."""
    data_dir = tmp_path_factory.mktemp("text") / "data"
    assert run_here("init", "--data-dir", str(data_dir), "--admin", "zo\u00eb").code == 0
    for name, full_name in (("i\u015f\u0131k", "I\u015f\u0131k \u5149"), ("bob", "Bob")):
        added = run_here(
            "users", "add", name, "--role", "user", "--full-name", full_name, "--generate",
            "--data-dir", str(data_dir),
        )  # fmt: skip
        assert added.code == 0
    return data_dir


def add(data_dir: Path, stdin: bytes) -> Finished:
    asked = ("users", "add", "eve", "--role", "user", "--password-stdin")
    return run_here(*asked, "--data-dir", str(data_dir), stdin=stdin)


@pytest.mark.parametrize(
    "stdin",
    [
        "Pa\u00dfwort-1234\n".encode("latin-1"),
        "Lighthouse-7\r\n".encode("utf-16"),
        b"Lighthouse-7\xff\n",
        b"Lighthouse\xc3-71\n",
        b"\xed\xb3\xa9-Lighthouse\n",  # half a surrogate pair, as UTF-8 must not have it
    ],
    ids=["latin-1", "utf-16 with BOM", "no UTF-8", "half a letter", "surrogate"],
)
@pytest.mark.parametrize("command", ["add", "passwd"])
def test_a_password_that_is_not_utf8_is_refused(command: str, stdin: bytes, data_dir: Path) -> None:
    before = (data_dir / "users.toml").read_bytes()
    args = {"add": ("eve", "--role", "user"), "passwd": ("zo\u00eb",)}[command]
    refused = run_here(
        "users", command, *args, "--password-stdin", "--data-dir", str(data_dir), stdin=stdin
    )
    assert (refused.code, refused.out) == (Exit.SETTINGS, "")
    assert "is not UTF-8" in refused.err
    assert "iconv" in refused.err
    assert (data_dir / "users.toml").read_bytes() == before


def test_utf16_without_a_bom_is_refused_by_its_zero_bytes(data_dir: Path) -> None:
    refused = add(data_dir, "Lighthouse-7\n".encode("utf-16-le"))
    assert refused.code == Exit.REFUSED
    assert "not text" in refused.err


@in_each_locale
def test_a_password_is_utf8_in_every_locale_and_a_bom_is_no_part_of_it(
    locale: dict[str, str], data_dir: Path
) -> None:
    """The stored hash is that of the letters, as a client sends them."""
    password = "Pa\u00dfwort-123\u5149"
    for stdin in (password.encode(), b"\xef\xbb\xbf" + password.encode() + b"\r\nmore\n"):
        code, _, err = run(
            "users", "passwd", "bob", "--password-stdin", "--data-dir", str(data_dir),
            stdin=stdin, environ=locale,
        )  # fmt: skip
        assert code == 0, err
        stored = read_users(data_dir / "users.toml")["bob"].stored
        assert argon2.PasswordHasher().verify(stored, password.encode())


@in_each_locale
@pytest.mark.parametrize(
    "args",
    [
        ("users", "list"),
        ("check",),
        ("cert", "show"),
        ("users", "add", "--help"),
        ("sessions", "list"),
    ],
    ids=" ".join,
)
def test_no_locale_makes_a_command_fail(
    args: tuple[str, ...], locale: dict[str, str], data_dir: Path
) -> None:
    where = () if "--help" in args else ("--data-dir", str(data_dir))
    code, out, err = run(*args, *where, environ=locale)
    assert code in (0, Exit.REFUSED, Exit.UNREACHABLE), err
    if args == ("users", "list"):
        assert b"user" in out
        # What the encoding lacks shows as ?, and the rest as it is.
        name = "I\u015f\u0131k".encode("utf-8") if locale is POSIX else b"I??k"
        assert name in out


@in_each_locale
def test_json_is_utf8_or_ascii_in_every_locale(locale: dict[str, str], data_dir: Path) -> None:
    code, out, _ = run(
        "users", "list", "--output", "json", "--data-dir", str(data_dir), environ=locale
    )
    assert code == 0
    names = {row["full_name"] for row in json.loads(out.decode("utf-8"))}
    assert "I\u015f\u0131k \u5149" in names


@pytest.mark.parametrize(
    "args",
    [
        (b"users", b"add", b"eve\xe9", b"--role", b"user", b"--generate"),
        (b"users", b"add", b"eve", b"--role", b"user", b"--full-name", b"\xe9ve", b"--generate"),
        (b"users", b"show", b"\xe9ve"),
        (b"sessions", b"list", b"--user", b"\xe9ve"),
        (b"sessions", b"show", b"\xe9ve"),
        (b"sessions", b"terminate", b"--user", b"\xe9ve"),
        (b"audit", b"verify", b"--head", b"\xe9ve"),
        (b"check", b"--config", b"/nowhere/\xe9ve"),
    ],
    ids=lambda args: args[1].decode() + str(len(args)),
)
def test_arguments_that_are_no_text_are_refused(args: tuple[bytes, ...], data_dir: Path) -> None:
    before = (data_dir / "users.toml").read_bytes()
    code, out, err = run(*args, b"--data-dir", os.fsencode(data_dir))
    assert (code, out) == (Exit.SETTINGS, b"")
    assert "not text in this locale" in err
    assert "LC_ALL=C.UTF-8" in err
    assert (data_dir / "users.toml").read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "SESSIONGATE_DATA_DIR",
        "SESSIONGATE_CONFIG",
        "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD",
        "SESSIONGATE_STORE__PASSWORD",
    ],
)
def test_variables_that_are_no_text_are_refused(name: str) -> None:
    code, out, err = run("config", "show", environ={name: b"Lighthouse-\xe9"})
    assert (code, out) == (Exit.SETTINGS, b"")
    assert err.startswith(f"sessiongate: {name}: is not text")
    assert "Lighthouse" not in err


def test_whoever_runs_a_command_may_have_any_name(data_dir: Path) -> None:
    """It goes into the audit, and comes from the environment."""
    code, _, err = run(
        "users", "disable", "zo\u00eb", "--yes", "--data-dir", str(data_dir),
        environ={"LOGNAME": b"\xe9ve"},
    )  # fmt: skip
    assert code == 0, err
    assert b"os:?ve" in (data_dir / "audit-inbox.jsonl").read_bytes()


def test_a_directory_that_this_locale_cannot_write_is_said(tmp_path: Path) -> None:
    settings = tmp_path / "gate.toml"
    settings.write_text(f'[server]\ndata_dir = "{tmp_path}/d\u00e4ta"\n', encoding="utf-8")
    code, _, err = run("users", "list", "--config", str(settings), environ=ASCII)
    assert code in (Exit.SETTINGS, Exit.REFUSED)
    assert "locale" in err or "does not exist" in err
