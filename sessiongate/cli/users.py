"""`sessiongate users`: the local users. Changes reach a running server at once."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sessiongate.app.setup.new_users import new_password, new_user
from sessiongate.app.setup.roles_and_users import (
    is_last_administrator,
    roles_as_they_are,
    roles_of,
    users_file,
)
from sessiongate.audit import offline as inbox
from sessiongate.cli.accounts import (
    USER_COLUMNS,
    accounts_of,
    no_administrator,
)
from sessiongate.cli.control_client import RefreshOutcome, ask, in_address, refresh_users
from sessiongate.cli.lazy_candidates import role_names, user_names
from sessiongate.cli.options import (
    ConfigOption,
    DataDirOption,
    OutputOption,
    WideOption,
    prepared,
    settings,
)
from sessiongate.cli.output import (
    Exit,
    Output,
    fail,
    note,
    print_sentence,
    show_facts,
    show_json,
    show_rows,
)
from sessiongate.cli.passwords import random_password, read_new_password
from sessiongate.cli.people import Known, known_as
from sessiongate.cli.prompts import confirmed
from sessiongate.config import Config
from sessiongate.errors import InvalidArgument, NotFound
from sessiongate.identity.local import users_file as store
from sessiongate.identity.local.users_file import User
from sessiongate.rules.access import ADMINISTER
from sessiongate.secret import Secret

app = typer.Typer(no_args_is_help=True, help="Local users.")

ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", help="Which file provider, where there are several."),
]
StdinOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, as UTF-8."),
]
GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Make a random password, and show it this once.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask, even where no administrator is left.")
]
_NAME = "User name, as the user will type it."
NewName = Annotated[str, typer.Argument(help=_NAME)]
Name = Annotated[str, typer.Argument(help=_NAME, autocompletion=user_names)]


@app.command()
def add(
    name: NewName,
    role: Annotated[
        str, typer.Option("--role", help="Role of the user.", autocompletion=role_names)
    ],
    full_name: Annotated[str, typer.Option("--full-name", help="Name for people.")] = "",
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a user."""
    change = _Change(provider, config, data_dir)
    password = _password(password_stdin, generate, name, change.least)

    def added() -> User:
        return new_user(change.config, change.path, name, password, role, full_name)

    user = change.make("user added", added, f"role {role}")
    said = f"User {user.name} added with the role {user.role}."
    change.print_outcome(said, "", output, password if generate else None)


