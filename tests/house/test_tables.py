"""The tables that hold the house together: errors and their forms, methods and their handlers."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from sessiongate import errors
from sessiongate.dialects.vim.center import HANDLERS
from sessiongate.messages import MESSAGES
from sessiongate.wire.vim import faults
from sessiongate.wire.vim.methods import MADE, METHODS, OBJECTS, PROPERTIES, REFUSED, keyword
from sessiongate.wire.vim.types import BASES, ENUMS, MOREF, PRIMITIVES, TYPES, Field
from tests.house.sources import PACKAGE, ROOT


def leaves(root: type) -> set[type]:
    """The classes below a class that have none below themselves."""
    found: set[type] = set()
    below: list[type] = root.__subclasses__()
    for one in below:
        found |= leaves(one)
    return found or {root}


def tables() -> dict[str, Mapping[type, Any]]:
    """Every table FORMS of every module of the codecs, by the module's name."""
    found: dict[str, Mapping[type, Any]] = {}
    for area in ("vim", "wire"):
        for path in sorted((PACKAGE / area).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            table = getattr(import_module(dotted), "FORMS", None)
            if isinstance(table, Mapping):
                found[dotted] = table
    return found


TABLES = tables()
# What is raised: the leaves, and those that are raised themselves and have one below them.
RAISED = {
    error
    for error in {
        *leaves(errors.SessionGateError),
        errors.StoreUnavailable,
        errors.UpstreamUnavailable,
    }
    if error.__module__ == errors.__name__
}


def test_the_tree_has_two_branches() -> None:
    assert set(errors.SessionGateError.__subclasses__()) == {errors.Refused, errors.Unavailable}
    assert len(RAISED) > 15


def test_the_known_dialects_have_tables() -> None:
    assert {"sessiongate.wire.vim.faults", "sessiongate.wire.zerto"} <= TABLES.keys()


@pytest.mark.parametrize("dialect", sorted(TABLES))
def test_every_error_has_a_form(dialect: str) -> None:
    assert TABLES[dialect].keys() == RAISED


@pytest.mark.parametrize("dialect", sorted(TABLES))
def test_an_outage_is_never_told_as_a_no(dialect: str) -> None:
    table = TABLES[dialect]
    down = {error for error in RAISED if issubclass(error, errors.Unavailable)}
    # What may have been done must not be done again, and clients repeat what gets 503.
    assert table[errors.OutcomeUnknown].status == 500
    assert {table[error].status for error in down - {errors.OutcomeUnknown}} == {503}


@pytest.mark.parametrize("dialect", sorted(TABLES))
def test_locked_looks_like_wrong(dialect: str) -> None:
    assert TABLES[dialect][errors.LockedOut] == TABLES[dialect][errors.BadCredentials]


def test_every_fault_is_a_type_and_speaks_every_language() -> None:
    for form in (*faults.FORMS.values(), faults.INTERNAL):
        assert form.fault in TYPES
        assert form.message in MESSAGES


def test_every_method_has_its_handler() -> None:
    for method in (*METHODS.values(), *REFUSED.values()):
        where = f"{method.on}.{method.name}"
        handler = getattr(HANDLERS[method.on], method.handler)
        assert inspect.iscoroutinefunction(handler), where
        parameters = list(inspect.signature(handler).parameters.values())[1:]
        assert [one.name for one in parameters] == [
            "context",
            *(keyword(field.name) for field in method.params),
        ], where
        for parameter, field in zip(parameters[1:], method.params, strict=True):
            expected = None if field.optional else inspect.Parameter.empty
            assert parameter.default is expected, (where, parameter.name)


def test_every_property_has_its_handler() -> None:
    for prop in PROPERTIES.values():
        handler = getattr(HANDLERS[prop.on], prop.handler)
        assert inspect.iscoroutinefunction(handler), (prop.on, prop.name)
        assert list(inspect.signature(handler).parameters) == ["self", "context"]


def test_no_handler_is_left_over() -> None:
    rows = [(one.on, one.handler) for one in (*METHODS.values(), *REFUSED.values())]
    rows += [(one.on, one.handler) for one in PROPERTIES.values()]
    named = {(HANDLERS[kind], handler) for kind, handler in rows}
    takes_context = {
        (kind, name)
        for kind in HANDLERS.values()
        for name in vars(kind)
        if not name.startswith("_") and inspect.iscoroutinefunction(getattr(kind, name))
    }
    assert takes_context <= named


def test_what_is_refused_is_nowhere_served() -> None:
    assert METHODS.keys().isdisjoint(REFUSED)
    assert {row.on for row in REFUSED.values()} <= OBJECTS.keys() | MADE


def known(field: Field) -> bool:
    return field.type in PRIMITIVES | TYPES.keys() | ENUMS | {MOREF, "anyType"}


NOTHING = ("empty", "unset", "read_tasks")


def test_every_type_that_is_used_is_known() -> None:
    fields = [field for members in TYPES.values() for field in members]
    for method in METHODS.values():
        fields += method.params
        # Of types of which there is nothing here no member need be known.
        if method.result is not None and method.handler not in NOTHING:
            fields.append(method.result)
        assert method.on in OBJECTS.keys() | MADE
    for prop in PROPERTIES.values():
        if prop.handler not in NOTHING:
            fields.append(prop.field)
        assert prop.on in OBJECTS.keys() | MADE
    assert [field for field in fields if not known(field)] == []
    assert BASES.keys() | set(BASES.values()) <= TYPES.keys()


# SSPIChallenge belongs to a handshake that is answered with NotSupported here.
# NoSubjectName and PasswordExpired are declared by the vendor and never sent by us.
NEVER_SENT = {"SSPIChallenge", "NoSubjectName", "PasswordExpired"}


def test_every_declared_fault_is_one_we_know() -> None:
    declared = {fault for method in METHODS.values() for fault in method.faults}
    assert declared - NEVER_SENT <= TYPES.keys()
