"""JSON schemas of the vim25 types, as VI/JSON writes and reads them.

One component for each type that the operations need. A type that we only write says its name in
`_typeName` always; one that clients send may leave it out, since real clients do.
"""

from collections.abc import Iterable, Mapping

from sessiongate.dialects.openapi import Json
from sessiongate.wire.vim.faults import FORMS, INTERNAL
from sessiongate.wire.vim.methods import SESSION_METHODS, SESSION_PROPERTIES, Method
from sessiongate.wire.vim.types import ANY, BASES, LARGEST_LONG, MOREF, TYPES, Field

_NAME = "_typeName"

# The range of xsd:int, which vim25's int is.
_LARGEST_INT = 2**31 - 1

_PRIMITIVES: Mapping[str, Json] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {
        "type": "integer",
        "format": "int32",
        "minimum": -_LARGEST_INT - 1,
        "maximum": _LARGEST_INT,
    },
    "long": {
        "type": "integer",
        "format": "int64",
        "minimum": -LARGEST_LONG,
        "maximum": LARGEST_LONG,
    },
    "dateTime": {"type": "string", "format": "date-time"},
    "base64Binary": {"type": "string", "contentEncoding": "base64"},
}


def fault_names() -> tuple[str, ...]:
    """Every fault that a method declares or an error turns into, in order of the alphabet."""
    declared = {fault for method in SESSION_METHODS.values() for fault in method.faults}
    return tuple(sorted(declared | {form.fault for form in FORMS.values()} | {INTERNAL.fault}))


def type_names() -> set[str]:
    """The types that the operations take and give, and the faults with what stands in them."""
    fields = [field for one in SESSION_METHODS.values() for field in (*one.params, one.result)]
    fields += [one.field for one in SESSION_PROPERTIES.values()]
    fields += [Field("fault", name) for name in (*fault_names(), "MethodFault")]
    return _types_in(field for field in fields if field is not None)


def request_name(method: Method) -> str:
    """Name of the component that describes a method's request body."""
    return f"{method.name}RequestType"


def components() -> dict[str, Json]:
    """Every schema by name: the types, then the request bodies."""
    sent = _types_in(param for method in SESSION_METHODS.values() for param in method.params)
    shown = type_names()
    faults = fault_names()
    schemas = {
        name: _object(name, fields, named=name not in sent or name in BASES)
        for name, fields in TYPES.items()
        if name in shown
    }
    for name in faults:
        schemas[name] = _fault(name, schemas[name])
    schemas["MethodFault"] = {
        "description": "Any fault.",
        "oneOf": [reference(name) for name in faults],
        "discriminator": {"propertyName": _NAME},
    }
    schemas[MOREF] = _reference_object()
    schemas[ANY] = _any()
    schemas.update(
        {request_name(method): body(method) for method in SESSION_METHODS.values() if method.params}
    )
    return schemas


def reference(name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def slot(field: Field, *, nullable: bool = False) -> Json:
    """What a member, parameter or result may hold. `nullable` where unset is written as null."""
    schema = _schema_of(field.type)
    if field.secret:
        schema = {**schema, "format": "password", "writeOnly": True}
    if field.array:
        schema = {"type": "array", "items": schema}
    if nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if field.about:
        schema = {**schema, "description": field.about}
    return schema


def body(method: Method) -> Json:
    """The request body of a method. Unknown members are ignored, so none are forbidden."""
    return _members(method.params)


def _schema_of(kind: str) -> Json:
    if kind in _PRIMITIVES:
        return dict(_PRIMITIVES[kind])
    narrower = [name for name, base in BASES.items() if base == kind]
    if narrower:
        return {"oneOf": [reference(name) for name in (kind, *narrower)]}
    return reference(kind)


def _members(fields: Iterable[Field]) -> Json:
    fields = tuple(fields)
    schema: Json = {"type": "object", "properties": {one.name: slot(one) for one in fields}}
    required = [one.name for one in fields if not one.optional]
    return {**schema, "required": required} if required else schema


def _object(name: str, fields: Iterable[Field], *, named: bool) -> Json:
    schema = _members(fields)
    required = ([_NAME] if named else []) + schema.pop("required", [])
    schema["properties"] = {_NAME: {"const": name}, **schema["properties"]}
    return {**schema, "required": required} if required else schema


def _fault(name: str, schema: Json) -> Json:
    sentences = [form.message for form in (*FORMS.values(), INTERNAL) if form.fault == name]
    text = {"type": "string", "description": "What to show to people; on the outermost fault only."}
    told: Json = {"description": " / ".join(dict.fromkeys(sentences))} if sentences else {}
    return {**told, **schema, "properties": {**schema["properties"], "faultstring": text}}


def _reference_object() -> Json:
    return {
        "type": "object",
        "description": "A reference to a managed object.",
        "properties": {
            _NAME: {"const": MOREF},
            "type": {"type": "string", "description": "Type of the object."},
            "value": {"type": "string", "description": "Its id."},
        },
        "required": ["type", "value"],
    }


def _any() -> Json:
    return {
        "type": "object",
        "description": "A data object, or a plain value in a box that names its type.",
        "properties": {
            _NAME: {"type": "string", "description": "`UserSession`, `string`, `ArrayOfString`."},
            "_value": {"description": "What the box holds."},
        },
        "required": [_NAME],
    }


def _types_in(fields: Iterable[Field]) -> set[str]:
    """Names of the data types that these fields hold, at any depth."""
    reached: set[str] = set()
    waiting = [field.type for field in fields]
    while waiting:
        name = waiting.pop()
        if name in TYPES and name not in reached:
            reached.add(name)
            waiting += [field.type for field in TYPES[name]]
            waiting += [narrower for narrower, base in BASES.items() if base == name]
    return reached
