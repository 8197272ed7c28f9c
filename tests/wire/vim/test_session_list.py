"""A vCenter's own list of its sessions."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.secret import Secret
from sessiongate.wire.http import Answer
from sessiongate.wire.vim.client import ReceivedFault
from sessiongate.wire.vim.relayed import read_relayed
from sessiongate.wire.vim.session_list import read_session_list, write_session_list
from tests.each import each
from tests.wire.vim.test_relayed_reply import fault, ok

KEY = "52a67ed8-0f0b-1714-4534-86a177fc5158"


def listed(value: str) -> Answer:
    found = f"<returnval><obj>SessionManager</obj>{value}</returnval>"
    return ok(f'<RetrievePropertiesResponse xmlns="urn:vim25">{found}</RetrievePropertiesResponse>')


def test_the_list_is_asked_for_by_the_session() -> None:
    ask = write_session_list(Secret('"a-token"'))
    assert ("cookie", 'vmware_soap_session="a-token"') in ask.headers
    assert "a-token" not in repr(ask)
    assert read_relayed(ask.body).paths == (("SessionManager", "sessionList"),)


def test_what_is_told_of_each() -> None:
    answer = listed(
        "<propSet><name>sessionList</name><val>"
        f"<UserSession><key>{KEY}</key><userName>ada</userName><fullName>Ada L.</fullName>"
        "<loginTime>2026-01-01T00:00:00Z</loginTime>"
        "<lastActiveTime>2026-01-01T00:00:09Z</lastActiveTime>"
        "<ipAddress>192.0.2.7</ipAddress><userAgent>govc</userAgent></UserSession>"
        "<UserSession><key>another</key></UserSession>"
        "</val></propSet>"
    )
    found = read_session_list(answer)
    assert isinstance(found, list)
    first, second = found
    assert (first.key, first.user, first.full_name) == (KEY, "ada", "Ada L.")
    assert first.login_at < first.active_at
    assert (first.ip_address, first.user_agent) == ("192.0.2.7", "govc")
    assert (second.key, second.user) == ("another", "")


def test_who_may_not_see_it_is_told_nothing() -> None:
    assert read_session_list(listed("")) is None
    assert read_session_list(fault("NoPermission")) == ReceivedFault("NoPermission")


@each(
    "answer",
    [
        Answer(503, (), b""),
        ok("<Other/>"),
        listed("<propSet><name>sessionList</name></propSet>"),
        listed("<propSet><val><UserSession><key/></UserSession></val></propSet>"),
    ],
    str,
)
def test_what_makes_no_sense_is_no_list(answer: Answer) -> None:
    with pytest.raises(Malformed):
        read_session_list(answer)


def test_a_list_may_be_long() -> None:
    one = f"<UserSession><key>{KEY}</key><userName>ada</userName></UserSession>"
    answer = listed(f"<propSet><name>sessionList</name><val>{one * 5000}</val></propSet>")
    assert len(read_session_list(answer) or ()) == 5000  # type: ignore[arg-type]
