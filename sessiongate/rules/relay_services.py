"""What becomes of a call to one of the SOAP services beside `/sdk`, judged by its method.

Storage policies, storage providers, disks and vSAN have no objects of a session, as far as is
known: what a table says that it only reads goes by any session. All else goes where the client's
state is, and counts as a change.
"""

from sessiongate.rules.relay import STATEFUL, UNKNOWN, Kind, RelayVerdict, judge

PATHS = ("/pbm", "/pbm/sdk", "/sms/sdk", "/vslm/sdk", "/vsanHealth")
"""Where they are. The list is closed: services that hand out identities are not in it."""

_NAMES = """
PbmCheckCompatibility PbmCheckCompatibilityWithSpec PbmCheckRequirements
PbmFetchCapabilityMetadata PbmFetchCapabilitySchema PbmFetchComplianceResult
PbmFetchResourceType PbmFetchRollupComplianceResult PbmFetchVendorInfo
PbmFindApplicableDefaultProfile PbmQueryAssociatedEntities PbmQueryAssociatedEntity
PbmQueryAssociatedProfile PbmQueryAssociatedProfiles PbmQueryByRollupComplianceStatus
PbmQueryDefaultRequirementProfile PbmQueryDefaultRequirementProfiles
PbmQueryIOFiltersFromProfileId PbmQueryMatchingHub PbmQueryMatchingHubWithSpec PbmQueryProfile
PbmQueryProfileDetails PbmQueryReplicationGroups PbmQuerySpaceStatsForStorageContainer
PbmResolveK8sCompliantNames PbmRetrieveContent PbmRetrieveServiceContent

RetrieveContent VslmListTagsAttachedToVStorageObject VslmListVStorageObjectForSpec
VslmListVStorageObjectsAttachedToTag VslmQueryChangedDiskAreas VslmQueryDatastoreInfo
VslmQueryGlobalCatalogSyncStatus VslmQueryGlobalCatalogSyncStatusForDatastore VslmQueryInfo
VslmQueryTaskResult VslmRetrieveSnapshotDetails VslmRetrieveSnapshotInfo
VslmRetrieveVStorageInfrastructureObjectPolicy VslmRetrieveVStorageObject
VslmRetrieveVStorageObjectAssociations VslmRetrieveVStorageObjectMetadata
VslmRetrieveVStorageObjectMetadataValue VslmRetrieveVStorageObjectState
VslmRetrieveVStorageObjects

QueryAboutInfo QueryActiveAlarm QueryArray QueryArrayAssociatedWithLun
QueryAssociatedBackingStoragePool QueryDatastoreBackingPoolMapping QueryDatastoreCapability
QueryDrsMigrationCapabilityForPerformance QueryDrsMigrationCapabilityForPerformanceEx
QueryFaultDomain QueryFileSystemAssociatedWithArray QueryHostAssociatedWithLun
QueryLunAssociatedWithArray QueryLunAssociatedWithPort QueryNfsDatastoreAssociatedWithFileSystem
QueryPointInTimeReplica QueryPortAssociatedWithArray QueryPortAssociatedWithLun
QueryPortAssociatedWithProcessor QueryProcessorAssociatedWithArray QueryProvider
QueryProviderInfo QueryReplicationGroup QueryReplicationGroupInfo QueryReplicationPeer
QuerySmsTaskInfo QuerySmsTaskResult QueryStorageContainer QueryStorageManager
QueryVmfsDatastoreAssociatedWithLun

CnsQueryAllVolume CnsQueryAsync CnsQuerySnapshots CnsQueryVolume CnsQueryVolumeInfo

QueryClusterDataEfficiencyCapacityState QueryDiskMappings QuerySyncingVsanObjectsSummary
QueryVsanManagedDisks QueryVsanManagedStorageSpaceUsage RetrieveAllFlashCapabilities
RetrieveSupportedVsanFormatVersion VSANVcGetPreferredFaultDomain VSANVcGetWitnessHosts
VSANVcIsWitnessHost VSANVcRetrieveStretchedClusterVcCapability VosQueryVsanObjectInformation
VsanClusterGetConfig VsanClusterGetRuntimeStats VsanClusterQueryFileServiceHealthSummary
VsanClusterQueryFileShares VsanClusterQueryFsDomains VsanGetAboutInfoEx VsanGetCapabilities
VsanGetHclConstraints VsanGetHclInfo VsanGetProactiveRebalanceInfo VsanGetReleaseRecommendation
VsanHealthGetVsanClusterSilentChecks VsanHealthIsRebalanceRunning
VsanHealthQueryVsanClusterHealthCheckInterval VsanHealthQueryVsanClusterHealthConfig
VsanPerfGetAggregatedEntityTypes VsanPerfGetSupportedEntityTypes VsanPerfQueryNodeInformation
VsanPerfQueryPerf VsanPerfQueryStatsObjectInformation VsanPerfQueryTimeRanges
VsanQueryAllSupportedHealthChecks VsanQueryEntitySpaceUsage VsanQueryObjectIdentities
VsanQuerySpaceUsage VsanQuerySyncingVsanObjects VsanQueryUpgradeStatusEx VsanVcClusterGetHclInfo
VsanVitGetHomeObject VsanVitGetIscsiInitiatorGroup VsanVitGetIscsiInitiatorGroups
VsanVitGetIscsiLUN VsanVitGetIscsiLUNs VsanVitGetIscsiTarget VsanVitGetIscsiTargets
"""

READING_SERVICES = frozenset(_NAMES.split())
"""Methods that read. By the bindings of govmomi, which are made from the vendor's descriptions."""

_DENIED = RelayVerdict(Kind.DENY, False)


def judge_service(method: str) -> RelayVerdict:
    """What becomes of a call of this method, at whichever of the services.

    What opens, hands out or ends a session is not sent on, whatever it is called on. Neither is
    what opens state at `/sdk`: nobody would know of it.
    """
    verdict = judge("", method)
    if verdict.kind is Kind.DENY or method in STATEFUL:
        return _DENIED
    if method == "Fetch" or method in READING_SERVICES:
        return RelayVerdict(Kind.STATELESS, True)
    return UNKNOWN
