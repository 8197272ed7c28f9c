"""A session's life, told by the VCF SDK's vSphere client over vAPI JSON-RPC.

Run by the interpreter of the SDK's environment of `setup`: HOST PORT CA-FILE USER PASSWORD TOKEN,
with `-` for the CA file to trust anybody (a simulator), where TOKEN is a session that some other
dialect opened. What came of it is printed as JSON.
"""

import gc
import json
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
from com.vmware.cis_client import Session  # type: ignore[import-not-found]
from com.vmware.content_client import Configuration  # type: ignore[import-not-found]
from com.vmware.vapi.std_client import DynamicID  # type: ignore[import-not-found]
from com.vmware.vcenter_client import VM  # type: ignore[import-not-found]
from pyVim.connect import SmartConnect  # type: ignore[import-not-found]
from vmware.vapi.lib.connect import get_requests_connector  # type: ignore[import-not-found]
from vmware.vapi.stdlib.client.factories import (  # type: ignore[import-not-found]
    StubConfigurationFactory,
)
from vmware.vapi.vsphere.client import create_vsphere_client  # type: ignore[import-not-found]


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """What a call gave, or the name of the error."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - a client may stumble over a reply in many ways
        return type(error).__name__


class Story:
    """The server, and who logs in there."""

    def __init__(self, host: str, port: str, ca: str, user: str, password: str, token: str) -> None:
        self.host, self.port, self.ca = host, int(port), ca
        self.user, self.password, self.token = user, password, token

    def line(self) -> requests.Session:
        line = requests.Session()
        line.verify = self.ca if self.ca != "-" else False
        line.trust_env = False  # a bundle named in the environment would win over ours
        return line

    def client(self, **how: str) -> Any:
        return create_vsphere_client(server=f"{self.host}:{self.port}", session=self.line(), **how)

    def login(self, password: str | None = None) -> Any:
        return self.client(username=self.user, password=password or self.password)

    def stranger(self, service: Any = Session) -> Any:
        """A service, the session service if none is named, without any credential."""
        connector = get_requests_connector(
            session=self.line(), url=f"https://{self.host}:{self.port}/api"
        )
        return service(StubConfigurationFactory.new_std_configuration(connector))

    def pyvmomi(self, token: str) -> Any:
        """The user whom pyVmomi finds behind a token, or None."""
        tls = ssl.create_default_context(cafile=self.ca if self.ca != "-" else None)
        if self.ca == "-":
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        service = SmartConnect(host=self.host, port=self.port, sslContext=tls, sessionId=token)
        current = service.content.sessionManager.currentSession
        return current and current.userName


def near(when: datetime) -> bool:
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return abs((datetime.now(UTC) - when).total_seconds()) < 60


def inventory(client: Any) -> dict[str, Any]:
    """What a client finds that looks around: nothing, and the server's version."""
    vcenter, tagging, appliance = client.vcenter, client.tagging, client.appliance
    lists = {
        "VM.list": vcenter.VM.list,
        "Host.list": vcenter.Host.list,
        "ResourcePool.list": vcenter.ResourcePool.list,
        "Category.list": tagging.Category.list,
        "Tag.list": tagging.Tag.list,
        "Interfaces.list": appliance.networking.Interfaces.list,
    }
    facts = {name: outcome(ask) for name, ask in lists.items()}
    folder = DynamicID(type="Folder", id="group-d1")
    facts["attached tags"] = outcome(tagging.TagAssociation.list_attached_tags, folder)
    facts["VM.get"] = outcome(vcenter.VM.get, "vm-1")
    facts["Version.get"] = outcome(lambda: appliance.system.Version.get().product)
    facts["Hostname.get"] = type(outcome(appliance.networking.dns.Hostname.get)).__name__
    return facts


def tell(story: Story) -> dict[str, Any]:
    """Every fact has a line: what is asked, and who is asked."""
    facts: dict[str, Any] = {}
    client = story.login()
    token = client.session_id
    info = client.session_svc.get()
    facts["user"] = info.user
    facts["created now"] = near(info.created_time)
    facts["used now"] = near(info.last_accessed_time)
    facts["pyVmomi with its session"] = story.pyvmomi(token)

    second = story.client(session_id=token)
    facts["session_id"] = outcome(lambda: second.session_svc.get().user)
    facts["a service that is not here"] = outcome(client.content.Configuration.get)
    facts["the same without a session"] = outcome(story.stranger(Configuration).get)
    facts.update(inventory(client))
    facts["VM.list without a session"] = outcome(story.stranger(VM).list)
    facts["wrong password"] = outcome(story.login, "wrong")
    facts["no password"] = outcome(lambda: story.client(username=story.user, password=""))
    facts["bearer token"] = outcome(lambda: story.client(bearer_token="<saml/>"))
    facts["stranger, create"] = outcome(story.stranger().create)
    facts["stranger, get"] = outcome(story.stranger().get)
    facts["stranger, delete"] = outcome(story.stranger().delete)

    foreign = story.client(session_id=story.token)
    facts["another dialect's session"] = outcome(lambda: foreign.session_svc.get().user)
    facts["another dialect's session ended"] = outcome(foreign.session_svc.delete)
    facts["and then"] = outcome(foreign.session_svc.get)

    # The client logs out when it is destroyed; what follows must find the session dead.
    del client
    gc.collect()
    facts["destroyed"] = outcome(second.session_svc.get)
    facts["destroyed, pyVmomi"] = outcome(story.pyvmomi, token)
    facts["deleted twice"] = outcome(second.session_svc.delete)
    with story.login() as inside:
        last = inside.session_id
        facts["with"] = inside.session_svc.get().user
    facts["after with"] = outcome(story.client(session_id=last).session_svc.get)
    return facts


if __name__ == "__main__":
    json.dump(tell(Story(*sys.argv[1:])), sys.stdout)
