"""`sessiongate completion`: what a shell needs to complete our commands at the tab key."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_inspect_parameters, shell_complete

_NAME = "sessiongate"
_VARIABLE = "_SESSIONGATE_COMPLETE"


class Shell(StrEnum):
    """A shell that completes."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    PWSH = "pwsh"


def completion(
    context: typer.Context, shell: Annotated[Shell, typer.Argument(help="The shell.")]
) -> None:
    """Print the script by which a shell completes commands and options.

    For bash: `source <(sessiongate completion bash)`, in ~/.bashrc.
    """
    _know_shells()
    root = context.find_root().command
    raise typer.Exit(shell_complete(root, {}, _NAME, _VARIABLE, f"source_{shell.value}"))


def get_ready(environ: Mapping[str, str]) -> None:
    """Where a script has called us to complete a line, know the shells and their ways."""
    if _VARIABLE in environ:
        _know_shells()


def _know_shells() -> None:
    # The one public function of Typer's that makes its classes for shells known.
    get_completion_inspect_parameters()
