"""A session's life, told by a toolkit that knows our WSDL: TOOLKIT HOST PORT CA USER PASSWORD.

Toolkits: `zeep`, `suds`, and `oslo`, which is OpenStack's way of using suds. Run by the interpreter
of the environment of `setup`. What came of it is printed as JSON.
"""

import json
import ssl
import sys
import warnings
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.request import HTTPSHandler

warnings.simplefilter("ignore")

WSDL = "sdk/vimService.wsdl"


class Toolkit(Protocol):
    """What the story needs of a toolkit."""

    def call(self, name: str, on: Any, **arguments: Any) -> Any:
        """Call a method of a managed object."""

    def reference(self, kind: str, name: str) -> Any:
        """A managed object's reference."""


class Zeep:
    """zeep, over requests."""

    def __init__(self, origin: str, ca: str) -> None:
        import requests
        from zeep import Client  # type: ignore[import-not-found]
        from zeep.transports import Transport  # type: ignore[import-not-found]

        line = requests.Session()
        line.verify, line.trust_env = ca, False
        self._client = Client(f"{origin}/{WSDL}", transport=Transport(session=line))

    def call(self, name: str, on: Any, **arguments: Any) -> Any:
        return self._client.service[name](_this=on, **arguments)

    def reference(self, kind: str, name: str) -> Any:
        return self._client.get_type("{urn:vim25}ManagedObjectReference")(name, type=kind)


class Suds:
    """suds, over the standard library."""

    def __init__(self, origin: str, ca: str) -> None:
        from suds.client import Client  # type: ignore[import-not-found]
        from suds.transport.http import (  # type: ignore[import-not-found]
            HttpTransport,
        )

        class Trusting(HttpTransport):  # type: ignore[misc]
            def u2handlers(self) -> list[Any]:
                context = ssl.create_default_context(cafile=ca)
                return [*super().u2handlers(), HTTPSHandler(context=context)]

        self._client = Client(f"{origin}/{WSDL}", transport=Trusting(), cache=None)

    def call(self, name: str, on: Any, **arguments: Any) -> Any:
        return getattr(self._client.service, name)(on, **arguments)

    def reference(self, kind: str, name: str) -> Any:
        reference = self._client.factory.create("ns0:ManagedObjectReference")
        reference.value, reference._type = name, kind
        return reference


def fault_of(error: Exception) -> str:
    """The type of the fault that a toolkit raised."""
    detail = getattr(error, "detail", None)
    if detail is not None:  # zeep's
        return str(detail[0].tag.rpartition("}")[2].removesuffix("Fault"))
    found = getattr(error, "fault", None)
    inside = getattr(found, "detail", None)
    return str(next(iter(inside))[0].removesuffix("Fault")) if inside else type(error).__name__


def tell(kit: Toolkit, user: str, password: str) -> dict[str, Any]:
    """A life by the names of the WSDL alone."""
    facts: dict[str, Any] = {}
    root = kit.reference("ServiceInstance", "ServiceInstance")
    content = kit.call("RetrieveServiceContent", root)
    facts["api"] = content.about.apiType
    manager = content.sessionManager

    def current() -> list[Any]:
        spec = {
            "propSet": [{"type": "SessionManager", "pathSet": ["currentSession"]}],
            "objectSet": [{"obj": manager}],
        }
        [found] = kit.call("RetrieveProperties", content.propertyCollector, specSet=[spec])
        return [prop.val.userName for prop in getattr(found, "propSet", None) or []]

    def refused(name: str, on: Any, **arguments: Any) -> str:
        try:
            kit.call(name, on, **arguments)
        except Exception as error:  # noqa: BLE001 - each toolkit has its own
            return fault_of(error)
        return "answered"

    facts["wrong password"] = refused("Login", manager, userName=user, password="wrong")
    session = kit.call("Login", manager, userName=user, password=password)
    facts["user"] = session.userName
    facts["logged in now"] = _near(session.loginTime)
    facts["current session"] = current()
    facts["time"] = _near(kit.call("CurrentTime", root))
    kit.call("Logout", manager)
    facts["after logout"] = current()
    facts["time after logout"] = refused("CurrentTime", root)
    return facts


def _near(when: datetime) -> bool:
    return abs((datetime.now(UTC) - when.astimezone(UTC)).total_seconds()) < 60


def tell_oslo(host: str, port: str, ca: str, user: str, password: str) -> dict[str, Any]:
    """The same by OpenStack's library, which logs in by itself."""
    from oslo_vmware.api import (  # type: ignore[import-not-found]
        VMwareAPISession,
    )
    from oslo_vmware.vim_util import get_moref  # type: ignore[import-not-found]

    facts: dict[str, Any] = {}

    def session(secret: str) -> Any:
        return VMwareAPISession(host, user, secret, 1, 1, port=int(port), cacert=ca, insecure=False)

    try:
        session("wrong")
    except Exception as error:  # noqa: BLE001 - its own, by whatever name
        facts["wrong password"] = getattr(error, "fault_list", [type(error).__name__])
    opened = session(password)
    facts["api"] = opened.vim.service_content.about.apiType
    facts["active"] = opened.is_current_session_active()
    root = get_moref("ServiceInstance", "ServiceInstance")
    facts["time"] = _near(opened.invoke_api(opened.vim, "CurrentTime", root))
    opened.logout()
    return facts


def main(toolkit: str, host: str, port: str, ca: str, user: str, password: str) -> dict[str, Any]:
    """The story of this toolkit."""
    if toolkit == "oslo":
        return tell_oslo(host, port, ca, user, password)
    kit: Toolkit = (Zeep if toolkit == "zeep" else Suds)(f"https://{host}:{port}", ca)
    return tell(kit, user, password)


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
