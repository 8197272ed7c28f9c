"""What tools over pyVmomi and REST find in an empty vCenter: TOOL HOST PORT CA USER PASSWORD.

Tools: `libcloud`, whose driver speaks SOAP, `libcloud-rest` and `vconnector`. Run by the
interpreter of the environment of `setup`. What came of it is printed as JSON.
"""

import json
import logging
import ssl
import sys
import warnings
from collections.abc import Callable
from typing import Any

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

Facts = dict[str, Any]

SESSION = "/rest/com/vmware/cis/session"


def refused(make: Callable[[], object]) -> str:
    """What a tool made of a refusal: each has errors of its own."""
    try:
        make()
    except Exception as error:  # noqa: BLE001 - each tool has its own
        return type(error).__name__.rpartition(".")[2]
    return "answered"


def libcloud(host: str, port: int, ca: str, user: str, password: str) -> Facts:
    """The driver that speaks SOAP, which logs out when the process ends."""
    from libcloud.compute.drivers.vsphere import (  # type: ignore[import-not-found]
        VSphereNodeDriver,
    )

    facts: Facts = {
        "wrong password": refused(lambda: VSphereNodeDriver(host, user, "wrong", port, ca))
    }
    driver = VSphereNodeDriver(host, user, password, port=port, ca_cert=ca)
    for name in (
        *("list_nodes", "list_nodes_recursive", "list_locations", "list_images", "list_sizes"),
        *("ex_list_networks", "ex_list_folders", "ex_list_datastores"),
    ):
        facts[name] = getattr(driver, name)()
    facts["version"] = isinstance(driver._get_version(), str)
    return facts


def libcloud_rest(host: str, port: int, ca: str, user: str, password: str) -> Facts:
    """The driver that speaks `/rest`: it logs in anew when its session is over."""
    from libcloud.compute.drivers.vsphere import VSphere_REST_NodeDriver

    def driver(secret: str) -> Any:
        return VSphere_REST_NodeDriver(user, secret, host=host, port=port, ca_cert=ca)

    facts: Facts = {"wrong password": refused(lambda: driver("wrong"))}
    logged_in = driver(password)
    for name in (
        *("list_nodes", "async_list_nodes", "list_locations", "list_sizes"),
        *("ex_list_hosts", "ex_list_clusters", "ex_list_datacenters", "ex_list_datastores"),
        *("ex_list_networks", "ex_list_folders", "ex_list_content_libraries"),
    ):
        facts[name] = getattr(logged_in, name)()
    old = logged_in.session_token
    logged_in.connection.request(SESSION, method="DELETE")
    facts["after logout"] = logged_in.list_nodes()
    facts["a new session"] = logged_in.session_token != old
    logged_in.connection.request(SESSION, method="DELETE")
    return facts


def vconnector(host: str, port: int, ca: str, user: str, password: str) -> Facts:
    """Views, and a retrieve over each."""
    from pyVmomi import vim  # type: ignore[import-not-found]
    from vconnector.core import VConnector  # type: ignore[import-not-found]

    def connector(secret: str) -> Any:
        trust = ssl.create_default_context(cafile=ca)
        return VConnector(user, secret, host, port=port, ssl_context=trust)

    facts: Facts = {"wrong password": refused(connector("wrong").connect)}
    connected = connector(password)
    connected.connect()
    for kind in (
        *("Datacenter", "ClusterComputeResource", "HostSystem", "VirtualMachine", "Datastore"),
        *("ResourcePool", "DistributedVirtualSwitch"),
    ):
        of_kind = getattr(vim, kind)
        view = connected.get_container_view(obj_type=[of_kind])
        facts[kind] = connected.collect_properties(view, of_kind, path_set=["name"])
        view.DestroyView()
    facts["by name"] = connected.get_object_by_property("name", "web", vim.VirtualMachine)
    listed = connected.get_list_view([connected.si.content.rootFolder])
    facts["list view"] = connected.collect_properties(listed, vim.Folder, path_set=["name"])
    facts["counters"] = len(connected.perf_counter)
    facts["intervals"] = len(connected.perf_interval)
    connected.reconnect()
    facts["reconnected as"] = connected.si.content.sessionManager.currentSession.userName
    connected.disconnect()
    return facts


TOOLS = {"libcloud": libcloud, "libcloud-rest": libcloud_rest, "vconnector": vconnector}


if __name__ == "__main__":
    tool, name, number, *rest = sys.argv[1:]
    json.dump(TOOLS[tool](name, int(number), *rest), sys.stdout)
