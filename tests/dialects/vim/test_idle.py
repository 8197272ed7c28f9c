"""Managers that have nothing to manage."""

import pytest

from sessiongate.dialects.vim.context import Context
from sessiongate.errors import NoSession, NotSupported
from sessiongate.wire.vim.methods import METHODS, OBJECTS, PROPERTIES, REFUSED, ROOT_FOLDER
from sessiongate.wire.vim.types import Data
from tests.gate import CLIENT, Gate

SERVED = ("SessionManager", "ServiceInstance", "PropertyCollector")


async def test_every_read_is_answered_with_what_is_declared(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    for (kind, name), prop in PROPERTIES.items():
        if kind in OBJECTS and kind not in SERVED:
            value = await gate.read(ada, name, OBJECTS[kind])
            if prop.handler in ("empty", "unset"):
                assert value == ([] if prop.field.array else None), name
            if not prop.field.optional:
                assert value is not None, name
    for (kind, name), method in METHODS.items():
        if method.handler in ("empty", "unset"):
            value = (await gate.call(ada, name, on=OBJECTS[kind])).value
            assert method.result is not None
            assert value == ([] if method.result.array else None), name


async def test_everything_else_is_not_supported(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    for kind, name in REFUSED:
        with pytest.raises(NotSupported):
            await gate.call(ada, name, on=OBJECTS[kind])
    with pytest.raises(NoSession):
        await gate.call(None, "MakeDirectory", on=OBJECTS["FileManager"])


async def test_there_are_no_statistics_and_no_specifications(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    summary = (await gate.call(ada, "QueryPerfProviderSummary", entity=ROOT_FOLDER)).value
    assert isinstance(summary, Data)
    assert summary.members["currentSupported"] is False
    method = METHODS["CustomizationSpecManager", "DoesCustomizationSpecExist"]
    context = Context(CLIENT, ada, target=OBJECTS[method.on])
    assert (await gate.center.call(context, method, {"name": "x"})).value is False
