"""The inventory, which is one empty folder, and how clients look for things in it."""

from sessiongate.wire.vim.methods.rows import Method, method, prop, when_nothing
from sessiongate.wire.vim.types import MOREF

_KIND = "Folder"


def _find(name: str, takes: str, gives: str) -> Method:
    about = "Look in the inventory. Only the root folder is there to be found."
    handler = "" if "inventoryPath" in takes else when_nothing(gives)
    return method("SearchIndex", name, takes, gives, about, handler=handler)


METHODS = (
    _find("FindByInventoryPath", "inventoryPath:string", f"{MOREF}?"),
    *(
        _find(name, "", f"{MOREF}?")
        for name in ("FindByUuid", "FindByDatastorePath", "FindByDnsName", "FindByIp", "FindChild")
    ),
    *(
        _find(name, "", f"{MOREF}*")
        for name in ("FindAllByUuid", "FindAllByDnsName", "FindAllByIp")
    ),
)

_UNSET = (
    *("value:CustomFieldValue*", "availableField:CustomFieldDef*", f"parent:{MOREF}?"),
    *("customValue:CustomFieldValue*", "configIssue:Event*", "disabledMethod:string*"),
    *(f"recentTask:{MOREF}*", "declaredAlarmState:AlarmState*", "triggeredAlarmState:AlarmState*"),
    *("tag:Tag*", f"childEntity:{MOREF}*", "namespace:string?"),
    "externallyManagedFolderInfo:FolderExternallyManagedFolderInfo?",
)

PROPERTIES = (
    prop(_KIND, "name:string", "Name of the root folder, which is empty here."),
    prop(_KIND, "childType:string*", "Types that such a folder may hold."),
    *(
        prop(_KIND, f"{name}:ManagedEntityStatus", "`green`: nothing is known to be wrong.")
        for name in ("overallStatus", "configStatus")
    ),
    prop(_KIND, "effectiveRole:int*", "The caller's roles, by their ids."),
    prop(_KIND, "permission:Permission*", "What the caller may do here."),
    prop(_KIND, "alarmActionsEnabled:boolean?", "Whether alarms would act."),
    *(
        prop(_KIND, written, "Empty or unset: nothing is here.", handler=when_nothing(written))
        for written in _UNSET
    ),
)
