"""The method table against the vendor's page: names, privileges, and what they are called here."""

import re

import pytest

from sessiongate.rules.access import (
    IMPERSONATE_USER,
    KNOWN,
    LIST_SESSIONS,
    SYSTEM_ANONYMOUS,
    SYSTEM_VIEW,
    TERMINATE_SESSION,
    VALIDATE_SESSION,
)
from sessiongate.wire.vim.methods import (
    MADE,
    METHODS,
    OBJECTS,
    PROPERTIES,
    REFUSED,
    SESSION_METHODS,
    SESSION_PROPERTIES,
    Method,
    Property,
    is_method_name,
    keyword,
    method_of,
)

SESSION_MANAGER_METHODS = {
    "AcquireCloneTicket": SYSTEM_VIEW,
    "AcquireGenericServiceTicket": SYSTEM_ANONYMOUS,
    "AcquireLocalTicket": SYSTEM_ANONYMOUS,
    "CloneSession": SYSTEM_ANONYMOUS,
    "ImpersonateUser": IMPERSONATE_USER,
    "Login": SYSTEM_ANONYMOUS,
    "LoginBySSPI": SYSTEM_ANONYMOUS,
    "LoginByToken": SYSTEM_ANONYMOUS,
    "LoginExtension": SYSTEM_ANONYMOUS,
    "LoginExtensionByCertificate": SYSTEM_ANONYMOUS,
    "LoginExtensionBySubjectName": SYSTEM_ANONYMOUS,
    "Logout": SYSTEM_VIEW,
    "SessionIsActive": VALIDATE_SESSION,
    "SetLocale": SYSTEM_VIEW,
    "TerminateSession": TERMINATE_SESSION,
    "UpdateServiceMessage": "Sessions.GlobalMessage",
}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("userName", "user_name"),
        ("sessionID", "session_id"),
        ("sessionId", "session_id"),
        ("base64SignedCredentials", "base64_signed_credentials"),
        ("base64Token", "base64_token"),
        ("locale", "locale"),
        ("specSet", "spec_set"),
    ],
)
def test_keywords(name: str, word: str) -> None:
    assert keyword(name) == word


def test_session_manager_is_whole() -> None:
    found = {name: one.privilege for (on, name), one in METHODS.items() if on == "SessionManager"}
    assert found == SESSION_MANAGER_METHODS


def test_its_six_properties_are_there() -> None:
    found = {
        name: one.privilege for (on, name), one in PROPERTIES.items() if on == "SessionManager"
    }
    assert found == {
        "currentSession": SYSTEM_ANONYMOUS,
        "defaultLocale": SYSTEM_ANONYMOUS,
        "message": SYSTEM_VIEW,
        "messageLocaleList": SYSTEM_ANONYMOUS,
        "sessionList": TERMINATE_SESSION,
        "supportedLocaleList": SYSTEM_ANONYMOUS,
    }
    assert PROPERTIES["SessionManager", "sessionList"].also == LIST_SESSIONS


def test_who_opens_a_session_gives_it_back() -> None:
    for method in METHODS.values():
        gives = method.result is not None and method.result.type == "UserSession"
        assert method.opens == gives


def test_every_password_and_ticket_is_a_secret() -> None:
    for method in METHODS.values():
        for field in method.params:
            telling = re.search("password|token|ticket|credential", field.name, re.IGNORECASE)
            assert field.secret == (telling is not None), field.name


def test_every_entry_speaks_for_itself() -> None:
    rows: list[Method | Property] = [*METHODS.values(), *PROPERTIES.values(), *REFUSED.values()]
    for one in rows:
        assert one.about.endswith("."), one
        assert one.privilege in KNOWN
        assert one.on in OBJECTS.keys() | MADE


def test_every_object_has_something_to_say() -> None:
    assert {kind for kind, _ in (*METHODS, *PROPERTIES, *REFUSED)} == OBJECTS.keys() | MADE
    # An id alone decides which object is meant.
    assert len({mo.name for mo in OBJECTS.values()}) == len(OBJECTS)


def test_what_is_refused_is_a_method_all_the_same() -> None:
    refused = method_of("FileManager", "MakeDirectory")
    assert refused is not None
    assert (refused.handler, refused.privilege) == ("not_supported", SYSTEM_VIEW)
    assert method_of("SessionManager", "Login") is METHODS["SessionManager", "Login"]
    assert method_of("SessionManager", "MakeDirectory") is None
    assert is_method_name("MakeDirectory")
    assert not is_method_name("makeDirectory")


def test_sessions_have_tables_of_their_own() -> None:
    assert {kind for kind, _ in SESSION_METHODS} == {
        "SessionManager",
        "ServiceInstance",
        "PropertyCollector",
    }
    assert {key for key in METHODS if key[0] == "SessionManager"} <= SESSION_METHODS.keys()
    assert {key for key in PROPERTIES if key[0] == "SessionManager"} <= SESSION_PROPERTIES.keys()
