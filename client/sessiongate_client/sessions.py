"""The sessions that a program opens: one class for each kind of server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .session import Session

if TYPE_CHECKING:
    from .dialects import Dialect


class ZertoSession(Session):
    """A session at a Zerto Virtual Manager that takes `POST /v1/session/add`."""

    def _dialects(self) -> Sequence[Dialect]:
        from .dialects import Zerto

        return (Zerto(),)


class ApplianceSession(Session):
    """A session at a Zerto appliance, or at a realm of a Keycloak: bearer tokens, renewed early."""

    def __init__(
        self,
        url: str,
        user: str,
        password: Union[str, Callable[[], str]],
        *,
        realm: str = "zerto",
        client_id: str = "zerto-client",
        **others: Any,
    ) -> None:
        self._realm, self._client_id = realm, client_id
        super().__init__(url, user, password, **others)

    def _dialects(self) -> Sequence[Dialect]:
        from .dialects import Appliance

        return (Appliance(self._realm, self._client_id),)


class VsphereSession(Session):
    """A session at a vCenter.

    `dialect` is "rest", "vi-json" or "soap". Without one it is REST, or SOAP where `pyvmomi()` is
    what is asked for first. From vCenter 8.0 U3 on, and at sessiongate, a session of one is a
    session of all.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: Union[str, Callable[[], str]],
        *,
        dialect: Optional[str] = None,
        **others: Any,
    ) -> None:
        if dialect not in (None, "rest", "vi-json", "soap"):
            raise ValueError('dialect: must be "rest", "vi-json" or "soap"')
        self._dialect = dialect
        super().__init__(url, user, password, **others)

    def _dialects(self) -> Sequence[Dialect]:
        from . import dialects

        if self._dialect == "soap":
            return (dialects.Soap(),)
        if self._dialect == "vi-json":
            return (dialects.ViJson(),)
        return (dialects.Rest(), dialects.OldRest())

    def pyvmomi(self) -> Any:
        """A ServiceInstance of pyVmomi on this session, which logs in anew as the session does.

        Needs pyVmomi. Raises SessionError as `current()` does.
        """
        from .pyvmomi import service_instance

        if self._dialect is None and self._forms is None:
            self._dialect = "soap"
        return service_instance(self)
