"""The schema against the tables: every type, member and array that a message may hold."""

from xml.etree import ElementTree as ET

from sessiongate.wire.vim.methods import METHODS, PROPERTIES
from sessiongate.wire.vim.types import ANY, BASES, MOREF, PRIMITIVES, TYPES
from sessiongate.wire.vim.wsdl_schema import data_types, faults, message_types, methods

XSD = "{http://www.w3.org/2001/XMLSchema}"
DATA, MESSAGES = ET.fromstring(data_types()), ET.fromstring(message_types())
DEFINED = {
    one.attrib["name"]: one
    for root in (DATA, MESSAGES)
    for one in root
    if one.tag in (f"{XSD}complexType", f"{XSD}simpleType")
}


def members_of(name: str) -> list[str]:
    """Members in their order, those of the base first."""
    found = DEFINED[name]
    extension = found.find(f".//{XSD}extension")
    base = extension.attrib["base"].removeprefix("vim25:") if extension is not None else ""
    own = [one.attrib["name"] for one in found.iter(f"{XSD}element")]
    return [*(members_of(base) if base in TYPES else []), *own]


def test_every_type_has_its_members_in_their_order() -> None:
    for name, fields in TYPES.items():
        assert members_of(name) == [field.name for field in fields]


def test_a_type_may_stand_where_its_base_is_declared() -> None:
    for name, base in BASES.items():
        extension = DEFINED[name].find(f".//{XSD}extension")
        assert extension is not None
        assert extension.attrib["base"] == f"vim25:{base}"
    assert {"InvalidLogin", "NotAuthenticated", "NoPermission"} <= set(faults())
    assert not {"UserSession", "LocalizedMethodFault"} & set(faults())


def test_every_request_has_its_parameters_and_every_reply_its_value() -> None:
    for method in methods():
        request = members_of(f"{method.name}RequestType")
        assert request == ["_this", *(param.name for param in method.params)]
        [response] = [one for one in MESSAGES if one.attrib.get("name") == f"{method.name}Response"]
        inside = [one.attrib["name"] for one in response.iter(f"{XSD}element")][1:]
        assert inside == (["returnval"] if method.result is not None else [])


def test_methods_of_one_name_are_one_operation() -> None:
    for method in METHODS.values():
        [one] = [one for one in methods() if one.name == method.name]
        assert one.params == method.params
        assert one.result == method.result


def test_all_that_is_named_is_defined() -> None:
    for root in (DATA, MESSAGES):
        for one in root.iter():
            for attribute in ("type", "base"):
                space, _, name = one.attrib.get(attribute, "xsd:").partition(":")
                assert space == "xsd" or name in DEFINED
    assert len(DEFINED) == sum(
        one.tag in (f"{XSD}complexType", f"{XSD}simpleType") and "name" in one.attrib
        for root in (DATA, MESSAGES)
        for one in root
    )


def test_an_array_of_whatever_a_property_holds() -> None:
    """Values of any type name theirs, and toolkits look the name up."""
    for kind in {*PRIMITIVES, *TYPES, MOREF, ANY, *(one.field.type for one in PROPERTIES.values())}:
        assert members_of(f"ArrayOf{kind[:1].upper()}{kind[1:]}") == [kind]
