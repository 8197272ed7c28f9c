"""The table of what an empty vCenter has: addresses, actions, answers."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import NotSupported, UnknownObject, WrongVerb
from sessiongate.wire.automation.resources import (
    API,
    RESOURCES,
    REST,
    SERVICES,
    Appliance,
    ResourceValue,
    find,
    output_of,
    reads,
    refused,
    seeks,
    value_of,
    wrapped,
)
from tests.each import each

APPLIANCE = Appliance("gate.example", "product", "8.0.3", "0", "a gate")
VM, TAG, LINKS = (
    API[f"/api/{name}"] for name in ("vcenter/vm", "cis/tagging/tag", "cis/tagging/tag-association")
)
VERSION = REST["/rest/appliance/system/version"]


def test_each_address_and_service_is_one_resources() -> None:
    assert len(API) == len(REST) == len(SERVICES) == len(RESOURCES)
    assert SERVICES["com.vmware.vcenter.VM"] is VM
    assert "/api/vcenter/resource-pool" in API
    assert "com.vmware.vcenter.resource_pool" in SERVICES
    assert SERVICES["com.vmware.appliance.system.version"] is VERSION


def test_a_path_is_a_resource_or_below_one_or_neither() -> None:
    for table in (API, REST):
        for path, one in table.items():
            assert find(table, path) == (one, False)
            assert find(table, f"{path}/") == (one, True)
            assert find(table, f"{path}/a/b/c") == (one, True)
            assert find(table, f"{path}x") == (None, False)
            assert find(table, path.upper()) == (None, False)
    assert find(REST, "/api/vcenter/vm") == (None, False)
    assert find(API, "/api/vcenter") == (None, False)


@given(st.text("/api", max_size=40))
def test_any_path_is_looked_up(path: str) -> None:
    """Whatever is asked for, what is found is a resource whose address it begins with."""
    found, _ = find(API, path)
    assert found is None or path.startswith(found.api)


def test_what_is_refused_and_why() -> None:
    assert refused(VM, "GET", "names=a&filter.power_states=POWERED_ON", below=False) is None
    assert isinstance(refused(VM, "GET", "", below=True), UnknownObject)
    wrong = refused(VM, "POST", "", below=False)
    assert isinstance(wrong, WrongVerb)
    assert wrong.allowed == ("GET",)
    wrong = refused(LINKS, "GET", "", below=False)
    assert isinstance(wrong, WrongVerb)
    assert wrong.allowed == ("POST",)
    for query in ("action=list-attached-tags", "~action=list-attached-tags&x=1"):
        assert refused(LINKS, "POST", query, below=False) is None
    for query in ("", "action=attach", "%7Eaction=create", "actions=list-used-tags"):
        assert isinstance(refused(TAG, "POST", query, below=False), NotSupported)
    assert refused(TAG, "POST", "%7Eaction=list-used-tags", below=False) is None


def test_operations_of_json_rpc() -> None:
    assert reads(VM, "list")
    assert seeks(VM, "get")
    assert not reads(VM, "get")
    assert not reads(VM, "create")
    assert reads(LINKS, "list_attached_tags")
    assert not reads(LINKS, "list")
    assert not seeks(LINKS, "get")
    assert reads(VERSION, "get")
    assert not seeks(VERSION, "get")
    libraries = SERVICES["com.vmware.content.library"]
    assert reads(libraries, "find")
    assert seeks(libraries, "get")
    rules = SERVICES["com.vmware.appliance.networking.firewall.inbound"]
    assert reads(rules, "get")
    assert not reads(rules, "list")
    assert not seeks(rules, "get")


@each("one", RESOURCES, ids=lambda one: str(one.api))
def test_what_each_gives(one: object) -> None:
    assert isinstance(one, type(VM))
    value = value_of(one, APPLIANCE)
    if one.answer is ResourceValue.NOTHING:
        assert value == output_of(one, APPLIANCE) == []
    elif one.answer is ResourceValue.HOST_NAME:
        assert value == output_of(one, APPLIANCE) == "gate.example"
    elif one.answer is ResourceValue.NO_MAP:
        assert (value, output_of(one, APPLIANCE), wrapped(value)) == ({}, [], {"value": []})
    elif one.answer is ResourceValue.OFF:
        assert value is output_of(one, APPLIANCE) is False
        assert wrapped(value) == {"value": False}
    elif one.answer is ResourceValue.SHELL:
        assert value == {"enabled": False, "timeout": 0}
        named = "com.vmware.appliance.access.shell.shell_config"
        assert output_of(one, APPLIANCE) == {"STRUCTURE": {named: value}}
    else:
        said = msgspec.json.decode(msgspec.json.encode(value))
        assert (said["version"], said["product"], said["build"]) == ("8.0.3", "product", "0")
        named = "com.vmware.appliance.system.version.version_struct"
        assert output_of(one, APPLIANCE) == {"STRUCTURE": {named: value}}
