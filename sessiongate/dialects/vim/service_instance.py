"""ServiceInstance: what this server is, and the time."""

from collections.abc import Callable
from datetime import datetime

from sessiongate.clock import Clock
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.wire.vim.types import Data
from sessiongate.wire.vim.types.service_content import service_content


class ServiceInstance(ManagedObject):
    """Its methods and properties, by the names of their handlers."""

    def __init__(self, clock: Clock, about: Data, shown: Callable[[Data], Data]) -> None:
        """`shown` makes of `about` what a request is shown."""
        self._clock = clock
        self._about = about
        self._shown = shown

    async def content(self, context: Context) -> Data:
        return service_content(self._shown(self._about), context.version)

    async def current_time(self, context: Context) -> datetime:
        return self._clock.now()

    async def capability(self, context: Context) -> Data:
        return Data(
            "Capability",
            {
                "provisioningSupported": False,
                "multiHostSupported": True,
                "userShellAccessSupported": False,
            },
        )
