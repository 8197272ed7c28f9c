"""The tables of the wire page: methods, properties, and how each error looks in each dialect."""

import inspect
from collections.abc import Iterator

from sessiongate import errors
from sessiongate.wire import zerto
from sessiongate.wire.automation import rest as automation
from sessiongate.wire.automation.resources import RESOURCES, Resource
from sessiongate.wire.vim import faults
from sessiongate.wire.vim.methods import METHODS, PROPERTIES, Method
from sessiongate.wire.vim.types import Field
from tests.docs.tables import code, table


def methods_table() -> str:
    """Every method of every object."""
    rows = [
        (
            f"{one.on}.{one.name}",
            ", ".join(map(_field, one.params)) or "nothing",
            _result(one),
            one.privilege,
            ", ".join(one.faults) or "-",
        )
        for one in METHODS.values()
    ]
    return table(("Method", "Takes", "Gives", "Privilege", "Declared faults"), rows)


def properties_table() -> str:
    """Every property of every object."""
    rows = [
        (
            f"{one.on}.{one.name}",
            _type(one.field),
            one.privilege + (f", or {one.also}" if one.also else ""),
            one.about,
        )
        for one in PROPERTIES.values()
    ]
    return table(("Property", "Type", "Privilege", "What it is"), rows)


def resources_table() -> str:
    """What an empty vCenter has at each face of the Automation API."""
    rows = [(_asked(one.api, one), code(one.rest), one.answer.value) for one in RESOURCES]
    return table(("`/api`", "`/rest`", "Gives"), rows)


def _asked(path: str, resource: Resource) -> str:
    actions = [f"POST with {code(f'action={one}')}" for one in resource.actions]
    return f"{code(path)}: {', '.join(('GET',) * resource.reads + tuple(actions))}"


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
