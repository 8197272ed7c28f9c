"""What the command of `dev -- COMMAND` finds in its environment. The names are fixed."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import typer

from sessiongate.cli.login.session_environment import NAMES as OF_A_SESSION
from sessiongate.testing.client_env import KINDS, variables
from sessiongate.testing.ready_file import DevServer

OWN = ("URL", "USER", "PASSWORD", "CA", "OPERATIONS", "DEV_TOKEN", "DATA_DIR")
_ELSEWHERE = {"SESSIONGATE_CONFIG", "SESSIONGATE_SERVER__DATA_DIR"}
"""What names another server to the commands of ours that run inside."""


def kinds_in(texts: Sequence[str]) -> list[str]:
    """The kinds of clients that --env names. Raises typer.BadParameter with a suggestion."""
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    for name in names:
        if name not in KINDS:
            near = get_close_matches(name, KINDS, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            there = ", ".join(KINDS)
            raise typer.BadParameter(
                f"no client is called {name!r}; {meant}There are: {there}", param_hint="--env"
            )
    return names


def environment_for(
    server: DevServer, data_dir: Path, kinds: Sequence[str], before: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a command for which this server runs."""
    ours = {f"SESSIONGATE_{name}" for name in OWN} | OF_A_SESSION | _ELSEWHERE
    made = {name: text for name, text in before.items() if name not in ours}
    made |= {
        "SESSIONGATE_URL": server.url,
        "SESSIONGATE_OPERATIONS": server.operations,
        "SESSIONGATE_DEV_TOKEN": server.token,
        "SESSIONGATE_DATA_DIR": str(data_dir),
    }
    if server.ca is not None:
        made["SESSIONGATE_CA"] = server.ca
    name, user = next(iter(server.users.items()), ("", None))
    if user is not None:
        made |= {"SESSIONGATE_USER": name, "SESSIONGATE_PASSWORD": user.password}
        ca = None if server.ca is None else Path(server.ca)
        for kind in kinds:
            made |= variables(kind, server.url, name, user.password, ca)
    return made
