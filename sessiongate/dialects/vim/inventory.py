"""The inventory: one root folder with nothing in it."""

from sessiongate.dialects.vim.authorization import permissions_of
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.wire.vim.authorization import role_id
from sessiongate.wire.vim.methods import ROOT_FOLDER
from sessiongate.wire.vim.types import Data, MoRef

_NAME = "Datacenters"


class Inventory(ManagedObject):
    """The methods and properties of Folder and SearchIndex, by the names of their handlers."""

    async def name(self, context: Context) -> str:
        return _NAME

    async def child_type(self, context: Context) -> list[str]:
        return ["Folder", "Datacenter"]

    async def overall_status(self, context: Context) -> str:
        return "green"

    async def config_status(self, context: Context) -> str:
        return "green"

    async def effective_role(self, context: Context) -> list[int]:
        return [role_id(role) for role in context.known_caller.roles]

    async def permission(self, context: Context) -> list[Data]:
        return permissions_of(context.known_caller)

    async def alarm_actions_enabled(self, context: Context) -> bool:
        return True

    async def find_by_inventory_path(self, context: Context, inventory_path: str) -> MoRef | None:
        # The root folder's own name is no part of a path, and no path at all means that folder.
        return ROOT_FOLDER if not inventory_path.strip("/") else None
