"""AuthorizationManager: our roles and privileges, as vSphere shows such."""

from sessiongate.wire.vim.methods.rows import method, prop
from sessiongate.wire.vim.types import MOREF

_KIND = "AuthorizationManager"

METHODS = (
    *(
        method(
            _KIND,
            name,
            takes,
            "Permission*",
            "What the caller may do. What others may do is not shown.",
            handler="permissions",
        )
        for name, takes in (
            ("RetrieveAllPermissions", ""),
            ("RetrieveEntityPermissions", ""),
        )
    ),
    method(
        _KIND,
        "RetrieveRolePermissions",
        "roleId:int",
        "Permission*",
        "The same, of one role.",
        faults=("NotFound",),
    ),
    method(
        _KIND,
        "HasPrivilegeOnEntity",
        f"entity:{MOREF} sessionId:string privId:string*",
        "boolean*",
        "Whether the session of this key holds each of these privileges.",
    ),
    method(
        _KIND,
        "HasPrivilegeOnEntities",
        f"entity:{MOREF}+ sessionId:string privId:string*",
        "EntityPrivilege*",
        "The same, of several objects.",
    ),
    method(
        _KIND,
        "HasUserPrivilegeOnEntities",
        f"entities:{MOREF}+ userName:string privId:string*",
        "EntityPrivilege*",
        "The same, by the name of the caller.",
    ),
    method(
        _KIND,
        "FetchUserPrivilegeOnEntities",
        f"entities:{MOREF}+ userName:string",
        "UserPrivilegeResult*",
        "The privileges of the caller, by name.",
    ),
)

PROPERTIES = (
    prop(_KIND, "roleList:AuthorizationRole*", "The roles that there are."),
    prop(_KIND, "privilegeList:AuthorizationPrivilege*", "The privileges that there are."),
    prop(
        _KIND,
        "description:AuthorizationDescription",
        "What the privileges are called.",
        handler="authorization_description",
    ),
)
