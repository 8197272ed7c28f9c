"""What a vCenter announces in its ServiceContent: members, types, ids, and since when there are.

A client must get no member that its version of the API lacks: toolkits that were made from an old
WSDL stop at the first one that they do not know. Not here: what only hosts have (accountManager,
virtualizationManager), and what is newer than any vCenter that we stand in for.
"""

import msgspec

from sessiongate.wire.vim.types.values import ApiVersion, Data, MoRef, Value, version_of


class Member(msgspec.Struct, frozen=True):
    """A member of ServiceContent. `target` is None for `about`, which is no reference."""

    name: str
    target: MoRef | None
    since: ApiVersion


_OLDEST = "2.0"

# name, type, id, version: in the order of the WSDL.
_TABLE = f"""
rootFolder Folder group-d1 {_OLDEST}
propertyCollector PropertyCollector propertyCollector {_OLDEST}
viewManager ViewManager ViewManager 2.5
about - - {_OLDEST}
setting OptionManager VpxSettings {_OLDEST}
userDirectory UserDirectory UserDirectory {_OLDEST}
sessionManager SessionManager SessionManager {_OLDEST}
authorizationManager AuthorizationManager AuthorizationManager {_OLDEST}
serviceManager ServiceManager ServiceMgr 5.1
perfManager PerformanceManager PerfMgr {_OLDEST}
scheduledTaskManager ScheduledTaskManager ScheduledTaskManager {_OLDEST}
alarmManager AlarmManager AlarmManager {_OLDEST}
eventManager EventManager EventManager {_OLDEST}
taskManager TaskManager TaskManager {_OLDEST}
extensionManager ExtensionManager ExtensionManager 2.5
customizationSpecManager CustomizationSpecManager CustomizationSpecManager {_OLDEST}
guestCustomizationManager VirtualMachineGuestCustomizationManager GuestCustomizationManager 6.8.7
customFieldsManager CustomFieldsManager CustomFieldsManager {_OLDEST}
diagnosticManager DiagnosticManager DiagMgr {_OLDEST}
licenseManager LicenseManager LicenseManager {_OLDEST}
searchIndex SearchIndex SearchIndex {_OLDEST}
fileManager FileManager FileManager 2.5
datastoreNamespaceManager DatastoreNamespaceManager DatastoreNamespaceManager 5.5
virtualDiskManager VirtualDiskManager virtualDiskManager 2.5
snmpSystem HostSnmpSystem SnmpSystem 4.0
vmProvisioningChecker VirtualMachineProvisioningChecker ProvChecker 4.0
vmCompatibilityChecker VirtualMachineCompatibilityChecker CompatChecker 4.0
ovfManager OvfManager OvfManager 4.0
ipPoolManager IpPoolManager IpPoolManager 4.0
dvSwitchManager DistributedVirtualSwitchManager DVSManager 4.0
hostProfileManager HostProfileManager HostProfileManager 4.0
clusterProfileManager ClusterProfileManager ClusterProfileManager 4.0
complianceManager ProfileComplianceManager MoComplianceManager 4.0
localizationManager LocalizationManager LocalizationManager 4.0
storageResourceManager StorageResourceManager StorageResourceManager 4.1
guestOperationsManager GuestOperationsManager guestOperationsManager 5.0
overheadMemoryManager OverheadMemoryManager OverheadMemoryManager 6.0
certificateManager CertificateManager certificateManager 6.0
ioFilterManager IoFilterManager IoFilterManager 6.0
vStorageObjectManager VcenterVStorageObjectManager VStorageObjectManager 6.5
hostSpecManager HostSpecificationManager HostSpecificationManager 6.5
cryptoManager CryptoManagerKmip CryptoManager 6.5
healthUpdateManager HealthUpdateManager HealthUpdateManager 6.5
failoverClusterConfigurator FailoverClusterConfigurator FailoverClusterConfigurator 6.5
failoverClusterManager FailoverClusterManager FailoverClusterManager 6.5
tenantManager TenantTenantManager TenantManager 6.9.1
siteInfoManager SiteInfoManager SiteInfoManager 7.0
storageQueryManager StorageQueryManager StorageQueryManager 6.7.2
"""


def _member(line: str) -> Member:
    name, kind, id_, since = line.split()
    return Member(name, MoRef(kind, id_) if kind != "-" else None, version_of(since))


MEMBERS = tuple(map(_member, _TABLE.split("\n")[1:-1]))
"""Every member, in the order of the WSDL."""


def service_content(about: Data, version: ApiVersion) -> Data:
    """The ServiceContent of a server that says this of itself, for a client of this version.

    What the server's own version lacks is in it for nobody.
    """
    latest = min(version, version_of(str(about.members["apiVersion"])))
    members: dict[str, Value] = {
        one.name: one.target or about for one in MEMBERS if one.since <= latest
    }
    return Data("ServiceContent", members)
