"""`/sdk/vimService.wsdl` and what it imports: the methods of the tables, for clients that build
their stubs from a description.

Three layers, as clients know them: the service with its address, whose namespace they look at to
tell which API it is; the operations; the schemas. Imports are relative, so that each document is
fetched from where the one before it was.
"""

import re
from collections.abc import Mapping
from functools import cache

from sessiongate.wire.vim.service_versions import VERSIONS
from sessiongate.wire.vim.soap import VIM
from sessiongate.wire.vim.types import TYPES
from sessiongate.wire.vim.wsdl_schema import (
    DATA_TYPES,
    MESSAGE_TYPES,
    XSD,
    data_types,
    faults,
    message_types,
    methods,
)
from sessiongate.wire.xml import escape

FOLDER = "/sdk"
SERVICE = f"{FOLDER}/vimService.wsdl"
_OPERATIONS = "vim.wsdl"
PARTS = tuple(f"{FOLDER}/{name}" for name in (_OPERATIONS, MESSAGE_TYPES, DATA_TYPES))

VENDORS = tuple(
    f"{FOLDER}/{name}"
    for name in (
        *("vimService.wsdl", "vim.wsdl", "vim-types.xsd", "vim-messagetypes.xsd"),
        *("query-types.xsd", "query-messagetypes.xsd"),
        *("reflect-types.xsd", "reflect-messagetypes.xsd", "core-types.xsd"),
    )
)
"""Where a vCenter has its description, as its SDK for toolkits names the files."""

_ADDRESS = re.compile(rb'(<(?:[A-Za-z0-9]+:)?address\s+location=")[^"<>]*?(/sdk[^"<>]*")')

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_HTTP = "http://schemas.xmlsoap.org/soap/http"


def service(origin: str) -> bytes:
    """The service at this scheme, host and port."""
    return (
        f'{_HEAD}<definitions xmlns="{_WSDL}" xmlns:soap="{_SOAP}" xmlns:vim25="{VIM}"'
        f' targetNamespace="{VIM}Service">\n'
        f'<import location="{_OPERATIONS}" namespace="{VIM}"/>\n'
        '<service name="VimService"><port name="VimPort" binding="vim25:VimBinding">'
        f'<soap:address location="{escape(origin)}{FOLDER}"/></port></service>\n</definitions>\n'
    ).encode()


def at_origin(document: bytes, origin: str) -> bytes:
    """A vCenter's service at this scheme, host and port, whatever address it names."""
    here = escape(origin).encode()
    return _ADDRESS.sub(lambda found: found[1] + here + found[2], document)


def is_description(document: bytes) -> bool:
    """Whether this is a part of a description, and no page of something else."""
    begins = document[:4096]
    return b"<" in begins and (b"definitions" in begins or b"schema" in begins)


@cache
def parts() -> Mapping[str, bytes]:
    """What the service imports, by path. Made once, at the first question."""
    texts = (_operations(), message_types(), data_types())
    return {path: f"{_HEAD}{text}".encode() for path, text in zip(PARTS, texts, strict=True)}


def _operations() -> str:
    inside = "\n".join(
        (
            f'<types><schema xmlns="{XSD}" targetNamespace="{VIM}">'
            f'<include schemaLocation="{MESSAGE_TYPES}"/></schema></types>',
            *(_message(f"{name}FaultMsg", "fault", f"{name}Fault") for name in faults()),
            *(
                _message(f"{name}{kind}Msg", "parameters", f"{name}{element}")
                for name in (method.name for method in methods())
                for kind, element in (("Request", ""), ("Response", "Response"))
            ),
            '<portType name="VimPortType">',
            *(_operation(method.name, method.faults) for method in methods()),
            "</portType>",
            '<binding name="VimBinding" type="vim25:VimPortType">',
            f'<soap:binding style="document" transport="{_HTTP}"/>',
            *(_bound(method.name, method.faults) for method in methods()),
            "</binding>",
        )
    )
    return (
        f'<definitions xmlns="{_WSDL}" xmlns:soap="{_SOAP}" xmlns:vim25="{VIM}"'
        f' targetNamespace="{VIM}">\n{inside}\n</definitions>\n'
    )


def _message(name: str, part: str, element: str) -> str:
    return f'<message name="{name}"><part name="{part}" element="vim25:{element}"/></message>'


def _operation(name: str, declared: tuple[str, ...]) -> str:
    thrown = "".join(
        f'<fault name="{fault}" message="vim25:{fault}FaultMsg"/>' for fault in _known(declared)
    )
    return (
        f'<operation name="{name}"><input message="vim25:{name}RequestMsg"/>'
        f'<output message="vim25:{name}ResponseMsg"/>{thrown}</operation>'
    )


def _bound(name: str, declared: tuple[str, ...]) -> str:
    literal = '<soap:body use="literal"/>'
    thrown = "".join(
        f'<fault name="{fault}"><soap:fault name="{fault}" use="literal"/></fault>'
        for fault in _known(declared)
    )
    return (
        f'<operation name="{name}"><soap:operation soapAction="{VIM}/{VERSIONS[0]}"'
        f' style="document"/><input>{literal}</input><output>{literal}</output>{thrown}'
        "</operation>"
    )


def _known(declared: tuple[str, ...]) -> list[str]:
    return [name for name in declared if name in TYPES]
