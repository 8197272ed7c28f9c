"""What a token that is kept is good for: scopes, each an upstream's name or a role of the console.

A release that knows of no console takes such a role for an upstream that does not exist.
"""

from collections.abc import Collection

_CONSOLE = "console:"


def console_scope(role: str) -> str:
    """The scope of a token that asks the console with this role."""
    return f"{_CONSOLE}{role}"


def console_role(scopes: Collection[str]) -> str:
    """The role at the console of a token with these scopes; "" where it is none for the console."""
    if len(scopes) != 1:
        return ""
    [scope] = scopes
    return scope.removeprefix(_CONSOLE) if scope.startswith(_CONSOLE) else ""