@app.command("list")
def list_(
    provider: ProviderOption = None,
    wide: WideOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List users: role, whether locked, last login, sessions. Their hashes stay in the file."""
    change = _Change(provider, config, data_dir)
    rows, doubt = accounts_of(change.config, change.provider, store.list_users(change.path))
    none = "There is no user. Add one with `sessiongate users add`."
    show_rows(rows, USER_COLUMNS, output, none, wide=wide, more="--wide also shows")
    if rows and doubt and output is Output.TABLE:
        note(doubt)


@app.command()
def show(
    name: Name,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one user."""
    change = _Change(provider, config, data_dir)
    user = store.find_user(change.path, name)
    rows, doubt = accounts_of(change.config, change.provider, [user])
    show_facts(rows[0], output)
    if doubt and output is Output.TABLE:
        note(doubt)


@app.command()
def passwd(
    name: Name,
    password_stdin: StdinOption = False,
    generate: GenerateOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set a user's password, and end the sessions opened with the old one."""
    change = _Change(provider, config, data_dir)
    store.find_user(change.path, name)
    password = _password(password_stdin, generate, name, change.least)
    change.make(
        "password set",
        lambda: new_password(change.config, change.path, name, password),
    )
    whose = "Sessions opened with the old one"
    change.print_outcome("Password set.", whose, output, password if generate else None)


@app.command()
def role(
    name: Name,
    new_role: Annotated[str, typer.Argument(metavar="ROLE", autocompletion=role_names)],
    yes: YesOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Give a user another role, and end the user's sessions.

    The last administrator keeps the role, unless a terminal that is asked says so, or --yes.
    """
    change = _Change(provider, config, data_dir)
    roles = roles_as_they_are(change.config)
    if new_role in roles.names() and ADMINISTER not in roles.privileges_of((new_role,)):
        change.ask_for_the_last(name, yes, f"users role {shlex.quote(name)} administrator")
    change.make(
        "role set",
        lambda: store.set_role(change.path, name, new_role, roles=roles_of(change.config).names()),
        f"role {new_role}",
    )
    change.print_outcome(f"Role set to {new_role}.", "The user's sessions", output)


@app.command()
def disable(
    name: Name,
    yes: YesOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shut a user out, and end the user's sessions at once.

    The last administrator is left alone, unless a terminal that is asked says so, or --yes.
    """
    change = _Change(provider, config, data_dir)
    change.ask_for_the_last(name, yes, f"users enable {shlex.quote(name)}")
    already = store.find_user(change.path, name).disabled
    change.make("user disabled", lambda: store.set_disabled(change.path, name, True))
    done = "User was disabled already." if already else "User disabled."
    change.print_outcome(done, "" if already else "The user's sessions", output)


@app.command()
def enable(
    name: Name,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let a disabled user in again."""
    change = _Change(provider, config, data_dir)
    already = not store.find_user(change.path, name).disabled
    change.make("user enabled", lambda: store.set_disabled(change.path, name, False))
    change.print_outcome("User was enabled already." if already else "User enabled.", "", output)


@app.command()
def remove(
    name: Name,
    yes: YesOption = False,
    provider: ProviderOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove a user, and end the user's sessions at once.

    The last administrator is left alone, unless a terminal that is asked says so, or --yes.
    """
    change = _Change(provider, config, data_dir)
    change.ask_for_the_last(name, yes, f"users add {shlex.quote(name)} --role administrator")
    change.make("user removed", lambda: store.remove_user(change.path, name))
    change.print_outcome("User removed.", "The user's sessions", output)


@app.command()
def unlock(
    name: Name,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let a user who is locked out by failed logins try again at once."""
    loaded = settings(config, data_dir)
    prepared(loaded)
    address = f"/users/unlock?user={in_address(name)}"
    answer = ask(loaded.server.data_dir, "POST", address, _Unlocked)
    known = Known.YES if answer.unlocked else known_as(loaded, name)
    if known is Known.NO:
        fail(Exit.REFUSED, f"there is no user {name!r}, and nothing was held against that name")
    if output is Output.JSON:
        show_json(answer)
    elif answer.unlocked:
        print("User unlocked.")
    elif known is Known.YES:
        print("Nothing was held against this user.")
    else:
        print("Nothing was held against this name; no local user has it.")


class _Unlocked(msgspec.Struct):
    unlocked: bool


class _Change:
    """A change of one users file: where it is, what was done, and whether a server has heard."""

    def __init__(self, provider: str | None, config: Path | None, data_dir: Path | None) -> None:
        self.config: Config = settings(config, data_dir)
        prepared(self.config)
        self.path = users_file(self.config, provider)
        files = [one for one, table in self.config.identity.items() if table.get("type") == "file"]
        self.provider = provider or files[0]
        self.least = self.config.hashing.min_length
        self._user = ""
        self._refresh = RefreshOutcome.NOBODY

    def make(self, what: str, change: Callable[[], User], detail: str = "") -> User:
        """Make it, leave it for the audit, and have a running server notice."""
        try:
            user = change()
        except (InvalidArgument, NotFound) as error:
            fail(Exit.REFUSED, str(error))
        where = self.config.server.data_dir
        inbox.leave_event(where, what, user.canonical, detail)
        self._user, self._refresh = user.name, refresh_users(where)
        return user

    def ask_for_the_last(self, name: str, yes: bool, back: str) -> None:
        """Ask before nobody is left who may administer, or fail; `back` is the way back.

        The way back needs nobody's session: the data directory's owner always has it.
        """
        user = store.find_user(self.path, name)
        users = store.list_users(self.path)
        if yes or not is_last_administrator(user, users, roles_as_they_are(self.config)):
            return
        last = f"{user.name} is the last administrator"
        way = f"`sessiongate {back}` brings one back"
        if not sys.stdin.isatty():
            fail(Exit.REFUSED, f"{last}, so nothing was changed; --yes does it all the same; {way}")
        note(f"{last}; {way}")
        if not confirmed("Leave no administrator?"):
            fail(Exit.REFUSED, "nothing was changed")

    def _no_administrator(self) -> str:
        """Whether anybody of this file is left who may administer; "" where somebody is."""
        roles = roles_as_they_are(self.config)
        return no_administrator(store.list_users(self.path), roles)

    def print_outcome(
        self, done: str, ending: str, output: Output, password: Secret | None = None
    ) -> None:
        """Say what was done and who has heard of it; `ending` is what ends by it, "" for nothing.

        A password that was made up is shown here and nowhere else.
        """
        if output is Output.JSON:
            facts: dict[str, object] = {
                "ok": True,
                "user": self._user,
                "server": self._refresh.value,
            }
            if password is not None:
                facts["password"] = password.reveal()
            show_json(facts)
            return
        if self._refresh is RefreshOutcome.TAKEN:
            heard = f"{ending} have ended." if ending else "The running server has taken it in."
        elif self._refresh is RefreshOutcome.NOBODY:
            heard = f"No server runs on {self.config.server.data_dir}: the next start takes it in."
        else:
            heard = ""
            note(
                "the running server could not take this in yet, so sessions may still be open; it"
                " tries again each second, and its log says why it cannot"
            )
        print_sentence(" ".join(filter(None, (done, heard))))
        if ending and (lost := self._no_administrator()):
            note(lost)
        if password is not None:
            print(f"Password, shown this once: {password.reveal()}")


def _password(from_stdin: bool, generate: bool, name: str, least: int) -> Secret:
    if from_stdin and generate:
        fail(Exit.SETTINGS, "--generate makes the password up; leave --password-stdin out")
    return (
        Secret(random_password(least)) if generate else read_new_password(from_stdin, name, least)
    )
