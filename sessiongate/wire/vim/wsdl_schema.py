"""The vim25 schema of what is served here, written from the tables of methods and types.

Toolkits build their classes from it, so each type that a reply may name is in it: also the arrays,
which are said by name wherever a value may be of any type. What a table names and does not describe
is text: an enumeration, or the item of a list that is always empty.
"""

from collections.abc import Iterable, Iterator

from sessiongate.wire.vim.methods import METHODS, PROPERTIES, Method
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.vim.types import ANY, BASES, MOREF, PRIMITIVES, TYPES, Field

MESSAGE_TYPES = "vim-messagetypes.xsd"
DATA_TYPES = "vim-types.xsd"

XSD = "http://www.w3.org/2001/XMLSchema"
_FAULT = "MethodFault"


def methods() -> list[Method]:
    """One of each name: a method that several objects have is one operation."""
    return list({method.name: method for method in METHODS.values()}.values())


def faults() -> list[str]:
    """The types of faults."""
    return [name for name in TYPES if name == _FAULT or _base(name) == _FAULT]


def message_types() -> str:
    """The schema of requests and replies: an element for each, and one for each fault."""
    parts = [f'<include schemaLocation="{DATA_TYPES}"/>']
    for method in methods():
        this = Field("_this", MOREF)
        request = f"{method.name}RequestType"
        parts += [
            _complex(request, (this, *method.params)),
            f'<element name="{method.name}" type="vim25:{request}"/>',
            f'<element name="{method.name}Response"><complexType>'
            f"{_sequence(() if method.result is None else (method.result,))}"
            "</complexType></element>",
        ]
    parts += [f'<element name="{name}Fault" type="vim25:{name}"/>' for name in faults()]
    return _schema(parts)


def data_types() -> str:
    """The schema of the data types, and of arrays of whatever a property or a member holds."""
    parts = [
        f'<complexType name="{MOREF}"><simpleContent><extension base="xsd:string">'
        '<attribute name="type" type="xsd:string"/></extension></simpleContent></complexType>'
    ]
    parts += (_complex(name, fields, _base(name)) for name, fields in TYPES.items())
    known = {MOREF, ANY, *PRIMITIVES, *TYPES}
    named = dict.fromkeys((*known, *(field.type for field in _all_fields())))
    for name in sorted(named.keys() - known):
        parts.append(f'<simpleType name="{name}"><restriction base="xsd:string"/></simpleType>')
    parts += (
        _complex(f"ArrayOf{name[:1].upper()}{name[1:]}", (Field(name, name, True, True),))
        for name in sorted(named)
    )
    return _schema(parts)


def _all_fields() -> Iterator[Field]:
    for fields in TYPES.values():
        yield from fields
    for method in METHODS.values():
        yield from method.params
        if method.result is not None:
            yield method.result
    for prop in PROPERTIES.values():
        yield prop.field


def _base(name: str) -> str:
    """The type that this one extends, or "". A fault begins as every fault does."""
    fault = TYPES[_FAULT]
    if name != _FAULT and TYPES[name][: len(fault)] == fault:
        return _FAULT
    return BASES.get(name, "")


def _complex(name: str, fields: tuple[Field, ...], base: str = "") -> str:
    if not base:
        return f'<complexType name="{name}">{_sequence(fields)}</complexType>'
    inherited = {field.name for field in TYPES[base]}
    own = _sequence(field for field in fields if field.name not in inherited)
    return (
        f'<complexType name="{name}"><complexContent><extension base="vim25:{base}">{own}'
        "</extension></complexContent></complexType>"
    )


def _sequence(fields: Iterable[Field]) -> str:
    return f"<sequence>{''.join(map(_element, fields))}</sequence>"


def _element(field: Field) -> str:
    optional = ' minOccurs="0"' if field.optional else ""
    many = ' maxOccurs="unbounded"' if field.array else ""
    space = "xsd" if field.type in PRIMITIVES or field.type == ANY else "vim25"
    return f'<element name="{field.name}" type="{space}:{field.type}"{optional}{many}/>'


def _schema(parts: Iterable[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<schema xmlns="{XSD}" xmlns:xsd="{XSD}" xmlns:vim25="{VIM}" targetNamespace="{VIM}"'
        f' elementFormDefault="qualified">\n{inside}\n</schema>\n'
    )
