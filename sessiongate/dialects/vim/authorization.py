"""AuthorizationManager: which roles and privileges there are, and what the caller may do.

What others may do is shown to nobody: who has which role stands in several directories, which
cannot all be asked for it.
"""

from collections.abc import Sequence
from typing import TypeVar

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.service.sessions import Sessions
from sessiongate.session import Session
from sessiongate.wire.vim import authorization
from sessiongate.wire.vim.methods import ROOT_FOLDER, resolve
from sessiongate.wire.vim.types import Data, MoRef

_T = TypeVar("_T")

# Objects and privileges that one question may name.
_MOST = 1000


def permissions_of(caller: Session) -> list[Data]:
    """What a caller may do, as one permission for each of its roles."""
    return [
        Data(
            "Permission",
            {
                "entity": ROOT_FOLDER,
                "principal": caller.user_name,
                "group": False,
                "roleId": authorization.role_id(role),
                "propagate": True,
            },
        )
        for role in caller.roles
    ]


class Authorization(ManagedObject):
    """Its methods and properties, by the names of their handlers."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def role_list(self, context: Context) -> list[Data]:
        return authorization.roles(self._sessions.roles.table)

    async def privilege_list(self, context: Context) -> list[Data]:
        return authorization.privileges(self._sessions.roles.privileges)

    async def authorization_description(self, context: Context) -> Data:
        return authorization.description(self._sessions.roles.privileges)

    async def permissions(self, context: Context) -> list[Data]:
        return permissions_of(context.known_caller)

    async def retrieve_role_permissions(self, context: Context, role_id: int) -> list[Data]:
        if role_id not in map(authorization.role_id, self._sessions.roles.table):
            raise errors.NotFound("no role of this id")
        mine = permissions_of(context.known_caller)
        return [one for one in mine if one.members["roleId"] == role_id]

    async def has_privilege_on_entity(
        self,
        context: Context,
        entity: MoRef,
        session_id: str,
        priv_id: Sequence[str] | None = None,
    ) -> list[bool]:
        held = self._held([entity], _of_key(context, session_id))
        return [name in held for name in _few(priv_id or (), "privId")]

    async def has_privilege_on_entities(
        self,
        context: Context,
        entity: Sequence[MoRef],
        session_id: str,
        priv_id: Sequence[str] | None = None,
    ) -> list[Data]:
        held = self._held(entity, _of_key(context, session_id))
        return _granted(entity, priv_id or (), held)

    async def has_user_privilege_on_entities(
        self,
        context: Context,
        entities: Sequence[MoRef],
        user_name: str,
        priv_id: Sequence[str] | None = None,
    ) -> list[Data]:
        return _granted(entities, priv_id or (), self._held(entities, _self(context, user_name)))

    async def fetch_user_privilege_on_entities(
        self, context: Context, entities: Sequence[MoRef], user_name: str
    ) -> list[Data]:
        held: list[str] = sorted(self._held(entities, _self(context, user_name)))
        return [
            Data("UserPrivilegeResult", {"entity": one, "privileges": held})
            for one in _few(entities, "entities")
        ]

    def _held(self, entities: Sequence[MoRef], session: Session) -> frozenset[str]:
        for one in entities:
            if resolve(one) is None:
                raise errors.UnknownObject(one.kind, one.name)
        return self._sessions.privileges(session)


def _of_key(context: Context, key: str) -> Session:
    """The session of a key: the caller's own. Of others nothing is told."""
    caller = context.known_caller
    if key != caller.key:
        raise errors.InvalidArgument("sessionId", "only the caller's own session")
    return caller


def _self(context: Context, name: str) -> Session:
    caller = context.known_caller
    if name not in (caller.user_name, caller.login_name):
        raise errors.InvalidArgument("userName", "only the caller's own name")
    return caller


def _granted(entities: Sequence[MoRef], names: Sequence[str], held: frozenset[str]) -> list[Data]:
    asked = _few(names, "privId")
    if len(entities) * len(asked) > _MOST:
        raise errors.InvalidArgument("entities", f"more than {_MOST} answers")
    return [
        Data(
            "EntityPrivilege",
            {
                "entity": entity,
                "privAvailability": [
                    Data("PrivilegeAvailability", {"privId": name, "isGranted": name in held})
                    for name in asked
                ],
            },
        )
        for entity in _few(entities, "entities")
    ]


def _few(values: Sequence[_T], name: str) -> Sequence[_T]:
    if len(values) > _MOST:
        raise errors.InvalidArgument(name, f"more than {_MOST} at once")
    return values
