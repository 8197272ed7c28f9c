"""Who calls: a caller, or the refusal that there is none."""

import pytest

from sessiongate.dialects.vim.context import Context
from sessiongate.errors import NoSession
from sessiongate.wire.vim.methods import SESSION_MANAGER
from tests.gate import CLIENT, Gate


async def test_what_needs_a_caller_has_one_or_is_refused(gate: Gate) -> None:
    ada = (await gate.login("ada")).session
    assert Context(CLIENT, ada).known_caller is ada
    with pytest.raises(NoSession):
        _ = Context(CLIENT, None).known_caller


def test_a_call_is_for_the_session_manager_unless_it_says_otherwise() -> None:
    assert Context(CLIENT, None).target == SESSION_MANAGER
