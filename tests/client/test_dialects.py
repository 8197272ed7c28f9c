"""What each dialect makes of an answer; how real servers answer is for `test_real_server`."""

import pytest

from sessiongate_client import LoginRefused, UnexpectedAnswer
from sessiongate_client.dialects import Appliance, Dialect, OldRest, Rest, Soap, ViJson, Zerto
from sessiongate_client.wire import Answer, Opened
from tests.each import each

ALL: list[Dialect] = [Zerto(), Rest(), OldRest(), ViJson(), Soap(), Appliance()]
SECRET = "s<ec&ret\u4e94"


@each("dialect", ALL, ids=lambda one: type(one).__name__)
def test_a_password_is_in_no_address_and_no_text_form(dialect: Dialect) -> None:
    ask = dialect.login("ci", SECRET)
    assert SECRET not in ask.path + repr(ask)
    opened = Opened("token-1", "key-1", refresh="fresh-1")
    for one in (dialect.logout(opened), dialect.keep_alive(opened)):
        assert "token-1" not in one.path + repr(one)
        assert "fresh-1" not in one.path + repr(one)
    assert "token-1" not in repr(opened)
    assert "fresh-1" not in repr(opened)


@each("dialect", ALL, ids=lambda one: type(one).__name__)
def test_a_refusal_is_one_and_an_outage_is_none(dialect: Dialect) -> None:
    with pytest.raises(LoginRefused):
        dialect.opened(Answer(401, [], b""), 0)
    for status in (500, 502, 404, 302):
        with pytest.raises(UnexpectedAnswer):
            dialect.opened(Answer(status, [], b"<html>"), 0)
    with pytest.raises(UnexpectedAnswer):
        dialect.opened(Answer(200, [], b"hello"), 0)


@each(
    ("body", "fault"),
    [
        (b'{"_typeName":"InvalidLogin"}', "InvalidLogin"),
        (b'{"_typeName":"NoPermission"}', "NoPermission"),
        (b'{"_typeName":"PasswordExpired"}', "PasswordExpired"),
    ],
)
def test_faults_of_vsphere_that_refuse(body: bytes, fault: str) -> None:
    with pytest.raises(LoginRefused) as refused:
        ViJson().opened(Answer(500, [("content-type", "application/json")], body), 0)
    assert refused.value.fault == fault


def test_another_fault_refuses_nothing() -> None:
    body = b'{"_typeName":"SystemError"}'
    with pytest.raises(UnexpectedAnswer, match="500 SystemError"):
        ViJson().opened(Answer(500, [("content-type", "application/json")], body), 0)


def test_an_access_token_has_an_end() -> None:
    body = b'{"access_token":"a","refresh_token":"r","expires_in":60}'
    opened = Appliance().opened(Answer(200, [], body), 1000.0)
    assert (opened.token, opened.refresh, opened.expires_at) == ("a", "r", 1060.0)


@each("lifetime", ["1e400", "1" + 400 * "0", "1e300", "1000000001", "-1", "0", "true", '"60"'])
def test_an_end_that_is_none_is_not_believed(lifetime: str) -> None:
    body = f'{{"access_token":"a","expires_in":{lifetime}}}'.encode()
    assert Appliance().opened(Answer(200, [], body), 1000.0).expires_at is None


def test_refused_grants_are_refusals() -> None:
    kind = [("content-type", "application/json")]
    with pytest.raises(LoginRefused) as refused:
        Appliance().opened(Answer(400, kind, b'{"error":"invalid_grant"}'), 0)
    assert refused.value.fault == "invalid_grant"


@each(
    ("cookie", "token"),
    [
        ('vmware_soap_session="abc"; Path=/; HttpOnly; Secure; ', "abc"),
        ("vmware_soap_session=52-x; HttpOnly", "52-x"),
        ("other=1", ""),
        ("", ""),
    ],
)
def test_the_cookie_is_read_as_old_and_new_servers_write_it(cookie: str, token: str) -> None:
    assert Soap().token_of(Answer(200, [("set-cookie", cookie)], b"")) == token


def test_the_cookie_is_found_among_others() -> None:
    cookies = [("set-cookie", one) for one in ("a=1", 'vmware_soap_session="abc"; Path=/', "b=2")]
    assert Soap().token_of(Answer(200, cookies, b"")) == "abc"


def test_a_token_that_would_break_a_header_is_none() -> None:
    with pytest.raises(UnexpectedAnswer):
        Rest().opened(Answer(201, [], b'"a\\r\\nHost: evil"'), 0)


def test_a_logout_of_what_is_over_is_one() -> None:
    gone = b'{"error":"invalid_grant"}'
    assert Appliance().is_logged_out(Answer(400, [], gone))
    assert not Appliance().is_logged_out(Answer(400, [], b'{"error":"invalid_client"}'))
    for dialect in ALL:
        assert dialect.is_logged_out(Answer(204, [], b""))
        assert dialect.is_logged_out(Answer(401, [], b""))
        assert not dialect.is_logged_out(Answer(503, [], b""))
