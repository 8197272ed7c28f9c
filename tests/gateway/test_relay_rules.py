"""Whom the settings of an upstream let in, and which setting is named where they do not."""

import msgspec
import pytest

from sessiongate.errors import NoPermission
from sessiongate.gateway.relay_rules import USE, no_user_of
from sessiongate.session import Person, Session
from tests.gateway.files import RULES
from tests.gateway.test_accounts import session_of

SERVICE = msgspec.structs.replace(
    RULES, roles=frozenset({"operator"}), read_roles=frozenset({"user", "auditor"})
)


def who(*roles: str) -> Session:
    return msgspec.structs.replace(session_of(Person("local", "ada")), roles=roles)


def test_a_role_of_the_table_lets_in() -> None:
    for session, reads in ((who("operator"), False), (who("user", "operator"), False)):
        SERVICE.require_use(session, reads=reads)
    SERVICE.require_use(who("user"), reads=True)
    RULES.require_use(who(), reads=False)


@pytest.mark.parametrize(
    ("roles", "reads", "why"),
    [
        (("guest", "x"), True, "guest, x: in neither upstream.vc1.roles nor read_roles"),
        (("guest",), False, "guest: in neither upstream.vc1.roles nor read_roles"),
        ((), False, "no role: in neither"),
        (
            ("user",),
            False,
            "user: in upstream.vc1.read_roles, which may only read; to let it change things,"
            " add the role to upstream.vc1.roles",
        ),
    ],
)
def test_a_refusal_names_the_setting_and_not_to_the_client(
    roles: tuple[str, ...], reads: bool, why: str
) -> None:
    with pytest.raises(NoPermission) as refused:
        SERVICE.require_use(who(*roles), reads=reads)
    assert refused.value.why.startswith(why)
    assert str(refused.value) == f"the privilege {USE} is missing"


def test_read_only_is_named_too() -> None:
    rules = msgspec.structs.replace(SERVICE, read_only=True)
    rules.require_use(who("operator"), reads=True)
    with pytest.raises(NoPermission) as refused:
        rules.require_use(who("operator"), reads=False)
    assert refused.value.why.startswith("upstream.vc1.read_only is true")


def test_a_user_of_another_provider_is_told_of_by_the_table_that_is_missing() -> None:
    refused = no_user_of("vc1", who("administrator"))
    assert refused.privilege == USE
    assert refused.why == (
        "identity.local: its users have no session at vc1; to have one, log in as a user of an"
        ' identity table with upstream = "vc1"'
    )
