"""A provider over a file of users that lets a test have its way first, or fails."""

from collections.abc import Awaitable, Callable, Mapping

from sessiongate.identity.local.provider import FileIdentity
from sessiongate.identity.plugin import BuiltProvider, PluginContext

TYPE = "file_with_hooks"
WHERE = f"{__name__}:plugin"

before: dict[str, Callable[[], Awaitable[None]]] = {}
"""What is awaited before an operation, by its name."""


class HookedFile(FileIdentity):
    """Awaits what is in `before`, and has what that raises be the operation's own error."""

    async def refresh(self) -> None:
        await _first("refresh")
        await super().refresh()

    async def close(self) -> None:
        await _first("close")
        await super().close()


async def _first(operation: str) -> None:
    if (first := before.get(operation)) is not None:
        await first()


def plugin(name: str, table: Mapping[str, object], context: PluginContext) -> BuiltProvider:
    """The provider of type `file_with_hooks`, over the file that one of type `file` would have."""
    assert not table
    provider = HookedFile(name, context.data_dir / "users.toml", context.hasher)
    return BuiltProvider(provider, in_process=True)
