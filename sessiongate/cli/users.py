"""`sessiongate users`: the local users. Changes reach a running server at once."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from sessiongate.admin import inbox
from sessiongate.app import roles_of, users_file
from sessiongate.cli.control import ask, server_answers, tell_users_changed
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_rows
from sessiongate.config import Config
from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.identity import users_file as store
from sessiongate.identity.hashing import PasswordHasher
from sessiongate.identity.users_file import User
from sessiongate.secret import Secret

app = typer.Typer(no_args_is_help=True, help="Local users.")

ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", help="Which file provider, where there are several."),
]
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
Name = Annotated[str, typer.Argument(help="User name, as the user will type it.")]

_COLUMNS = ("name", "role", "full_name", "disabled", "created")


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="Role of the user.")],
    full_name: Annotated[str, typer.Option("--full-name", help="Name for people.")] = "",
    password_stdin: StdinOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add a user."""
    loaded = settings(config, data_dir)
    path = users_file(loaded, provider)
    password = _password(password_stdin, name)
    user = _done(
        loaded,
        "user added",
        lambda: store.add_user(
            path,
            name,
            password,
            role,
            hasher=PasswordHasher(1),
            roles=roles_of(loaded).names(),
            full_name=full_name,
            created=datetime.now(UTC).replace(microsecond=0),
        ),
        f"role {role}",
    )
    print(f"User {user.name} added with the role {user.role}.")


@app.command("list")
def list_(
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List users. Their password hashes stay in the file."""
    path = users_file(settings(config, data_dir), provider)
    rows = [
        {
            "name": user.name,
            "role": user.role,
            "full_name": user.full_name or user.name,
            "disabled": user.disabled,
            "created": user.created.isoformat() if user.created else None,
        }
        for user in store.list_users(path)
    ]
    show_rows(rows, _COLUMNS, output, "There is no user. Add one with `sessiongate users add`.")


@app.command()
def passwd(
    name: Name,
    password_stdin: StdinOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Set a user's password, and end the sessions opened with the old one."""
    loaded = settings(config, data_dir)
    path = users_file(loaded, provider)
    password = _password(password_stdin, name)
    _done(
        loaded,
        "password set",
        lambda: store.set_password(path, name, password, hasher=PasswordHasher(1)),
    )
    print("Password set. Sessions opened with the old one have ended.")


@app.command()
def role(
    name: Name,
    new_role: Annotated[str, typer.Argument(metavar="ROLE")],
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Give a user another role, and end the user's sessions."""
    loaded = settings(config, data_dir)
    path = users_file(loaded, provider)
    _done(
        loaded,
        "role set",
        lambda: store.set_role(path, name, new_role, roles=roles_of(loaded).names()),
        f"role {new_role}",
    )
    print(f"Role set to {new_role}. The user's sessions have ended.")


@app.command()
def disable(
    name: Name,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Shut a user out, and end the user's sessions at once."""
    _set_disabled(name, True, provider, config, data_dir)
    print("User disabled. The user's sessions have ended.")


@app.command()
def enable(
    name: Name,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let a disabled user in again."""
    _set_disabled(name, False, provider, config, data_dir)
    print("User enabled.")


@app.command()
def remove(
    name: Name,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Remove a user, and end the user's sessions at once."""
    loaded = settings(config, data_dir)
    path = users_file(loaded, provider)
    _done(loaded, "user removed", lambda: store.remove_user(path, name))
    print("User removed. The user's sessions have ended.")


@app.command()
def unlock(
    name: Name,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Let a user who is locked out by failed logins try again at once."""
    address = f"/users/unlock?user={quote(name, safe='')}"
    if ask(settings(config, data_dir).server.data_dir, "POST", address)["unlocked"]:
        print("User unlocked.")
    else:
        print("Nothing was held against this user.")


def _set_disabled(
    name: str, disabled: bool, provider: str | None, config: Path | None, data_dir: Path | None
) -> None:
    loaded = settings(config, data_dir)
    path = users_file(loaded, provider)
    what = "user disabled" if disabled else "user enabled"
    _done(loaded, what, lambda: store.set_disabled(path, name, disabled))


def _done(config: Config, what: str, change: Callable[[], User], detail: str = "") -> User:
    """Make a change to the file, leave it for the audit, and have a running server notice."""
    try:
        user = change()
    except (InvalidArgument, NotFound) as error:
        fail(Exit.REFUSED, str(error))
    inbox.leave(config.server.data_dir, what, user.canonical, detail)
    data_dir = config.server.data_dir
    if not tell_users_changed(data_dir) and server_answers(data_dir):
        print(
            "sessiongate: the running server could not take this in yet, so sessions may still be"
            " open; it tries again each second, and its log says why it cannot",
            file=sys.stderr,
        )
    return user


def _password(from_stdin: bool, name: str) -> Secret:
    """From standard input to its first line's end, or typed twice at a terminal."""
    if from_stdin:
        # PowerShell begins what it pipes with a byte order mark.
        return Secret(sys.stdin.readline().removeprefix("\ufeff").rstrip("\r\n"))
    if not sys.stdin.isatty():
        fail(Exit.SETTINGS, "give the password on standard input, with --password-stdin")
    return Secret(typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True))
