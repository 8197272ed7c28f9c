"""A session as vSphere shows it."""

from datetime import UTC, datetime

from sessiongate.session import Session
from sessiongate.wire.vim.types import TYPES
from sessiongate.wire.vim.user_session import user_session

AT = datetime(2026, 1, 2, tzinfo=UTC)

SESSION = Session(
    digest=b"\x01" * 32,
    key="5200",
    principal="ada@lab",
    user_name="LAB\\ada",
    login_name="ada@LAB",
    full_name="Ada Lovelace",
    roles=("user",),
    provider="local",
    dialect="zerto",
    locale="de_AT",
    message_locale="de",
    extension=True,
    ip_address="192.0.2.7",
    user_agent="govc",
    login_at=AT,
    active_at=AT,
    call_count=3,
)


def test_every_member_is_set_and_in_order() -> None:
    data = user_session(SESSION)
    assert data.type == "UserSession"
    assert list(data.members) == [field.name for field in TYPES["UserSession"]]
    assert data.members == {
        "key": "5200",
        "userName": "LAB\\ada",
        "fullName": "Ada Lovelace",
        "loginTime": AT,
        "lastActiveTime": AT,
        "locale": "de_AT",
        "messageLocale": "de",
        "extensionSession": True,
        "ipAddress": "192.0.2.7",
        "userAgent": "govc",
        "callCount": 3,
    }


def test_nothing_of_the_token_is_shown() -> None:
    assert b"\x01" * 32 not in user_session(SESSION).members.values()
    assert "01" * 32 not in repr(user_session(SESSION))
