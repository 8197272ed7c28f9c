"""pyVmomi on a session: its stub carries the token of now, and repeats a call that met a dead one.

A call that is refused as NotAuthenticated has not run, so that it may be sent once more. A method
that is refused all the same costs no further login while the session lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyVim.connect import SmartStubAdapter  # type: ignore[import-not-found]
from pyVmomi import SoapStubAdapter, vim  # type: ignore[import-not-found]

from .errors import SessionError

if TYPE_CHECKING:
    from .sessions import VsphereSession


def service_instance(session: VsphereSession) -> Any:
    """The ServiceInstance. Raises SessionError."""
    where = urlsplit(session.url())
    port = where.port or (443 if where.scheme == "https" else 80)
    place = {
        "host": where.hostname,
        # A negative port is how pyVmomi is told of plain HTTP.
        "port": port if where.scheme == "https" else -port,
        "path": "/sdk",
        "sslContext": session.ssl_context() if where.scheme == "https" else None,
    }
    session.current()
    newest = SmartStubAdapter(**place)
    instance = vim.ServiceInstance("ServiceInstance", _stub_of(session, newest.version, place))
    if instance.content.sessionManager.currentSession is None:
        raise SessionError(
            'this vCenter keeps sessions of REST apart, as all before 8.0 U3 do: say dialect="soap"'
        )
    return instance


def _stub_of(session: VsphereSession, version: str, place: dict[str, Any]) -> Any:
    class Stub(SoapStubAdapter):
        """Sends each call on the session of now."""

        def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:  # noqa: N802, N803
            opened, called = session.current(), session.url(f"/sdk/{info.wsdlName}")
            for last in (False, True):
                self.cookie = cookie_of(opened.token)
                try:
                    answer = super().InvokeMethod(mo, info, args, outerStub)
                except vim.fault.NotAuthenticated:
                    if last:
                        session.was_in_vain(called)
                    if last or not session.is_over(opened, called):
                        raise
                else:
                    # A stub around this one gets the status and the fault, and raises it itself.
                    wrapped = outerStub not in (None, self)
                    if not wrapped or not isinstance(answer[1], vim.fault.NotAuthenticated):
                        return answer
                    if last:
                        session.was_in_vain(called)
                    if last or not session.is_over(opened, called):
                        return answer
                opened = session.instead_of(opened)
            raise AssertionError("the last round returns or raises")

    return Stub(version=version, **place)


def cookie_of(token: str) -> str:
    """The cookie that carries a token."""
    return f'vmware_soap_session="{token}"'
