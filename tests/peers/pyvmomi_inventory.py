"""What pyVmomi finds in an empty vCenter; it is printed as JSON.

Run by the interpreter of one of the environments of `setup`: HOST PORT CA-FILE USER PASSWORD.
"""

import json
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

from pyVim.connect import Disconnect, SmartConnect  # type: ignore[import-not-found]
from pyVmomi import vim, vmodl  # type: ignore[import-not-found]

Query = vmodl.query.PropertyCollector


def fault(call: Callable[..., Any], *arguments: Any) -> str:
    """The name of the fault that a call ends in."""
    try:
        return f"none: {call(*arguments)}"
    except vmodl.MethodFault as raised:
        return type(raised).__name__.rpartition(".")[2]


def every_property(content: Any) -> list[str]:
    """The properties of every announced object that cannot be read."""
    wrong = []
    for member in type(content)._GetPropertyList():
        target = getattr(content, member.name)
        if not hasattr(target, "_moId"):
            continue
        for one in type(target)._GetPropertyList():
            try:
                getattr(target, one.name)
            except vmodl.MethodFault as raised:
                wrong.append(f"{member.name}.{one.name}: {type(raised).__name__}")
    return wrong


def views(content: Any) -> dict[str, Any]:
    """A container view, and a retrieve over it."""
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    step = Query.TraversalSpec(name="t", path="view", skip=False, type=type(view))
    start = Query.ObjectSpec(obj=view, skip=True, selectSet=[step])
    wanted = Query.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])
    spec = Query.FilterSpec(objectSet=[start], propSet=[wanted])
    facts = {
        "view": len(view.view),
        "container is the root": view.container._moId == content.rootFolder._moId,
        "virtual machines": len(content.propertyCollector.RetrieveContents([spec])),
    }
    view.Destroy()
    facts["destroyed view"] = fault(view.Destroy)
    return facts


def updates(content: Any) -> dict[str, Any]:
    """A filter over the root folder, and a wait."""
    start = Query.ObjectSpec(obj=content.rootFolder, skip=False)
    wanted = Query.PropertySpec(type=vim.ManagedEntity, pathSet=["name", "overallStatus"])
    collector = content.propertyCollector
    collector.CreateFilter(Query.FilterSpec(objectSet=[start], propSet=[wanted]), False)
    second = Query.WaitOptions(maxWaitSeconds=1)
    first = collector.WaitForUpdatesEx("", second)
    (entered,) = first.filterSet[0].objectSet
    began = time.monotonic()
    later = collector.WaitForUpdatesEx(first.version, second)
    return {
        "first update": {change.name: change.val for change in entered.changeSet},
        "second update": later,
        "it waited": time.monotonic() - began >= 1,
        "unknown version": fault(collector.WaitForUpdatesEx, "77", second),
    }


def main() -> None:
    """Log in, look, log out."""
    host, port, ca, user, password = sys.argv[1:]
    tls = ssl.create_default_context(cafile=ca)
    service = SmartConnect(host=host, port=int(port), sslContext=tls, user=user, pwd=password)
    content = service.content
    root, events = content.rootFolder, content.eventManager
    own = content.sessionManager.currentSession.key
    seen = events.QueryEvents(vim.event.EventFilterSpec())
    facts: dict[str, Any] = {
        "unreadable": every_property(content),
        "root": [root.name, len(root.childEntity), root.parent, root.overallStatus],
        "roles": [role.name for role in content.authorizationManager.roleList],
        "found": content.searchIndex.FindByInventoryPath("/DC0/vm/x"),
        "folder": fault(root.CreateFolder, "x"),
        "counters": len(content.perfManager.perfCounter),
        "licenses": len(content.licenseManager.licenses),
        "own login is an event": own in [getattr(event, "sessionId", "") for event in seen],
        "tasks": len(content.taskManager.CreateCollectorForTasks(vim.TaskFilterSpec()).latestPage),
        **views(content),
        **updates(content),
    }
    Disconnect(service)
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main()
