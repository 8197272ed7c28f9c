"""ServiceInstance: what is announced to whom, and the time."""

from datetime import timedelta

from sessiongate.dialects.vim.context import Context
from sessiongate.wire.vim.methods import (
    METHODS,
    PROPERTY_COLLECTOR,
    ROOT_FOLDER,
    SERVICE_INSTANCE,
    SESSION_MANAGER,
)
from sessiongate.wire.vim.types import ApiVersion, Data
from tests.gate import CLIENT, Gate


async def test_content_and_time(gate: Gate) -> None:
    content = (await gate.call(None, "RetrieveServiceContent")).value
    assert isinstance(content, Data)
    assert content == await gate.read(None, "content", SERVICE_INSTANCE)
    assert content.members["sessionManager"] == SESSION_MANAGER
    assert content.members["propertyCollector"] == PROPERTY_COLLECTOR
    assert content.members["rootFolder"] == ROOT_FOLDER
    caller = (await gate.login("bob")).session
    gate.clock.tick(timedelta(seconds=5))
    assert (await gate.call(caller, "CurrentTime")).value == gate.clock.now()
    assert await gate.read(caller, "serverClock", SERVICE_INSTANCE) == gate.clock.now()


async def announced(gate: Gate, version: ApiVersion) -> set[str]:
    method = METHODS["ServiceInstance", "RetrieveServiceContent"]
    context = Context(CLIENT, None, target=SERVICE_INSTANCE, version=version)
    content = (await gate.center.call(context, method, {})).value
    assert isinstance(content, Data)
    return set(content.members)


async def test_a_client_gets_the_members_of_its_own_version(gate: Gate) -> None:
    """Toolkits that were made from an old WSDL stop at a member that it lacks."""
    oldest, middle = await announced(gate, (4, 0)), await announced(gate, (6, 0))
    newest = await announced(gate, (9, 1, 0, 0))
    assert oldest < middle < newest
    assert "viewManager" in oldest
    assert "guestOperationsManager" not in oldest
    assert "certificateManager" in middle
    assert "vStorageObjectManager" not in middle
    assert "siteInfoManager" in newest
    assert newest == await announced(gate, (8, 0, 3, 0))  # the release that we imitate


async def test_it_manages_no_host(gate: Gate) -> None:
    caller = (await gate.login("bob")).session
    found = await gate.read(caller, "capability", SERVICE_INSTANCE)
    assert isinstance(found, Data)
    assert found.members["provisioningSupported"] is False
