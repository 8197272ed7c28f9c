"""Data types of the other managers, in the order of the WSDL: those of which there are any here."""

from collections.abc import Mapping

from sessiongate.wire.vim.types.values import MOREF, Field, fields

TYPES: Mapping[str, tuple[Field, ...]] = {
    "Description": fields("label:string summary:string"),
    "AuthorizationRole": fields(
        "roleId:int system:boolean name:string info:Description privilege:string*"
    ),
    "AuthorizationPrivilege": fields(
        "privId:string onParent:boolean name:string privGroupName:string"
    ),
    "AuthorizationDescription": fields(
        "privilege:ElementDescription* privilegeGroup:ElementDescription*"
    ),
    "Permission": fields(
        f"entity:{MOREF}? principal:string group:boolean roleId:int propagate:boolean"
    ),
    "PrivilegeAvailability": fields("privId:string isGranted:boolean"),
    "EntityPrivilege": fields(f"entity:{MOREF} privAvailability:PrivilegeAvailability+"),
    "UserPrivilegeResult": fields(f"entity:{MOREF} privileges:string*"),
    "PerformanceDescription": fields(
        "counterType:ElementDescription* statsType:ElementDescription*"
    ),
    "PerfProviderSummary": fields(
        f"entity:{MOREF} currentSupported:boolean summarySupported:boolean refreshRate:int?"
    ),
    "AlarmDescription": fields(
        "expr:TypeDescription* stateOperator:ElementDescription* metricOperator:ElementDescription*"
        " hostSystemConnectionState:ElementDescription*"
        " virtualMachinePowerState:ElementDescription*"
        " datastoreConnectionState:ElementDescription* hostSystemPowerState:ElementDescription*"
        " virtualMachineGuestHeartbeatStatus:ElementDescription* entityStatus:ElementDescription*"
        " action:TypeDescription*"
    ),
    "ScheduledTaskDescription": fields(
        "action:TypeDescription* state:ElementDescription* dayOfWeek:ElementDescription*"
        " weekOfMonth:ElementDescription*"
    ),
    "LicenseSource": (),
    "EvaluationLicenseSource": fields("remainingHours:long?"),
    "LicenseManagerEvaluationInfo": fields("properties:KeyAnyValue*"),
}

BASES: Mapping[str, str] = {"EvaluationLicenseSource": "LicenseSource"}
