"""Managers that have nothing to manage."""

from sessiongate.dialects.vim.context import Context
from sessiongate.wire.vim.methods import METHODS, OBJECTS, ROOT_FOLDER
from sessiongate.wire.vim.types import Data
from tests.gate import CLIENT, Gate


async def test_there_are_no_statistics_and_no_specifications(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    summary = (await gate.call(ada, "QueryPerfProviderSummary", entity=ROOT_FOLDER)).value
    assert isinstance(summary, Data)
    assert summary.members["currentSupported"] is False
    method = METHODS["CustomizationSpecManager", "DoesCustomizationSpecExist"]
    context = Context(CLIENT, ada, target=OBJECTS[method.on])
    assert (await gate.center.call(context, method, {"name": "x"})).value is False
