"""The tables of the wire page: methods, properties, and how each error looks in each dialect."""

import inspect
from collections.abc import Collection, Iterator

from sessiongate import errors
from sessiongate.wire import zerto
from sessiongate.wire.automation import rest as automation
from sessiongate.wire.automation.resources import RESOURCES, Resource
from sessiongate.wire.vim import faults
from sessiongate.wire.vim.methods import (
    METHODS,
    PROPERTIES,
    REFUSED,
    SESSION_METHODS,
    SESSION_PROPERTIES,
    Method,
)
from sessiongate.wire.vim.types import Field
from sessiongate.wire.vim.types.service_content import MEMBERS
from tests.docs.tables import code, table


def methods_table() -> str:
    """The methods that sessions need."""
    rows = [
        (
            f"{one.on}.{one.name}",
            ", ".join(map(_field, one.params)) or "nothing",
            _result(one),
            one.privilege,
            ", ".join(one.faults) or "-",
        )
        for one in SESSION_METHODS.values()
    ]
    return table(("Method", "Takes", "Gives", "Privilege", "Declared faults"), rows)


def properties_table() -> str:
    """The properties that sessions need."""
    rows = [
        (
            f"{one.on}.{one.name}",
            _type(one.field),
            one.privilege + (f", or {one.also}" if one.also else ""),
            one.about,
        )
        for one in SESSION_PROPERTIES.values()
    ]
    return table(("Property", "Type", "Privilege", "What it is"), rows)


def resources_table() -> str:
    """What an empty vCenter has at each face of the Automation API."""
    rows = [(_asked(one.api, one), code(one.rest), one.answer.value) for one in RESOURCES]
    return table(("`/api`", "`/rest`", "Gives"), rows)


def _asked(path: str, resource: Resource) -> str:
    actions = [f"POST with {code(f'action={one}')}" for one in resource.actions]
    return f"{code(path)}: {', '.join(('GET',) * resource.reads + tuple(actions))}"


def objects_table() -> str:
    """The other objects: how they are announced, what they answer, and what they refuse."""
    announced = {one.target.kind: one for one in MEMBERS if one.target is not None}
    kinds = dict.fromkeys(kind for kind, _ in (*METHODS, *PROPERTIES, *REFUSED))
    rows = []
    for kind in kinds:
        methods = _names(kind, METHODS, SESSION_METHODS)
        properties = _names(kind, PROPERTIES, SESSION_PROPERTIES)
        refused = _names(kind, REFUSED)
        if methods or properties or refused:
            member = announced.get(kind)
            where = code(member.name) if member is not None else "-"
            since = ".".join(map(str, member.since)) if member is not None else "-"
            answers = ", ".join((*methods, *properties)) or "-"
            rows.append((kind, where, since, answers, str(len(refused))))
    return table(("Object", "Announced as", "Since", "Answers", "Refuses"), rows)


def _names(
    kind: str, rows: Collection[tuple[str, str]], without: Collection[tuple[str, str]] = ()
) -> list[str]:
    return [name for key in rows if key[0] == kind and key not in without for name in key[1:]]


def _field(field: Field) -> str:
    return code(field.name) + ("?" if field.optional else "")


def _type(field: Field) -> str:
    return field.type + ("[]" if field.array else "")


def _result(method: Method) -> str:
    return "nothing" if method.result is None else _type(method.result)


def errors_table() -> str:
    """What each of our errors is called in each dialect."""
    rows = []
    for error in _leaves(errors.SessionGateError):
        rest, vim = automation.FORMS[error], faults.FORMS[error]
        rows.append(
            (
                _first_sentence(error),
                str(zerto.FORMS[error].status),
                f"{vim.status} {vim.fault}",
                f"{rest.status} {rest.kind}",
            )
        )
    head = ("What happened", "Zerto", "VI/JSON and SOAP", "`/api` and `/rest`")
    return table(head, rows)


def _leaves(kind: type[errors.SessionGateError]) -> Iterator[type[errors.SessionGateError]]:
    below = kind.__subclasses__()
    if not below or kind is errors.StoreUnavailable:
        yield kind
    for each in below:
        yield from _leaves(each)


def _first_sentence(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition(".")[0].replace("`", "")
