"""The managed objects that exist here, and those that the clients of a session make.

Of each type of the first kind there is one object, the same for everybody. What a client makes (a
view, a filter, a collector) is its session's: the id says which session's and which type, so that
an object can be found by its id alone. The type that a request names may be one that the object's
type extends.
"""

import re
from collections.abc import Mapping

from sessiongate.wire.vim.methods.events import EVENTS, TASKS
from sessiongate.wire.vim.methods.views import VIEWS
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.vim.types.service_content import MEMBERS

SERVICE_INSTANCE = MoRef("ServiceInstance", "ServiceInstance")
SESSION_MANAGER = MoRef("SessionManager", "SessionManager")
PROPERTY_COLLECTOR = MoRef("PropertyCollector", "propertyCollector")
ROOT_FOLDER = MoRef("Folder", "group-d1")
LICENSE_ASSIGNMENTS = MoRef("LicenseAssignmentManager", "LicenseAssignmentManager")

OBJECTS: Mapping[str, MoRef] = {
    mo.kind: mo
    for mo in (
        *(SERVICE_INSTANCE, SESSION_MANAGER, PROPERTY_COLLECTOR, ROOT_FOLDER),
        *(member.target for member in MEMBERS if member.target is not None),
        LICENSE_ASSIGNMENTS,
    )
}
"""The one managed object of each type that exists here for everybody."""

_BY_ID: Mapping[str, MoRef] = {mo.name: mo for mo in OBJECTS.values()}

MADE = frozenset({*VIEWS, "PropertyCollector", "PropertyFilter", EVENTS, TASKS})
"""Types of what clients make for their session."""

_WIDER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(VIEWS, ("ManagedObjectView", "View")),
    **dict.fromkeys((EVENTS, TASKS), ("HistoryCollector",)),
    **dict.fromkeys(("HostProfileManager", "ClusterProfileManager"), ("ProfileManager",)),
    "Folder": ("ManagedEntity", "ExtensibleManagedObject"),
    "CryptoManagerKmip": ("CryptoManager",),
    "VcenterVStorageObjectManager": ("VStorageObjectManagerBase",),
}
_TOP = "ManagedObject"

# The types of what an inventory may hold and of what hangs on it; there is none of them here.
_ELSEWHERE = frozenset(
    """
    Alarm ClusterComputeResource ClusterEVCManager ClusterProfile ComputeResource Datacenter
    Datastore DistributedVirtualPortgroup DistributedVirtualSwitch EnvironmentBrowser
    GuestAliasManager GuestAuthManager GuestFileManager GuestProcessManager
    GuestWindowsRegistryManager HostAccessManager HostActiveDirectoryAuthentication
    HostAssignableHardwareManager HostAuthenticationManager HostAuthenticationStore
    HostAutoStartManager HostBootDeviceSystem HostCacheConfigurationManager HostCertificateManager
    HostCpuSchedulerSystem HostDatastoreBrowser HostDatastoreSystem HostDateTimeSystem
    HostDiagnosticSystem HostDirectoryStore HostEsxAgentHostManager HostFirewallSystem
    HostFirmwareSystem HostGraphicsManager HostHealthStatusSystem HostImageConfigManager
    HostKernelModuleSystem HostLocalAccountManager HostLocalAuthentication HostMemorySystem
    HostNetworkSystem HostNvdimmSystem HostPatchManager HostPciPassthruSystem HostPowerSystem
    HostProfile HostServiceSystem HostStorageSystem HostSystem HostVFlashManager HostVMotionSystem
    HostVStorageObjectManager HostVirtualNicManager HostVsanInternalSystem HostVsanSystem
    HttpNfcLease IscsiManager MessageBusProxy Network OpaqueNetwork Profile ResourcePlanningManager
    ResourcePool ScheduledTask SimpleCommand StoragePod Task VirtualApp VirtualMachine
    VirtualMachineSnapshot VirtualizationManager VmwareDistributedVirtualSwitch VsanUpgradeSystem
    CryptoManagerHost CryptoManagerHostKMS DirectPathProfileManager
    """.split()  # noqa: SIM905 - a list of a hundred names reads better as text
)

KINDS = frozenset({_TOP}).union(OBJECTS, MADE, *(_WIDER.values())) | _ELSEWHERE
"""Every type of managed object that a request may name, whether there is any of it or not."""


def is_a(kind: str, wanted: str) -> bool:
    """Whether an object of this type is one of the wanted type, which may be a wider one."""
    return kind == wanted or wanted == _TOP or wanted in _WIDER.get(kind, ())


def has_some(kind: str) -> bool:
    """Whether there may be an object of this type here, or of one that extends it."""
    return kind in OBJECTS or kind in MADE or kind in _WITH_SOME


_WITH_SOME = frozenset({_TOP}).union(*_WIDER.values())

_ID = re.compile(r"session\[[0-9a-fA-F-]{36}\]([A-Za-z]+)-[0-9a-f]{32}")


def session_object_id(kind: str, session: str, random: bytes) -> str:
    """The id of an object that the client of a session, named by its key, has made."""
    return f"session[{session}]{kind}-{random.hex()}"


def resolve(target: MoRef) -> MoRef | None:
    """The object of this id, with its own type; None where the id is nobody's.

    Without a type the id alone decides. Of an id that names a session's object nothing is said of
    whether that object is there.
    """
    known = OBJECTS.get(target.kind)
    if known == target:
        return known
    found = _BY_ID.get(target.name)
    if found is None:
        match = _ID.fullmatch(target.name)
        if match is None or match[1] not in MADE:
            return None
        found = MoRef(match[1], target.name)
    return found if not target.kind or is_a(found.kind, target.kind) else None
