"""What every managed object can do: have nothing, or refuse."""

from sessiongate.dialects.vim.context import Context
from sessiongate.errors import NotSupported
from sessiongate.wire.vim.types import Value


class ManagedObject:
    """The handlers that any object may name."""

    async def empty(self, context: Context) -> list[Value]:
        return []

    async def unset(self, context: Context) -> None:
        return None

    async def not_supported(self, context: Context) -> None:
        raise NotSupported(f"{context.name} is known here and not offered: there is no inventory")
