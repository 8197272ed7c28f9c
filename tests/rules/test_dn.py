"""Names of entries: written, read, compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.dn import canonical_dn, escape_dn, fill_dn, first_part
from tests.each import each


@each(
    ("one", "other"),
    [
        ("CN=Ada Lovelace,DC=Corp", "cn = ada   lovelace , dc=corp"),
        (r"cn=a\,b,dc=x", r"cn=a\2Cb,dc=x"),
        ("cn=a+sn=b,dc=x", "SN=b + CN=a,dc=x"),
        ("cn=a;dc=x", "cn=a,dc=x"),
        (r"cn=\C3\A9,dc=x", "cn=é,dc=x"),
        (r"cn=\#x,dc=x", r"cn=\23x,dc=x"),
        ("2.5.4.3=a", "2.5.4.3=A"),
        ("cn=STRAẞE,dc=x", "cn=straße,dc=x"),
        ("cn=e\u0301,dc=x", "cn=é,dc=x"),
        ("cn=ΣΊΣΥΦΟΣ", "cn=σίσυφος"),
    ],
)
def test_one_dn_in_two_spellings(one: str, other: str) -> None:
    assert canonical_dn(one) == canonical_dn(other)
    assert canonical_dn(canonical_dn(one)) == canonical_dn(one)


@pytest.mark.parametrize(
    ("one", "other"), [("straße", "strasse"), ("ﬀ", "fx"), ("müller", "muller")]
)
def test_groups_of_other_letters_are_other_groups(one: str, other: str) -> None:
    assert canonical_dn(f"cn={one},dc=x") != canonical_dn(f"cn={other},dc=x")


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


@pytest.mark.parametrize(
    ("dn", "pairs"),
    [
        ("CN=vCenter Admins,OU=Groups", (("CN", b"vCenter Admins"),)),
        ("cn= Straße ,dc=x", (("cn", "Straße".encode()),)),
        (r"cn=a\,b\2A,dc=x", (("cn", b"a,b*"),)),
        ("cn=a + ou=b,dc=x", (("cn", b"a"), ("ou", b"b"))),
        ("cn=#0403414243,dc=x", (("cn", None),)),
        (r"cn=\#x,dc=x", (("cn", b"#x"),)),
    ],
)
def test_what_names_an_entry_among_its_neighbours(
    dn: str, pairs: tuple[tuple[str, bytes | None], ...]
) -> None:
    assert first_part(dn) == pairs


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_escaped_is_read(value: str) -> None:
    """Whatever a value holds, it is read as it was written, but for the spaces around it."""
    assert first_part(f"cn={escape_dn(value)},dc=x") == (("cn", value.strip(" ").encode()),)


@given(st.text())
def test_any_text_is_a_dn_or_none(text: str) -> None:
    """Whatever is read, it is a DN whose canonical form is its own, or a ValueError."""
    try:
        canonical = canonical_dn(text)
    except ValueError:
        return
    assert canonical_dn(canonical) == canonical
    assert first_part(text)
