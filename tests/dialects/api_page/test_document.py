"""The document against the tables that it is made from: all of them, and nothing besides.

The validators are imported by the tests that use them: they take half a second of the processor,
and every process of a run collects all tests.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sessiongate import errors
from sessiongate.dialects.api_page.document import document
from sessiongate.dialects.vim.openapi_schemas import fault_names, type_names
from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.wire import zerto
from sessiongate.wire.automation import hello
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim.faults import FORMS, INTERNAL, fault_of
from sessiongate.wire.vim.methods import OBJECTS, SESSION_MANAGER, Method
from sessiongate.wire.vim.methods import SESSION_METHODS as METHODS
from sessiongate.wire.vim.methods import SESSION_PROPERTIES as PROPERTIES
from sessiongate.wire.vim.types import ANY, MOREF, TYPES, Boxed, Data, Field, MoRef, Value
from sessiongate.wire.zerto_resources import LISTS, SITE, TIME
from tests.each import each

DOCUMENT = document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
VIM = {path: item for path, item in DOCUMENT["paths"].items() if path.startswith("/sdk/vim25/")}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for verb in ("get", "put", "post", "delete", "patch", "head", "options", "trace"):
            if verb in item:
                yield path, verb, item[verb]


def operation(member: str, kind: str = "SessionManager") -> dict[str, Any]:
    item = VIM[f"/sdk/vim25/{{release}}/{kind}/{{moId}}/{member}"]
    found: dict[str, Any] = item.get("post") or item["get"]
    return found


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with a value by a schema of the document."""
    from openapi_schema_validator import OAS31Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    whole = DRAFT202012.create_resource({**DOCUMENT, "$id": "urn:document"})
    registry: Registry[Any] = Registry().with_resource("urn:document", whole)
    rooted = {"$id": "urn:document", **DOCUMENT, "allOf": [schema]}
    checker = OAS31Validator(
        rooted, registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER
    )
    return [error.message for error in checker.iter_errors(value)]


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_the_document_is_valid_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator, validate

    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_every_method_and_property_has_an_operation_and_nothing_else_has() -> None:
    wanted = {("post", *key) for key in METHODS} | {("get", *key) for key in PROPERTIES}
    found = set()
    for path, item in VIM.items():
        kind, target, name = path.removeprefix("/sdk/vim25/{release}/").split("/")
        assert target == "{moId}"
        found |= {(verb, kind, name) for verb in item if verb != "parameters"}
    assert found == wanted


def test_the_other_paths_are_those_of_zerto_and_hello() -> None:
    others = {(verb, path) for path, verb, _ in operations() if path not in VIM}
    assert others == {
        ("post", zerto.START),
        ("delete", zerto.END),
        *(("get", path) for path in (TIME, SITE, *LISTS)),
        ("post", hello.PATH),
    }


def test_the_schemas_are_the_types_the_request_bodies_and_a_few_of_the_other_dialects() -> None:
    bodies = {f"{method.name}RequestType" for method in METHODS.values() if method.params}
    others = {"Message", "StartSession", "LocalSite", "AutomationError", "HelloSpec", "HelloResult"}
    assert set(SCHEMAS) == type_names() | {MOREF, ANY} | bodies | others


def test_request_bodies_do_not_share_a_name() -> None:
    names = [method.name for method in METHODS.values()]
    assert len(names) == len(set(names))


def test_every_fault_of_the_tables_is_a_type_and_every_fault_of_the_document_is_one() -> None:
    declared = {fault for method in METHODS.values() for fault in method.faults}
    formed = {form.fault for form in FORMS.values()} | {INTERNAL.fault}
    assert set(fault_names()) == declared | formed
    choice = {one["$ref"].rpartition("/")[2] for one in SCHEMAS["MethodFault"]["oneOf"]}
    assert choice == declared | formed
    used = {
        one["$ref"].rpartition("/")[2]
        for _, _, op in operations()
        if op["tags"][0] in OBJECTS
        for one in op["responses"]["500"]["content"]["application/json"]["schema"]["oneOf"]
    }
    assert declared <= used <= declared | formed


