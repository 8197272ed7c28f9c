"""What every managed object can do: the reads that give nothing, and what is refused."""

import pytest

from sessiongate.errors import NoSession, NotSupported
from sessiongate.wire.vim.methods import METHODS, OBJECTS, PROPERTIES, REFUSED
from tests.gate import Gate

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
