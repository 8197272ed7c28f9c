"""The managers that have nothing to manage: what is read of them is what an empty vCenter has.

Calls that give nothing read no argument.
"""

from sessiongate.wire.vim.methods.rows import method, prop, when_nothing
from sessiongate.wire.vim.types import MOREF

# kind, method, type of the result: calls whose result is empty in an empty vCenter.
_ASKED = f"""
AlarmManager GetAlarm {MOREF}*
AlarmManager GetAlarmState AlarmState*
PerformanceManager QueryAvailablePerfMetric PerfMetricId*
PerformanceManager QueryPerfCounter PerfCounterInfo*
PerformanceManager QueryPerfCounterByLevel PerfCounterInfo*
PerformanceManager QueryPerf PerfEntityMetricBase*
ExtensionManager FindExtension Extension?
ExtensionManager QueryManagedBy {MOREF}*
DiagnosticManager QueryDescriptions DiagnosticManagerLogDescriptor*
DistributedVirtualSwitchManager QueryDvsByUuid {MOREF}?
DistributedVirtualSwitchManager QueryAvailableDvsSpec DistributedVirtualSwitchProductSpec*
IpPoolManager QueryIpPools IpPool*
LicenseManager QuerySupportedFeatures LicenseFeatureInfo*
LicenseAssignmentManager QueryAssignedLicenses LicenseAssignmentManagerLicenseAssignment*
HostProfileManager FindAssociatedProfile {MOREF}*
ClusterProfileManager FindAssociatedProfile {MOREF}*
ProfileComplianceManager QueryComplianceStatus ComplianceResult*
OptionManager QueryOptions OptionValue*
UserDirectory RetrieveUserGroups UserSearchResult*
ServiceManager QueryServiceList ServiceManagerServiceInfo*
ScheduledTaskManager RetrieveEntityScheduledTask {MOREF}*
ScheduledTaskManager RetrieveObjectScheduledTask {MOREF}*
CryptoManagerKmip ListKeys CryptoKeyId*
CryptoManagerKmip ListKmipServers KmipClusterInfo*
CryptoManagerKmip ListKmsClusters KmipClusterInfo*
CryptoManagerKmip GetDefaultKmsCluster KeyProviderId?
HealthUpdateManager QueryProviderList string*
TenantTenantManager RetrieveServiceProviderEntities {MOREF}*
"""

# kind, property: those that are empty lists or unset.
_READ = f"""
AlarmManager defaultExpression:AlarmExpression*
PerformanceManager historicalInterval:PerfInterval*
PerformanceManager perfCounter:PerfCounterInfo*
LicenseManager diagnostics:LicenseDiagnostics?
LicenseManager featureInfo:LicenseFeatureInfo*
LicenseManager licenses:LicenseManagerLicenseInfo*
CustomFieldsManager field:CustomFieldDef*
ExtensionManager extensionList:Extension*
CustomizationSpecManager info:CustomizationSpecInfo*
CustomizationSpecManager encryptionKey:byte*
OvfManager ovfImportOption:OvfOptionInfo*
OvfManager ovfExportOption:OvfOptionInfo*
HostProfileManager profile:{MOREF}*
ClusterProfileManager profile:{MOREF}*
LocalizationManager catalog:LocalizationManagerMessageCatalog*
ScheduledTaskManager scheduledTask:{MOREF}*
GuestOperationsManager authManager:{MOREF}?
GuestOperationsManager fileManager:{MOREF}?
GuestOperationsManager processManager:{MOREF}?
GuestOperationsManager guestWindowsRegistryManager:{MOREF}?
GuestOperationsManager aliasManager:{MOREF}?
ServiceManager service:ServiceManagerServiceInfo*
CryptoManagerKmip kmipServers:KmipClusterInfo*
OptionManager supportedOption:OptionDef*
OptionManager setting:OptionValue*
UserDirectory domainList:string*
HostSnmpSystem configuration:HostSnmpConfigSpec?
HostSnmpSystem limits:HostSnmpSystemAgentLimits?
FailoverClusterConfigurator disabledConfigureMethod:string*
FailoverClusterManager disabledClusterMethod:string*
"""

_EMPTY = "Empty or unset, as in an empty vCenter."
_WORDS = "There is nothing to describe."


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


METHODS = (
    *(
        method(kind, name, "", gives, _EMPTY, handler=when_nothing(gives))
        for kind, name, gives in _rows(_ASKED)
    ),
    method(
        "PerformanceManager",
        "QueryPerfProviderSummary",
        f"entity:{MOREF}",
        "PerfProviderSummary",
        "That there are no statistics of an object.",
    ),
    method(
        "CustomizationSpecManager",
        "DoesCustomizationSpecExist",
        "name:string",
        "boolean",
        "That there is no specification of this name.",
    ),
)

PROPERTIES = (
    *(prop(kind, written, _EMPTY, handler=when_nothing(written)) for kind, written in _rows(_READ)),
    prop("AlarmManager", "description:AlarmDescription", _WORDS, handler="alarm_description"),
    prop(
        "PerformanceManager",
        "description:PerformanceDescription",
        _WORDS,
        handler="performance_description",
    ),
    prop(
        "ScheduledTaskManager",
        "description:ScheduledTaskDescription",
        _WORDS,
        handler="scheduled_task_description",
    ),
    prop("LicenseManager", "source:LicenseSource", "Nothing here is licensed."),
    prop("LicenseManager", "sourceAvailable:boolean", "Whether that source is there."),
    prop("LicenseManager", "licensedEdition:string", "No edition: nothing here is licensed."),
    prop("LicenseManager", f"licenseAssignmentManager:{MOREF}?", "Where assignments would be."),
    prop("LicenseManager", "evaluation:LicenseManagerEvaluationInfo", "Nothing is evaluated."),
    prop("CryptoManagerKmip", "enabled:boolean", "Whether keys are managed: no."),
)
