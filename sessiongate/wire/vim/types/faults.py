"""Faults as data types, in the order of the WSDL."""

from collections.abc import Mapping

from sessiongate.wire.vim.types.values import ANY, MOREF, Field, fields

_METHOD_FAULT = fields("faultCause:LocalizedMethodFault? faultMessage:LocalizableMessage*")

_NO_PERMISSION = (*_METHOD_FAULT, *fields(f"object:{MOREF}? privilegeId:string?"))

TYPES: Mapping[str, tuple[Field, ...]] = {
    "LocalizedMethodFault": fields("fault:MethodFault localizedMessage:string?"),
    "LocalizableMessage": fields("key:string arg:KeyAnyValue* message:string?"),
    "KeyAnyValue": fields(f"key:string value:{ANY}"),
    "MethodFault": _METHOD_FAULT,
    "InvalidLogin": _METHOD_FAULT,
    "InvalidLocale": _METHOD_FAULT,
    "NoPermission": _NO_PERMISSION,
    "NotAuthenticated": _NO_PERMISSION,
    "NotFound": _METHOD_FAULT,
    "NotSupported": _METHOD_FAULT,
    "NoClientCertificate": _METHOD_FAULT,
    "NoSubjectName": _METHOD_FAULT,
    "SSPIChallenge": (*_METHOD_FAULT, *fields("base64Token:string")),
    "InvalidArgument": (*_METHOD_FAULT, *fields("invalidProperty:string?")),
    "InvalidRequest": _METHOD_FAULT,
    "InvalidType": (*_METHOD_FAULT, *fields("argument:string?")),
    "InvalidProperty": (*_METHOD_FAULT, *fields("name:string")),
    "InvalidCollectorVersion": _METHOD_FAULT,
    "RequestCanceled": _METHOD_FAULT,
    "InvalidState": _METHOD_FAULT,
    "MethodNotFound": (*_METHOD_FAULT, *fields(f"receiver:{MOREF} method:string")),
    "ManagedObjectNotFound": (*_METHOD_FAULT, *fields(f"obj:{MOREF}")),
    "SystemError": (*_METHOD_FAULT, *fields("reason:string")),
}