@each("method", METHODS.values(), ids=lambda one: one.name)
def test_a_method_says_its_parameters_result_faults_and_privilege(method: Method) -> None:
    op = operation(method.name, method.on)
    assert method.about == op["summary"]
    assert method.privilege in op["description"]
    if method.params:
        assert op["requestBody"]["content"]["application/json"]["schema"] == named(
            f"{method.name}RequestType"
        )
        body = SCHEMAS[f"{method.name}RequestType"]
        assert list(body["properties"]) == [param.name for param in method.params]
        required = [param.name for param in method.params if not param.optional]
        assert body.get("required", []) == required
        assert op["requestBody"]["required"] == bool(required)
    else:
        assert "requestBody" not in op
    assert ("204" in op["responses"]) == (method.result is None)
    assert ("200" in op["responses"]) == (method.result is not None)
    faults = op["responses"]["500"]["content"]["application/json"]["schema"]["oneOf"]
    assert {f"#/components/schemas/{name}" for name in method.faults} <= {
        one["$ref"] for one in faults
    }
    assert {"405", "503"} <= set(op["responses"])
    headers = op["responses"].get("200", {}).get("headers", {})
    assert ("vmware-api-session-id" in headers) == method.opens


def test_a_call_that_needs_a_session_says_so() -> None:
    session: dict[str, list[str]] = {"vmwareSession": []}
    for method in METHODS.values():
        offered = operation(method.name, method.on)["security"]
        if method.privilege != SYSTEM_ANONYMOUS:
            assert offered == [session]
        elif method.opens:
            assert offered == []
    for prop in PROPERTIES.values():
        offered = operation(prop.name, prop.on)["security"]
        assert (offered == [session]) == (prop.privilege != SYSTEM_ANONYMOUS)


def test_secret_parameters_are_passwords_that_never_come_back() -> None:
    secret = {
        (f"{method.name}RequestType", param.name)
        for method in METHODS.values()
        for param in method.params
        if param.secret
    }
    found = {
        (name, member)
        for name, schema in SCHEMAS.items()
        for member, told in schema.get("properties", {}).items()
        if told.get("format") == "password" and told.get("writeOnly") is True
    }
    assert ("LoginRequestType", "password") in found
    assert found == secret


def test_operations_have_names_of_their_own() -> None:
    names = [op["operationId"] for _, _, op in operations()]
    assert len(names) == len(set(names))


def test_the_ways_to_show_who_one_is() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    keys = {name: one["name"] for name, one in schemes.items() if one["type"] == "apiKey"}
    assert keys == {"zertoSession": "x-zerto-session", "vmwareSession": "vmware-api-session-id"}
    assert all(schemes[name]["in"] == "header" for name in keys)
    assert schemes["basic"]["scheme"] == "basic"
    start = DOCUMENT["paths"][zerto.START]["post"]
    assert start["security"] == [{"basic": []}]
    assert start["responses"]["200"]["headers"]["x-zerto-session"]["required"] is True
    assert "content" not in start["responses"]["200"]
    assert DOCUMENT["paths"][zerto.END]["delete"]["security"] == [{"zertoSession": []}]


@each(
    "release",
    [
        "8.0.1.0",
        "8.0.2.0",
        "8.0.3.0",
        "9.0.0.0",
        "9.1.0.0",
        "9.2.10.100",
        "8.0.4.0",
        "9.1.0",
        "9.1.0.0.0",
        "9.1.0.1000",
        "10.0.0.0",
        "x9.1.0.0",
        "release",
        "",
    ],
)
def test_releases_are_described_as_they_are_read(release: str) -> None:
    parameters = next(iter(VIM.values()))["parameters"]
    schema = next(one["schema"] for one in parameters if one["name"] == "release")
    assert (not problems(schema, release)) == vim_json.knows_release(release)


@pytest.mark.parametrize("kind", OBJECTS)
def test_the_object_id_is_the_one_there_is(kind: str) -> None:
    for path, item in VIM.items():
        if f"/{kind}/{{moId}}" in path:
            target = next(one for one in item["parameters"] if one["name"] == "moId")
            assert target["schema"]["enum"] == [OBJECTS[kind].name]


def media_of_everything() -> Iterator[dict[str, Any]]:
    for _, _, op in operations():
        yield from op.get("requestBody", {}).get("content", {}).values()
        for reply in op["responses"].values():
            yield from reply.get("content", {}).values()


def test_examples_are_true_to_their_schemas() -> None:
    shown = [media for media in media_of_everything() if "example" in media]
    assert len(shown) >= 4
    for media in shown:
        assert problems(media["schema"], media["example"]) == []


