"""Methods that the types of our objects have, and that nothing here can do: `NotSupported`.

They need a session as all do, and their arguments are not read.
"""

from collections.abc import Mapping

from sessiongate.wire.vim.methods.rows import Method, method

# kind: the names of all methods that its type has and that nothing here can do.
_TABLE = """
AlarmManager:
  CreateAlarm AreAlarmActionsEnabled EnableAlarmActions AcknowledgeAlarm ClearTriggeredAlarms
  DisableAlarm EnableAlarm
AuthorizationManager:
  AddAuthorizationRole RemoveAuthorizationRole UpdateAuthorizationRole MergePermissions
  SetEntityPermissions ResetEntityPermissions RemoveEntityPermission
PerformanceManager:
  QueryPerfComposite CreatePerfInterval RemovePerfInterval UpdatePerfInterval
  UpdateCounterLevelMapping ResetCounterLevelMapping
EventManager:
  RetrieveArgumentDescription LogUserEvent PostEvent
TaskManager:
  CreateCollectorWithInfoFilterForTasks CreateTask ReadNextTasksByViewSpec
LicenseManager:
  QueryLicenseSourceAvailability QueryLicenseUsage SetLicenseEdition CheckLicenseFeature
  EnableFeature DisableFeature ConfigureLicenseSource UpdateLicense AddLicense RemoveLicense
  DecodeLicense UpdateLicenseLabel RemoveLicenseLabel
CustomFieldsManager:
  AddCustomFieldDef RemoveCustomFieldDef RenameCustomFieldDef SetField
ExtensionManager:
  UnregisterExtension RegisterExtension UpdateExtension GetPublicKey SetPublicKey
  SetExtensionCertificate SetServiceAccount QueryExtensionIpAllocationUsage
FileManager:
  MoveDatastoreFile_Task CopyDatastoreFile_Task DeleteDatastoreFile_Task MakeDirectory ChangeOwner
  QueryFileLockInfo
VirtualDiskManager:
  CreateVirtualDisk_Task DeleteVirtualDisk_Task MoveVirtualDisk_Task CopyVirtualDisk_Task
  ExtendVirtualDisk_Task QueryVirtualDiskFragmentation DefragmentVirtualDisk_Task
  ShrinkVirtualDisk_Task InflateVirtualDisk_Task EagerZeroVirtualDisk_Task
  ZeroFillVirtualDisk_Task SetVirtualDiskUuid QueryVirtualDiskUuid QueryVirtualDiskGeometry
  ImportUnmanagedSnapshot ReleaseManagedSnapshot
CustomizationSpecManager:
  GetCustomizationSpec CreateCustomizationSpec OverwriteCustomizationSpec DeleteCustomizationSpec
  DuplicateCustomizationSpec RenameCustomizationSpec CustomizationSpecItemToXml
  XmlToCustomizationSpecItem CheckCustomizationResources IsGuestOsCustomizable
DiagnosticManager:
  BrowseDiagnosticLog GenerateLogBundles_Task FetchAuditRecords EmitSyslogMark
StorageResourceManager:
  ConfigureDatastoreIORM_Task QueryIORMConfigOption QueryDatastorePerformanceSummary
  ApplyStorageDrsRecommendationToPod_Task ApplyStorageDrsRecommendation_Task
  CancelStorageDrsRecommendation RefreshStorageDrsRecommendation
  RefreshStorageDrsRecommendationsForPod_Task ConfigureStorageDrsForPod_Task
  ValidateStoragePodConfig RecommendDatastores
OvfManager:
  ValidateHost ParseDescriptor CreateImportSpec CreateDescriptor
DistributedVirtualSwitchManager:
  QuerySupportedNetworkOffloadSpec QueryCompatibleVmnicsFromHosts QueryCompatibleHostForNewDvs
  QueryCompatibleHostForExistingDvs QueryDvsCompatibleHostSpec QueryDvsFeatureCapability
  QueryDvsConfigTarget QueryDvsCheckCompatibility RectifyDvsOnHost_Task
  DVSManagerExportEntity_Task DVSManagerImportEntity_Task DVSManagerLookupDvPortGroup
  GetVpcNetworkSpan
HostProfileManager:
  CreateProfile QueryPolicyMetadata ApplyHostConfig_Task GenerateConfigTaskList
  GenerateHostProfileTaskList_Task QueryHostProfileMetadata QueryProfileStructure
  CreateDefaultProfile UpdateAnswerFile_Task RetrieveAnswerFile RetrieveAnswerFileForProfile
  ExportAnswerFile_Task CheckAnswerFileStatus_Task QueryAnswerFileStatus
  RetrieveHostCustomizations RetrieveHostCustomizationsForProfile GenerateHostConfigTaskSpec_Task
  ApplyEntitiesConfig_Task ValidateHostProfileComposition_Task CompositeHostProfile_Task
ClusterProfileManager:
  CreateProfile QueryPolicyMetadata
ProfileComplianceManager:
  CheckCompliance_Task ClearComplianceStatus QueryExpressionMetadata
ScheduledTaskManager:
  CreateScheduledTask CreateObjectScheduledTask
IpPoolManager:
  CreateIpPool UpdateIpPool DestroyIpPool AllocateIpv4Address AllocateIpv6Address
  ReleaseIpAllocation QueryIPAllocations
OverheadMemoryManager:
  LookupVmOverheadMemory
CertificateManager:
  CertMgrRefreshCACertificatesAndCRLs_Task CertMgrRefreshCertificates_Task
  CertMgrRevokeCertificates_Task
CryptoManagerKmip:
  AddKey AddKeys RemoveKey RemoveKeys RegisterKmipServer MarkDefault UpdateKmipServer
  RemoveKmipServer RetrieveKmipServersStatus_Task GenerateKey RetrieveKmipServerCert
  UploadKmipServerCert GenerateSelfSignedClientCert GenerateClientCsr RetrieveSelfSignedClientCert
  RetrieveClientCsr RetrieveClientCert UpdateSelfSignedClientCert UpdateKmsSignedCsrClientCert
  UploadClientCert IsKmsClusterActive SetDefaultKmsCluster QueryCryptoKeyStatus RegisterKmsCluster
  UnregisterKmsCluster SetKeyCustomAttributes
VcenterVStorageObjectManager:
  VStorageObjectExtendDiskEx_Task RenameVStorageObjectEx VStorageObjectCreateSnapshotEx_Task
  VStorageObjectDeleteSnapshotEx_Task VStorageObjectDeleteSnapshotEx2_Task
  RevertVStorageObjectEx_Task RepairVStorageObjectChain_Task UnregisterDisk_Task CreateDisk_Task
  RegisterDisk ExtendDisk_Task InflateDisk_Task RenameVStorageObject
  UpdateVStorageObjectPolicy_Task UpdateVStorageObjectCrypto_Task
  UpdateVStorageInfrastructureObjectPolicy_Task RetrieveVStorageInfrastructureObjectPolicy
  DeleteVStorageObject_Task RetrieveVStorageObject RetrieveVStorageObjectState
  RetrieveVStorageObjectAssociations ListVStorageObject CloneVStorageObject_Task
  RelocateVStorageObject_Task SetVStorageObjectControlFlags ClearVStorageObjectControlFlags
  AttachTagToVStorageObject DetachTagFromVStorageObject ListVStorageObjectsAttachedToTag
  ListTagsAttachedToVStorageObject ReconcileDatastoreInventory_Task
  ScheduleReconcileDatastoreInventory VStorageObjectCreateSnapshot_Task DeleteSnapshot_Task
  RetrieveSnapshotInfo CreateDiskFromSnapshot_Task RevertVStorageObject_Task
  RetrieveSnapshotDetails VstorageObjectVCenterQueryChangedDiskAreas DeleteVStorageObjectEx_Task
  VCenterUpdateVStorageObjectMetadataEx_Task SetVirtualDiskUuidEx_Task QueryVirtualDiskUuidEx
  ReconcileDatastoreInventoryEx_Task
DatastoreNamespaceManager:
  CreateDirectory DeleteDirectory ConvertNamespacePathToUuidPath IncreaseDirectorySize
  QueryDirectoryInfo
OptionManager:
  UpdateOptions
VirtualMachineGuestCustomizationManager:
  CustomizeGuest_Task StartGuestNetwork_Task AbortCustomization_Task
HostSnmpSystem:
  ReconfigureSnmpAgent SendTestNotification
VirtualMachineProvisioningChecker:
  QueryVMotionCompatibilityEx_Task CheckMigrate_Task CheckRelocate_Task CheckClone_Task
  CheckInstantClone_Task
VirtualMachineCompatibilityChecker:
  CheckCompatibility_Task CheckVmConfig_Task CheckPowerOn_Task
IoFilterManager:
  InstallIoFilter_Task UninstallIoFilter_Task UpgradeIoFilter_Task QueryIoFilterIssues
  QueryIoFilterInfo ResolveInstallationErrorsOnHost_Task ResolveInstallationErrorsOnCluster_Task
  QueryDisksUsingFilter InitiateTransitionToVLCM_Task
HostSpecificationManager:
  UpdateHostSpecification UpdateHostSubSpecification RetrieveHostSpecification
  DeleteHostSubSpecification DeleteHostSpecification HostSpecGetUpdatedHosts
HealthUpdateManager:
  RegisterHealthUpdateProvider UnregisterHealthUpdateProvider HasProvider QueryProviderName
  QueryHealthUpdateInfos AddMonitoredEntities RemoveMonitoredEntities QueryMonitoredEntities
  HasMonitoredEntity QueryUnmonitoredHosts PostHealthUpdates QueryHealthUpdates AddFilter
  QueryFilterList QueryFilterName QueryFilterInfoIds QueryFilterEntities AddFilterEntities
  RemoveFilterEntities RemoveFilter
FailoverClusterConfigurator:
  prepareVcha_Task deployVcha_Task configureVcha_Task createPassiveNode_Task
  createWitnessNode_Task getVchaConfig destroyVcha_Task
FailoverClusterManager:
  setClusterMode_Task getClusterMode GetVchaClusterHealth initiateFailover_Task
TenantTenantManager:
  MarkServiceProviderEntities UnmarkServiceProviderEntities
SiteInfoManager:
  GetSiteInfo
StorageQueryManager:
  QueryHostsWithAttachedLun
SearchIndex:
  Query QueryNext
Folder:
  setCustomValue Reload Rename_Task Destroy_Task CreateFolder MoveIntoFolder_Task CreateVM_Task
  RegisterVM_Task CreateCluster CreateClusterEx AddStandaloneHost_Task CreateDatacenter
  UnregisterAndDestroy_Task CreateDVS_Task CreateStoragePod BatchAddStandaloneHosts_Task
  BatchAddHostsToCluster_Task
ServiceInstance:
  ValidateMigration QueryVMotionCompatibility RetrieveProductComponents
LicenseAssignmentManager:
  UpdateAssignedLicense RemoveAssignedLicense
"""


def _read(table: str) -> dict[tuple[str, str], Method]:
    found: dict[tuple[str, str], Method] = {}
    kind = ""
    for word in table.split():
        if word.endswith(":"):
            kind = word[:-1]
            continue
        found[kind, word] = method(
            kind,
            word,
            "",
            "",
            "Always NotSupported.",
            handler="not_supported",
            faults=("NotSupported",),
        )
    return found


REFUSED: Mapping[tuple[str, str], Method] = _read(_TABLE)
"""Each of them, by object type and name."""
