"""What a directory's words mean: refusals, states of accounts, DNs, roles."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.directory import (
    Why,
    canonical_dn,
    chunks,
    disabled,
    escape_dn,
    fill_dn,
    refusal,
    roles_of,
    text_of,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AD = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839\0"


@pytest.mark.parametrize(
    ("code", "text", "policy", "why"),
    [
        (0, "", None, None),
        (0, "", 2, Why.MUST_CHANGE),
        (0, "", 0, Why.PASSWORD_EXPIRED),
        (49, "", None, Why.WRONG),
        (49, "", 0, Why.PASSWORD_EXPIRED),
        (49, "", 1, Why.LOCKED),
        (49, "", 5, Why.WRONG),
        (49, AD.format("52e"), None, Why.WRONG),
        (49, AD.format("525"), None, Why.UNKNOWN),
        (49, AD.format("530"), None, Why.HOURS),
        (49, AD.format("531"), None, Why.PLACE),
        (49, AD.format("532"), None, Why.PASSWORD_EXPIRED),
        (49, AD.format("533"), None, Why.DISABLED),
        (49, AD.format("701"), None, Why.EXPIRED),
        (49, AD.format("773"), None, Why.MUST_CHANGE),
        (49, AD.format("775").upper(), None, Why.LOCKED),
        (49, AD.format("999"), None, Why.WRONG),
        (32, "", None, Why.UNKNOWN),
        (34, "", None, Why.UNKNOWN),
        (48, "", None, Why.WRONG),
        (19, "Exceed password retry limit. Please try later.", None, Why.LOCKED),
        (19, "some constraint", None, None),
        (53, "Account inactivated. Contact system administrator.", None, Why.DISABLED),
        (53, "unwilling", None, None),
        (51, "busy", None, None),
        (52, AD.format("52e"), None, None),
        (8, "strong auth required", None, None),
        (10, "referral", None, None),
    ],
)
def test_a_bind_refuses_the_account_or_says_nothing(
    code: int, text: str, policy: int | None, why: Why | None
) -> None:
    assert refusal(code, text, policy) is why


def filetime(at: datetime) -> bytes:
    return str((at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10).encode()


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("useraccountcontrol", b"512", None),
        ("useraccountcontrol", b"514", Why.DISABLED),
        ("useraccountcontrol", b"0x202", None),
        ("nsaccountlock", b"TRUE", Why.DISABLED),
        ("nsaccountlock", b"false", None),
        ("pwdaccountlockedtime", b"000001010000Z", Why.LOCKED),
        ("pwdaccountlockedtime", b"20260504120000Z", None),
        ("accountexpires", b"0", None),
        ("accountexpires", b"9223372036854775807", None),
        ("accountexpires", b"9223372036854775000", None),
        ("accountexpires", filetime(NOW), Why.EXPIRED),
        ("accountexpires", filetime(NOW + timedelta(seconds=1)), None),
        ("cn", b"x", None),
    ],
)
def test_an_entry_says_itself_that_it_may_not_log_in(
    name: str, value: bytes, why: Why | None
) -> None:
    assert disabled({name: (value,)}, NOW) is why


def test_the_first_attribute_that_says_something() -> None:
    facts = {"displayname": (b"  ",), "cn": (b"Zoe", b"Ada"), "sn": ()}
    assert text_of(facts, "displayName", "sn", "CN") == "Ada"
    assert text_of(facts, "uid") == ""


MAPPING = {
    canonical_dn("cn=admins,dc=a"): "administrator",
    canonical_dn("cn=ops,dc=a"): "operator",
    canonical_dn("cn=more ops,dc=a"): "operator",
}


@pytest.mark.parametrize(
    ("groups", "default", "roles"),
    [
        (["CN=Ops, DC=A", "cn=other,dc=a"], "user", ("operator",)),
        (
            ["cn=ops,dc=a", "cn=More  Ops,dc=a", "cn=admins,dc=a"],
            None,
            ("administrator", "operator"),
        ),
        (["cn=other,dc=a", "no dn"], "user", ("user",)),
        ([], None, ()),
    ],
)
def test_groups_give_roles(groups: list[str], default: str | None, roles: tuple[str, ...]) -> None:
    assert roles_of(groups, MAPPING, default) == roles


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Ada Lovelace,DC=Corp", "cn = ada   lovelace , dc=corp"),
        (r"cn=a\,b,dc=x", r"cn=a\2Cb,dc=x"),
        ("cn=a+sn=b,dc=x", "SN=b + CN=a,dc=x"),
        ("cn=a;dc=x", "cn=a,dc=x"),
        (r"cn=\C3\A9,dc=x", "cn=é,dc=x"),
        (r"cn=\#x,dc=x", r"cn=\23x,dc=x"),
        ("2.5.4.3=a", "2.5.4.3=A"),
    ],
)
def test_one_dn_in_two_spellings(one: str, other: str) -> None:
    assert canonical_dn(one) == canonical_dn(other)
    assert canonical_dn(canonical_dn(one)) == canonical_dn(one)


@pytest.mark.parametrize("text", ["", "admins", "cn=a,", ",dc=x", "=a,dc=x", "c n=a", "cn=a++sn=b"])
def test_what_is_no_dn(text: str) -> None:
    with pytest.raises(ValueError, match="no DN"):
        canonical_dn(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_never_leaves_its_part_of_the_dn(name: str) -> None:
    """Whatever is typed, the DN is the template's with one value in it."""
    filled = fill_dn("uid={user},ou={domain},dc=x", {"user": name, "domain": "{user}"})
    first, *rest = canonical_dn(filled).split(",")
    assert rest == ["ou={user}", "dc=x"]
    assert first.startswith("uid=")
    assert "+" not in first
    assert canonical_dn(f"{canonical_dn(f'uid={escape_dn(name)}')},dc=x") == f"{first},dc=x"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("ada", "ada"),
        (" ada ", r"\20ada\20"),
        ("  ", r"\20\20"),
        ("", ""),
        ("#a,b+c", r"\23a\2Cb\2Bc"),
        ("a\0b", r"a\00b"),
        ("é", "é"),
    ],
)
def test_special_letters_are_escaped(value: str, escaped: str) -> None:
    assert escape_dn(value) == escaped


def test_a_bind_name_that_is_no_dn_is_not_escaped() -> None:
    assert fill_dn("{user}@{domain}", {"user": "a+b", "domain": "corp"}) == "a+b@corp"


def test_chunks() -> None:
    assert chunks({"c", "a", "b"}, 2) == [("a", "b"), ("c",)]
    assert chunks((), 2) == []
