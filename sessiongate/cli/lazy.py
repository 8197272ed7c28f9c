"""Commands that are imported when they are called: each brings in a good part of the server."""

import sys
from collections import UserDict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from sessiongate.cli.imports import importing


class LazyCommands(UserDict[str, Any]):
    """Commands by name. Addresses, "module:attribute", become commands at the first look."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        found = self.data[name]
        if isinstance(found, str):
            found = self.data[name] = _loaded(name, found)
        command: TyperCommand | TyperGroup = found
        return command


def lazy_group(table: Mapping[str, str], *, around: str, those_with: str) -> type[TyperGroup]:
    """A group for `typer.Typer(cls=...)` with these commands: a function, or a Typer, each.

    A command that has imported the package `those_with` runs inside the context manager that is at
    the address `around`.
    """

    class Group(TyperGroup):
        """The commands of the table, in its order."""

        def __init__(self, **given: Any) -> None:  # noqa: ANN401 -- whatever Typer passes on
            super().__init__(**given)
            self.commands = LazyCommands(table)

        def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override] # noqa: ANN401
            found = super().resolve_command(ctx, args)
            if those_with in sys.modules:
                ctx.with_resource(_at(around)())
            return found

    return Group


def _at(address: str) -> Any:  # noqa: ANN401 -- whatever is there
    module, _, attribute = address.partition(":")
    with importing():
        return getattr(import_module(module), attribute)


def _loaded(name: str, address: str) -> Any:  # noqa: ANN401 -- typer.main's own types are wider
    found = _at(address)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


def offered(address: str) -> Callable[[typer.Context, str], list[str]]:
    """What a shell offers at the tab key, found out by the function at this address.

    Only there is it imported: no other call of the command has a use for it.
    """

    def offer(context: typer.Context, incomplete: str) -> list[str]:
        found: list[str] = _at(address)(context, incomplete)
        return found

    return offer
