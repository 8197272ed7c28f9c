"""Sessions as vSphere values."""

from sessiongate.session import Session
from sessiongate.wire.vim.types import Data


def user_session(session: Session) -> Data:
    """The UserSession of a session: every member, in WSDL order, and nothing of its token."""
    return Data(
        "UserSession",
        {
            "key": session.key,
            "userName": session.user_name,
            "fullName": session.full_name,
            "loginTime": session.login_at,
            "lastActiveTime": session.active_at,
            "locale": session.locale,
            "messageLocale": session.message_locale,
            "extensionSession": session.extension,
            "ipAddress": session.ip_address,
            "userAgent": session.user_agent,
            "callCount": session.call_count,
        },
    )
