"""The `sessiongate` command."""

import sys
from typing import Annotated

import typer

from sessiongate import __version__
from sessiongate.cli import audit, certificates, configuration, serve, sessions, users
from sessiongate.cli.output import Exit, fail
from sessiongate.errors import ConfigError, SessionGateError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A session server for the vSphere and Zerto APIs.",
)
app.command("serve")(serve.serve)
app.command("dev")(serve.dev)
app.command("init")(serve.init)
app.command("check")(serve.check)
app.add_typer(users.app, name="users")
app.add_typer(sessions.app, name="sessions")
app.add_typer(audit.app, name="audit")
app.add_typer(configuration.app, name="config")
app.add_typer(certificates.app, name="cert")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sessiongate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what was raised on purpose becomes a sentence and an exit code."""
    try:
        app()
    except ConfigError as error:
        fail(Exit.SETTINGS, *error.problems)
    except SessionGateError as error:
        fail(Exit.REFUSED, str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
