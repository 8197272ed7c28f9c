"""Data types of ServiceInstance and SessionManager, in the order of the WSDL."""

from collections.abc import Mapping

from sessiongate.wire.vim.types.service_content import MEMBERS
from sessiongate.wire.vim.types.values import MOREF, Field, fields

_CONTENT = {
    "rootFolder": Field("rootFolder", MOREF),
    "propertyCollector": Field("propertyCollector", MOREF),
    "about": Field("about", "AboutInfo"),
}

TYPES: Mapping[str, tuple[Field, ...]] = {
    "UserSession": fields(
        "key:string userName:string fullName:string loginTime:dateTime lastActiveTime:dateTime"
        " locale:string messageLocale:string extensionSession:boolean@5.0 ipAddress:string@5.1"
        " userAgent:string@5.1 callCount:long@5.1",
        {
            "key": "Public name of the session: shown in lists, ends it, never a credential.",
            "userName": "The user of this session, as the directory spells the name.",
            "fullName": "The user's full name, or the user name where none is known.",
            "loginTime": "When the session was opened.",
            "lastActiveTime": "When the session was last used.",
            "locale": "Locale for the formats of data, and the one preferred for messages.",
            "messageLocale": "Locale in which messages really come.",
            "extensionSession": "Whether an extension opened this session.",
            "ipAddress": "Address of the client, or the socket's name for a local client.",
            "userAgent": "Name of the client program, as it said itself.",
            "callCount": "Authenticated calls since the session was opened.",
        },
    ),
    "AboutInfo": fields(
        "name:string fullName:string vendor:string version:string patchLevel:string? build:string"
        " localeVersion:string? localeBuild:string? osType:string productLineId:string"
        " apiType:string apiVersion:string instanceUuid:string? licenseProductName:string?"
        " licenseProductVersion:string?"
    ),
    "ServiceContent": tuple(
        _CONTENT.get(one.name) or Field(one.name, MOREF, optional=True, since=one.since)
        for one in MEMBERS
    ),
    "Capability": fields(
        "provisioningSupported:boolean multiHostSupported:boolean userShellAccessSupported:boolean"
    ),
    "SessionManagerLocalTicket": fields("userName:string passwordFilePath:string"),
    "SessionManagerGenericServiceTicket": fields(
        "id:string hostName:string? sslThumbprint:string? certThumbprintList:string*"
        " ticketType:string? sslCertificate:string?"
    ),
    "SessionManagerServiceRequestSpec": (),
    "SessionManagerHttpServiceRequestSpec": fields("method:string? url:string"),
    "SessionManagerVmomiServiceRequestSpec": fields("method:string"),
}

BASES: Mapping[str, str] = {
    "SessionManagerHttpServiceRequestSpec": "SessionManagerServiceRequestSpec",
    "SessionManagerVmomiServiceRequestSpec": "SessionManagerServiceRequestSpec",
}
