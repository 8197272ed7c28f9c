"""Which object answers, and what comes first: that there is a session, then that it may."""

import pytest

from sessiongate.dialects.vim.center import HANDLERS
from sessiongate.dialects.vim.context import Context
from sessiongate.errors import NoPermission, NoSession
from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.wire.vim.methods import METHODS, OBJECTS, PROPERTIES
from tests.gate import CLIENT, Gate, password_of


def test_every_type_that_is_served_has_a_class() -> None:
    assert {kind for kind, _ in (*METHODS, *PROPERTIES)} <= HANDLERS.keys()


async def test_without_a_session_only_what_is_anonymous_is_answered(gate: Gate) -> None:
    nobody = Context(CLIENT, None)
    content = PROPERTIES["ServiceInstance", "content"]
    assert content.privilege == SYSTEM_ANONYMOUS
    assert await gate.center.read(nobody, content) is not None
    with pytest.raises(NoSession):
        await gate.call(None, "FindByInventoryPath", on=OBJECTS["SearchIndex"], inventory_path="/")


async def test_a_session_is_not_enough_where_a_privilege_is_asked_for(gate: Gate) -> None:
    ada, bob = [(await gate.login(name)).session for name in ("ada", "bob")]
    await gate.call(ada, "UpdateServiceMessage", message="hello")
    with pytest.raises(NoPermission, match=r"Sessions\.GlobalMessage"):
        await gate.call(bob, "UpdateServiceMessage", message="hello")


async def test_a_login_gives_the_token_beside_what_is_written(gate: Gate) -> None:
    outcome = await gate.call(None, "Login", user_name="ada", password=password_of("ada"))
    assert outcome.token is not None
    assert outcome.undelivered is not None
