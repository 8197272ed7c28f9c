"""The description of SOAP: complete, and nothing in it that it does not define."""

from xml.etree import ElementTree as ET

from sessiongate.wire.vim import wsdl
from sessiongate.wire.vim.methods import METHODS
from tests.each import each

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
OPERATIONS, MESSAGES, TYPES = (ET.fromstring(text) for text in wsdl.parts().values())


def names_in(root: ET.Element, tag: str) -> list[str]:
    return [one.attrib["name"] for one in root.iter(f"{WSDL}{tag}")]


def test_the_service_is_the_one_that_clients_look_for() -> None:
    root = ET.fromstring(wsdl.service("https://gate.example:9669"))
    assert root.attrib["targetNamespace"] == "urn:vim25Service"
    [imported] = root.iter(f"{WSDL}import")
    assert imported.attrib == {"location": "vim.wsdl", "namespace": "urn:vim25"}
    [service], [port], [address] = (
        list(root.iter(tag)) for tag in (f"{WSDL}service", f"{WSDL}port", f"{SOAP}address")
    )
    assert (service.attrib["name"], port.attrib["name"]) == ("VimService", "VimPort")
    assert address.attrib["location"] == "https://gate.example:9669/sdk"


def test_an_address_is_text() -> None:
    root = ET.fromstring(wsdl.service('"><x/>&'))
    [address] = root.iter(f"{SOAP}address")
    assert address.attrib["location"] == '"><x/>&/sdk'


def test_every_method_is_an_operation_once() -> None:
    wanted = {name for _, name in METHODS}
    for part in ("portType", "binding"):
        [holder] = OPERATIONS.iter(f"{WSDL}{part}")
        found = [one.attrib["name"] for one in holder.iter(f"{WSDL}operation")]
        assert (set(found), len(found)) == (wanted, len(wanted))
    declared = names_in(OPERATIONS, "message")
    assert len(declared) == len(set(declared))
    used = {
        value.removeprefix("vim25:")
        for one in OPERATIONS.iter()
        if (value := one.attrib.get("message")) is not None
    }
    assert used <= set(declared)


def test_each_message_is_an_element_of_the_schema() -> None:
    elements = {one.attrib["name"] for one in MESSAGES if one.tag.endswith("}element")}
    parts = [one.attrib["element"].removeprefix("vim25:") for one in OPERATIONS.iter(f"{WSDL}part")]
    assert set(parts) == elements


def test_what_is_imported_is_served_beside_it() -> None:
    folder = {path.rpartition("/")[2] for path in wsdl.parts()}
    for root in (OPERATIONS, MESSAGES, TYPES):
        for one in root.iter():
            for attribute in ("location", "schemaLocation"):
                if attribute in one.attrib:
                    assert one.attrib[attribute] in folder


@each("path", wsdl.PARTS)
def test_each_part_is_made_once(path: str) -> None:
    assert wsdl.parts()[path] is wsdl.parts()[path]
