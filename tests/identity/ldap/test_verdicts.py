"""What a directory's words mean: refusals, states of accounts, who is bound, roles."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.ldap.verdicts import (
    OF_THE_SERVER,
    AccountRefusal,
    RefusalReason,
    chunks,
    could_not_ask,
    disabled,
    is_of,
    refusal,
    roles_of,
    text_of,
)
from sessiongate.rules.dn import canonical_dn
from tests.each import each

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AD = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839\0"


@each(
    ("code", "text", "policy", "why"),
    [
        (0, "", None, None),
        (0, "", 2, RefusalReason.MUST_CHANGE),
        (0, "", 0, RefusalReason.PASSWORD_EXPIRED),
        (49, "", None, RefusalReason.WRONG),
        (49, "", 0, RefusalReason.PASSWORD_EXPIRED),
        (49, "", 1, RefusalReason.LOCKED),
        (49, "", 5, RefusalReason.WRONG),
        (49, AD.format("52e"), None, RefusalReason.WRONG),
        (49, AD.format("525"), None, RefusalReason.UNKNOWN),
        (49, AD.format("530"), None, RefusalReason.HOURS),
        (49, AD.format("531"), None, RefusalReason.PLACE),
        (49, AD.format("532"), None, RefusalReason.PASSWORD_EXPIRED),
        (49, AD.format("533"), None, RefusalReason.DISABLED),
        (49, AD.format("701"), None, RefusalReason.EXPIRED),
        (49, AD.format("773"), None, RefusalReason.MUST_CHANGE),
        (49, AD.format("775").upper(), None, RefusalReason.LOCKED),
        (49, AD.format("0000052E"), None, RefusalReason.WRONG),
        (49, AD.format("56"), None, RefusalReason.WRONG),
        (49, AD.format("2030"), None, RefusalReason.UNKNOWN),
        (49, AD.format("52f"), None, RefusalReason.RESTRICTED),
        (49, AD.format("568"), None, RefusalReason.TOO_MANY_GROUPS),
        (49, AD.format("569"), None, RefusalReason.WAY),
        (49, AD.format("999"), None, RefusalReason.OTHER),
        (32, "", None, RefusalReason.UNKNOWN),
        (34, "", None, RefusalReason.UNKNOWN),
        (48, "", None, RefusalReason.NO_PASSWORD),
        (19, "Exceed password retry limit. Please try later.", None, RefusalReason.LOCKED),
        (19, "some constraint", None, None),
        (53, "Account inactivated. Contact system administrator.", None, RefusalReason.DISABLED),
        (53, "unwilling", None, None),
        (51, "busy", None, None),
        (52, AD.format("52e"), None, None),
        (8, "strong auth required", None, None),
        (10, "referral", None, None),
    ],
)
def test_a_bind_refuses_the_account_or_says_nothing(
    code: int, text: str, policy: int | None, why: RefusalReason | None
) -> None:
    refused = refusal(code, text, policy)
    assert (None if refused is None else refused.why) is why


@each(
    ("code", "text", "policy", "guess"),
    [
        *((49, AD.format(code), None, True) for code in ("52e", "525", "2030", "56", "775")),
        # Told after the password was right, or for reasons that have nothing to do with it.
        *((49, AD.format(code), None, False) for code in ("530", "531", "532", "533", "701")),
        *((49, AD.format(code), None, False) for code in ("773", "52f", "568", "569")),
        *((49, AD.format(code), None, False) for code in ("999", "1", "80090346")),
        (49, "", None, True),
        (49, "no such data here", None, True),
        (0, "", 0, False),
        (49, "", 0, False),
        (49, "", 2, False),
        (49, "", 1, True),
        (32, "", None, True),
        (48, "", None, True),
        (19, "Exceed password retry limit. Please try later.", None, True),
        (53, "Account inactivated. Contact system administrator.", None, True),
    ],
)
def test_a_refusal_counts_unless_only_the_right_password_is_told_of_it(
    code: int, text: str, policy: int | None, guess: bool
) -> None:
    refused = refusal(code, text, policy)
    assert refused is not None
    assert refused.guess is guess


@each("data", ["51f", "51F", "0000051f", "54b", "54f", "5b4", "6ba", "6fb", "700", "774"])
def test_a_domain_controller_that_could_not_ask_says_nothing_about_the_account(data: str) -> None:
    assert refusal(49, AD.format(data), None) is None
    assert could_not_ask(49, AD.format(data))
    assert not could_not_ask(52, AD.format(data))


@pytest.mark.parametrize("text", ["", AD.format("52e"), AD.format("999"), AD.format("51")])
def test_what_a_controller_did_decide_is_decided(text: str) -> None:
    assert not could_not_ask(49, text)


def test_the_code_of_an_odd_refusal_is_in_its_words() -> None:
    assert str(AccountRefusal(RefusalReason.WRONG)) == "wrong password"
    assert str(refusal(49, AD.format("52F"), None)) == "the account is restricted (code 52f)"
    assert str(refusal(49, AD.format("abc"), None)).endswith("not known here (code abc)")


@given(st.integers(0, 130), st.text(), st.none() | st.integers(-1, 9))
def test_an_answer_is_a_success_a_refusal_or_an_outage(
    code: int, text: str, policy: int | None
) -> None:
    """Whatever a server answers, a refusal of the account and an outage are never both."""
    refused = refusal(code, text, policy)
    if refused is not None and policy is None:
        assert code not in OF_THE_SERVER
        assert not could_not_ask(code, text)


DN = "CN=Ada Lovelace,OU=People,DC=corp,DC=example"


@each(
    ("identity", "facts", "same"),
    [
        (f"dn:{DN.lower()}", {}, True),
        ("dn:cn=bob,ou=people,dc=corp,dc=example", {}, False),
        ("dn:", {}, False),
        ("dn:no dn", {}, False),
        ("", {}, False),
        ("u:", {"uid": (b"",)}, False),
        ("x:ada", {"uid": (b"ada",)}, False),
        ("u:CORP\\ada", {"msds-principalname": (b"CORP\\Ada",)}, True),
        ("u:CORP\\ada", {"msds-principalname": (b"CORP\\al",), "samaccountname": (b"ada",)}, False),
        # The same account name in another domain of the forest.
        ("u:SALES\\ada", {"msds-principalname": (b"CORP\\ada",)}, False),
        ("u:SALES\\ada", {"samaccountname": (b"ada",)}, False),
        ("u:CORP\\ada", {"samaccountname": (b"Ada",)}, True),
        ("u:CORP\\ada", {"samaccountname": (b"al",)}, False),
        ("u:ada@corp.example", {"userprincipalname": (b"Ada@corp.example",)}, True),
        ("u:ada@corp.example", {"userprincipalname": (b"al@corp.example",)}, False),
        ("u:ada", {"uid": (b"al", b"ada")}, True),
        ("u:wei\u00df", {"uid": (b"weiss",)}, False),
        ("u:ada", {}, False),
    ],
)
def test_sec_89_who_am_i_is_this_entry_or_not(
    identity: str, facts: dict[str, tuple[bytes, ...]], same: bool
) -> None:
    assert is_of(identity, DN, facts, {"corp", "corp.example"}) is same


@given(st.text(), st.text(), st.dictionaries(st.just("uid"), st.just((b"ada",))))
def test_sec_89_no_answer_of_another_is_taken_for_this_entry(
    identity: str, dn: str, facts: dict[str, tuple[bytes, ...]]
) -> None:
    """Whatever a server says, nobody is taken for an entry that has none of those names."""
    if is_of(identity, dn, facts):
        assert identity.lower().startswith(("dn:", "u:ada"))


def filetime(at: datetime) -> bytes:
    return str((at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10).encode()


@each(
    ("name", "value", "why"),
    [
        ("useraccountcontrol", b"512", None),
        ("useraccountcontrol", b"514", RefusalReason.DISABLED),
        ("useraccountcontrol", b"0x202", None),
        ("nsaccountlock", b"TRUE", RefusalReason.DISABLED),
        ("nsaccountlock", b"false", None),
        ("pwdaccountlockedtime", b"000001010000Z", RefusalReason.LOCKED),
        ("pwdaccountlockedtime", b"20260504120000Z", None),
        ("accountexpires", b"0", None),
        ("accountexpires", b"9223372036854775807", None),
        ("accountexpires", b"9223372036854775000", None),
        ("accountexpires", filetime(NOW), RefusalReason.EXPIRED),
        ("accountexpires", filetime(NOW + timedelta(seconds=1)), None),
        ("cn", b"x", None),
    ],
)
def test_an_entry_says_itself_that_it_may_not_log_in(
    name: str, value: bytes, why: RefusalReason | None
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


def test_chunks() -> None:
    assert chunks({"c", "a", "b"}, 2) == [("a", "b"), ("c",)]
    assert chunks((), 2) == []
