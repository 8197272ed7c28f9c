"""A session's whole life, told by pyVmomi to some server; what came of it is printed as JSON.

Run by the interpreter of one of the environments of `setup`:
HOST PORT CA-FILE USER PASSWORD, with `-` for the CA file to trust anybody (a simulator).
"""

import inspect
import json
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pyVim.connect import Disconnect, SmartConnect  # type: ignore[import-not-found]
from pyVmomi import SoapStubAdapter, vim, vmodl  # type: ignore[import-not-found]


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gave: a value, the name of an object's type, or the name of the fault."""
    try:
        value = call(*arguments)
    except Exception as fault:  # noqa: BLE001 - a client may stumble over a reply in many ways
        return type(fault).__name__.rpartition(".")[2]
    plain = value is None or type(value) in (str, int, bool, list, dict)
    return value if plain else type(value).__name__


class Story:
    """The server, and who logs in there."""

    def __init__(self, host: str, port: str, ca: str, user: str, password: str) -> None:
        if ca == "-":
            self.tls = ssl.create_default_context()
            self.tls.check_hostname = False
            self.tls.verify_mode = ssl.CERT_NONE
        else:
            self.tls = ssl.create_default_context(cafile=ca)
        self.host, self.port = host, int(port)
        self.user, self.password = user, password

    def connect(self, **how: str) -> Any:
        return SmartConnect(host=self.host, port=self.port, sslContext=self.tls, **how)

    def login(self) -> Any:
        return self.connect(user=self.user, pwd=self.password)

    def stranger(self, version: str) -> Any:
        """A connection that has not logged in."""
        stub = SoapStubAdapter(host=self.host, port=self.port, sslContext=self.tls, version=version)
        return vim.ServiceInstance("ServiceInstance", stub)

    def with_session(self, service: Any) -> Any:
        """Another connection on the same session."""
        cookie = service._stub.cookie.partition(";")[0].partition("=")[2].strip('"')
        if "sessionId" in inspect.signature(SmartConnect).parameters:
            return self.connect(sessionId=cookie)
        other = self.stranger(service._stub.version)  # pyVmomi 7 knows no other way
        other._stub.cookie = f'vmware_soap_session="{cookie}"'
        return other


def near(when: datetime) -> bool:
    return abs((datetime.now(UTC) - when).total_seconds()) < 60


def tell(story: Story) -> dict[str, Any]:
    """Every fact has a line: what is asked, and who is asked."""
    facts: dict[str, Any] = {}
    service = story.login()
    version, cookie = service._stub.version, service._stub.cookie
    facts["version"] = version
    facts["apiType"] = service.content.about.apiType
    manager = service.content.sessionManager
    session = manager.currentSession
    for name in ("userName", "locale", "messageLocale", "extensionSession", "ipAddress"):
        facts[name] = outcome(getattr, session, name)
    facts["key is cookie"] = session.key in cookie
    facts["cookie attributes"] = cookie.partition(";")[2]
    facts["login is now"] = near(session.loginTime)
    facts["clock is now"] = outcome(lambda: near(service.CurrentTime()))
    facts["server clock is now"] = outcome(lambda: near(service.serverClock))
    facts["default locale"] = outcome(lambda: manager.defaultLocale)
    facts["message locales"] = outcome(lambda: "en" in manager.messageLocaleList)

    key, name = session.key, session.userName
    facts["active"] = outcome(manager.SessionIsActive, key, name)
    facts["active, other name"] = outcome(manager.SessionIsActive, key, "somebody")
    facts["active, unknown key"] = outcome(manager.SessionIsActive, "no-such-key", name)
    facts["set message"] = outcome(manager.UpdateServiceMessage, "down at <5> & \u4e94")
    facts["message"] = outcome(lambda: manager.message)
    facts["set locale"] = outcome(manager.SetLocale, "de")
    facts["locale then"] = outcome(lambda: manager.currentSession.locale)
    facts["set unknown locale"] = outcome(manager.SetLocale, "xx!!")
    facts["second login"] = outcome(manager.Login, story.user, story.password)

    collector = service.content.propertyCollector
    wanted = vmodl.query.PropertyCollector.FilterSpec(
        propSet=[vmodl.query.PropertyCollector.PropertySpec(type=vim.SessionManager, all=True)],
        objectSet=[vmodl.query.PropertyCollector.ObjectSpec(obj=manager)],
    )
    options = vmodl.query.PropertyCollector.RetrieveOptions()

    def names(found: Any) -> list[str]:
        return sorted(one.name for one in found[0].propSet)

    facts["RetrieveProperties"] = outcome(lambda: names(collector.RetrieveProperties([wanted])))
    facts["RetrievePropertiesEx"] = outcome(
        lambda: names(collector.RetrievePropertiesEx([wanted], options).objects)
    )
    facts["unknown object"] = outcome(getattr, vim.VirtualMachine("vm-1", service._stub), "name")

    ticket = manager.AcquireCloneTicket()
    cloned = story.stranger(version)
    clones = cloned.content.sessionManager
    copy = clones.CloneSession(ticket)
    facts["clone has its own key"] = copy.key != session.key
    facts["clone has the user"] = copy.userName == session.userName
    facts["clone is listed"] = copy.key in {one.key for one in manager.sessionList}
    other = story.stranger(version).content.sessionManager
    facts["ticket used twice"] = outcome(other.CloneSession, ticket)
    thief = story.stranger(version).content.sessionManager
    thief._stub.cookie = f'vmware_soap_session="{manager.AcquireCloneTicket()}"'
    facts["ticket as a session"] = outcome(lambda: thief.currentSession)
    thief._stub.cookie = f'vmware_soap_session="{session.key}"'
    facts["key as a session"] = outcome(lambda: thief.currentSession)

    facts["terminate own"] = outcome(manager.TerminateSession, [session.key])
    facts["terminate unknown"] = outcome(manager.TerminateSession, ["no-such-key"])
    facts["terminate another"] = outcome(manager.TerminateSession, [copy.key])
    facts["terminated: session"] = outcome(lambda: clones.currentSession)
    facts["terminated: call"] = outcome(cloned.CurrentTime)
    facts["terminated: login"] = outcome(clones.Login, story.user, story.password)
    facts["terminated: logout"] = outcome(clones.Logout)

    facts["wrong password"] = outcome(lambda: story.connect(user=story.user, pwd="wrong"))
    facts["by session id"] = outcome(
        lambda: story.with_session(service).content.sessionManager.currentSession.key == key
    )
    spec = vim.SessionManager.HttpServiceRequestSpec(method="httpGet", url="https://x/y?a=1&b=2")
    facts["service ticket"] = outcome(manager.AcquireGenericServiceTicket, spec)
    facts["local ticket"] = outcome(manager.AcquireLocalTicket, story.user)
    newcomer = story.stranger(version).content.sessionManager
    facts["token login"] = outcome(newcomer.LoginByToken)
    facts["extension login"] = outcome(newcomer.LoginExtensionByCertificate, "com.example.none")
    facts["impersonate who is not there"] = outcome(manager.ImpersonateUser, "nobody-here")

    facts["logout"] = outcome(manager.Logout)
    facts["after logout: session"] = outcome(lambda: manager.currentSession)
    facts["after logout: list"] = outcome(lambda: manager.sessionList)
    facts["after logout: call"] = outcome(service.CurrentTime)
    facts["after logout: logout"] = outcome(manager.Logout)
    facts["after logout: login"] = outcome(manager.Login, story.user, story.password)
    Disconnect(service)
    return facts


if __name__ == "__main__":
    json.dump(tell(Story(*sys.argv[1:])), sys.stdout)
