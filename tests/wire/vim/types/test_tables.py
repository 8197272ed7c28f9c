"""The types: order and kinds of members, as stubs generated from the WSDL expect them."""

import pytest

from sessiongate.wire.vim.types import BASES, TYPES


@pytest.mark.parametrize(
    ("name", "members"),
    [
        (
            "UserSession",
            "key userName fullName loginTime lastActiveTime locale messageLocale extensionSession"
            " ipAddress userAgent callCount",
        ),
        ("NoPermission", "faultCause faultMessage object privilegeId"),
        ("InvalidProperty", "faultCause faultMessage name"),
        ("ObjectContent", "obj propSet missingSet"),
        ("PropertyFilterSpec", "propSet objectSet reportMissingObjectsInResults"),
        ("SessionManagerLocalTicket", "userName passwordFilePath"),
    ],
)
def test_members_come_in_the_order_of_the_wsdl(name: str, members: str) -> None:
    assert [field.name for field in TYPES[name]] == members.split()


def test_the_session_has_the_vendors_types() -> None:
    kinds = {field.name: field.type for field in TYPES["UserSession"]}
    assert kinds["loginTime"] == kinds["lastActiveTime"] == "dateTime"
    assert kinds["extensionSession"] == "boolean"
    assert kinds["callCount"] == "long"
    assert not any(field.optional or field.array for field in TYPES["UserSession"])
    assert all(field.about for field in TYPES["UserSession"])


def test_marks_of_the_shorthand() -> None:
    found = {field.name: (field.optional, field.array) for field in TYPES["PropertySpec"]}
    assert found == {"type": (False, False), "all": (True, False), "pathSet": (True, True)}


def test_a_special_type_has_all_that_its_base_has() -> None:
    for special, base in BASES.items():
        assert set(TYPES[base]) <= set(TYPES[special])


def test_no_type_has_a_member_twice() -> None:
    for fields in TYPES.values():
        names = [field.name for field in fields]
        assert len(names) == len(set(names))
