"""Data types of events and tasks, in the order of the WSDL: of events, those that happen here.

Of filters only the members by which our events can be told apart are read.
"""

from collections.abc import Mapping

from sessiongate.wire.vim.types.values import MOREF, Field, fields

_EVENT = fields(
    "key:int chainId:int createdTime:dateTime userName:string fullFormattedMessage:string?"
)

TYPES: Mapping[str, tuple[Field, ...]] = {
    "Event": _EVENT,
    "UserLoginSessionEvent": (
        *_EVENT,
        *fields("ipAddress:string userAgent:string?@5.1 locale:string sessionId:string"),
    ),
    "UserLogoutSessionEvent": (
        *_EVENT,
        *fields(
            "ipAddress:string?@5.1 userAgent:string?@5.1 callCount:long?@5.1 sessionId:string?@5.1"
            " loginTime:dateTime?@5.1"
        ),
    ),
    "EventFilterSpec": fields(
        "entity:EventFilterSpecByEntity? time:EventFilterSpecByTime?"
        " userName:EventFilterSpecByUsername? eventChainId:int? category:string* type:string*"
        " eventTypeId:string* maxCount:int?"
    ),
    "EventFilterSpecByEntity": fields(f"entity:{MOREF} recursion:string"),
    "EventFilterSpecByTime": fields("beginTime:dateTime? endTime:dateTime?"),
    "EventFilterSpecByUsername": fields("systemUser:boolean userList:string*"),
    "TaskFilterSpec": fields("entity:TaskFilterSpecByEntity?"),
    "TaskFilterSpecByEntity": fields(f"entity:{MOREF} recursion:string"),
    "ElementDescription": fields("label:string summary:string key:string"),
    "TypeDescription": fields("label:string summary:string key:string"),
    "EventDescription": fields(
        "category:ElementDescription+ eventInfo:EventDescriptionEventDetail+"
    ),
    "EventDescriptionEventDetail": fields(
        "key:string description:string? category:string formatOnDatacenter:string"
        " formatOnComputeResource:string formatOnHost:string formatOnVm:string fullFormat:string"
    ),
    "TaskDescription": fields(
        "methodInfo:ElementDescription* state:ElementDescription+ reason:TypeDescription*"
    ),
}

BASES: Mapping[str, str] = {
    "UserLoginSessionEvent": "Event",
    "UserLogoutSessionEvent": "Event",
}