ERRORS: list[errors.SessionGateError | None] = [
    errors.BadCredentials("x"),
    errors.NoSession("x"),
    errors.NoPermission("System.View"),
    errors.InvalidLocale("x"),
    errors.NotFound("x"),
    errors.InvalidArgument("sessionId", "not that one"),
    errors.NotSupported("x"),
    errors.NoClientCertificate("x"),
    errors.CapReached("total", 5, "x"),
    errors.Malformed("the body is not JSON"),
    errors.UnknownAddress("x"),
    errors.UnknownObject("Folder", "x"),
    errors.UnknownMethod("Folder", "x", "Burn"),
    errors.UnknownName("x"),
    errors.UnknownProperty("x"),
    errors.WrongVerb("GET", "POST"),
    errors.StoreUnavailable("x"),
    None,
]


@each("error", ERRORS, ids=lambda one: type(one).__name__)
def test_each_fault_is_written_as_its_schema_says(error: errors.SessionGateError | None) -> None:
    fault = fault_of(error, SESSION_MANAGER, "System.View", "en")
    body = {**vim_json.to_json(fault.data), "faultstring": fault.message}
    assert problems(named(body["_typeName"]), body) == []
    assert problems(named("MethodFault"), body) == []
    known = SCHEMAS[body["_typeName"]]["properties"]
    assert set(body) <= set(known)
    wrong = {**body, "_typeName": "UserSession"}
    assert problems(named("MethodFault"), wrong) != []


def sample(field: Field) -> Value:
    """A value for a member, every optional one set."""
    plain: dict[str, Value] = {
        "string": "text",
        "boolean": True,
        "int": 1,
        "long": 2**40,
        "base64Binary": b"bytes",
        MOREF: SESSION_MANAGER,
        ANY: Boxed("string", "text"),
        "MethodFault": Data("NotFound", {}),
        "dateTime": vim_json.read_moment(field, "2026-01-02T03:04:05.123456Z"),
    }
    value = plain[field.type] if field.type in plain else full(field.type)
    return [value] if field.array else value


def full(name: str) -> Data:
    # A fault's cause may have a cause, a traversal one behind it: one is enough.
    skipped = {"faultCause", "faultMessage", "selectSet"}
    members = {one.name: sample(one) for one in TYPES[name] if one.name not in skipped}
    return Data(name, members)


@each("name", sorted(type_names() - {"MethodFault"}))
def test_each_type_is_written_as_its_schema_says(name: str) -> None:
    written = vim_json.to_json(full(name))
    assert problems(named(name), written) == []
    assert set(written) <= set(SCHEMAS[name]["properties"])
    for field in TYPES[name]:
        if not field.optional:
            short = {key: value for key, value in written.items() if key != field.name}
            assert problems(named(name), short) != []
        if field.name in written:
            assert problems(named(name), {**written, field.name: [{}]}) != []


@each("method", METHODS.values(), ids=lambda one: one.name)
def test_a_body_that_the_schema_takes_is_read(method: Method) -> None:
    """With type names and without: real clients differ."""
    written = {param.name: vim_json.to_json(sample(param)) for param in method.params}
    for body in (written, without_names(written)):
        if method.params:
            assert problems(named(f"{method.name}RequestType"), body) == []
        read = vim_json.read_arguments(method, msgspec.json.encode(body))
        assert len(read) == len(method.params)


def without_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_names(one) for key, one in value.items() if key != "_typeName"}
    return [without_names(one) for one in value] if isinstance(value, list) else value


def test_a_narrower_type_is_taken_where_a_wider_one_is_declared() -> None:
    schema = SCHEMAS["AcquireGenericServiceTicketRequestType"]
    spec = {"_typeName": "SessionManagerHttpServiceRequestSpec", "method": "httpGet", "url": "x"}
    assert problems(schema, {"spec": spec}) == []
    assert problems(schema, {"spec": {**spec, "_typeName": "UserSession"}}) != []


@pytest.mark.parametrize(
    ("value", "fine"),
    [("0", True), ("1", True), (0, True), (1, True), (2, False), ("x", False), (True, False)],
)
def test_authentication_methods_are_described_as_they_are_read(value: object, fine: bool) -> None:
    body = {"AuthenticationMethod": value}
    assert (not problems(named("StartSession"), body)) == fine


def test_a_reference_may_leave_out_its_type_name() -> None:
    assert problems(named(MOREF), {"type": "Folder", "value": "group-d1"}) == []
    assert problems(named(MOREF), vim_json.to_json(MoRef("Folder", "group-d1"))) == []
    assert problems(named(MOREF), {"type": "Folder"}) != []
