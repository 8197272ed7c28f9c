"""ViewManager, and the views that its clients make."""

from sessiongate.wire.vim.methods.rows import Method, Property, method, prop
from sessiongate.wire.vim.types import MOREF

VIEWS = ("ContainerView", "ListView", "InventoryView")

_MANAGER = "ViewManager"
_MISSING = ("ManagedObjectNotFound",)


def _of_every_view(kind: str) -> tuple[Method, Property]:
    return (
        method(kind, "DestroyView", "", "", "Destroy a view."),
        prop(kind, f"view:{MOREF}*", "The objects that are in it."),
    )


METHODS = (
    method(
        _MANAGER,
        "CreateContainerView",
        f"container:{MOREF} type:string* recursive:boolean",
        MOREF,
        "Make a view of what is in a container.",
        faults=_MISSING,
    ),
    method(_MANAGER, "CreateListView", f"obj:{MOREF}*", MOREF, "Make a view of some objects."),
    method(
        _MANAGER,
        "CreateListViewFromView",
        f"view:{MOREF}",
        MOREF,
        "Make a view of what is in another.",
        faults=_MISSING,
    ),
    method(_MANAGER, "CreateInventoryView", "", MOREF, "Make a view of the whole inventory."),
    *(_of_every_view(kind)[0] for kind in VIEWS),
    method(
        "ListView",
        "ModifyListView",
        f"add:{MOREF}* remove:{MOREF}*",
        f"{MOREF}*",
        "Add and remove objects; gives those that could not be resolved.",
    ),
    method(
        "ListView",
        "ResetListView",
        f"obj:{MOREF}*",
        f"{MOREF}*",
        "Put others in their place; gives those that could not be resolved.",
    ),
    method(
        "ListView",
        "ResetListViewFromView",
        f"view:{MOREF}",
        "",
        "Put what is in another view in their place.",
        faults=_MISSING,
    ),
    *(
        method(
            "InventoryView",
            name,
            f"entity:{MOREF}+",
            f"{MOREF}*",
            "Show or hide what is in a folder; gives those that could not be resolved.",
            handler="turn_inventory_view_folder",
        )
        for name in ("OpenInventoryViewFolder", "CloseInventoryViewFolder")
    ),
)

PROPERTIES = (
    prop(_MANAGER, f"viewList:{MOREF}*", "The caller's views."),
    *(_of_every_view(kind)[1] for kind in VIEWS),
    prop("ContainerView", f"container:{MOREF}", "The container."),
    prop("ContainerView", "type:string*", "Types of the objects in it; none for all."),
    prop("ContainerView", "recursive:boolean", "Whether containers inside are looked into."),
)
