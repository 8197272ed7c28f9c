"""Filters: read as RFC 4515 says, and filled in without a way out of a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.identity.ldap.filter import (
    All,
    Any,
    Compare,
    Filter,
    Has,
    Like,
    Not,
    Rule,
    fill,
    parse,
    placeholders,
)
from tests.each import each

A = Compare("a", b"1")
B = Compare("b", b"2")


@each(
    ("text", "found"),
    [
        ("(a=1)", A),
        (" ( a=1) ", None),
        ("(&(a=1)(b=2))", All((A, B))),
        ("(& (a=1) (b=2) )", All((A, B))),
        ("(|(a=1)(!(b=2)))", Any((A, Not(B)))),
        ("(&)", All(())),
        ("(a=*)", Has("a")),
        ("(a=)", Compare("a", b"")),
        ("(a>=1)", Compare("a", b"1", ">=")),
        ("(a<=1)", Compare("a", b"1", "<=")),
        ("(a~=1)", Compare("a", b"1", "~=")),
        ("(a=x*)", Like("a", (b"x", b""))),
        ("(a=*x*y)", Like("a", (b"", b"x", b"y"))),
        (r"(a=\2a\28)", Compare("a", b"*(")),
        (r"(a=x\2a*)", Like("a", (b"x*", b""))),
        ("(2.5.4.3=é)", Compare("2.5.4.3", "é".encode())),
        ("(a:1.2.3:=x*)", Rule("a", "1.2.3", b"x*")),
        ("(userCertificate;binary=x)", Compare("userCertificate;binary", b"x")),
    ],
)
def test_a_filter_is_read(text: str, found: Filter | None) -> None:
    if found is None:
        with pytest.raises(ValueError):
            parse(text)
    else:
        assert parse(text) == found


@each(
    ("text", "why"),
    [
        ("", "opening bracket"),
        ("a=1", "opening bracket"),
        ("(a=1", "closing bracket"),
        ("(a=1))", "goes on"),
        ("(a=1)(b=2)", "goes on"),
        ("(&(a=1)", "closing bracket"),
        ("(=1)", "no attribute=value"),
        ("(a)", "no attribute=value"),
        ("(!a=1)", "opening bracket"),
        (r"(a=\2)", "closing bracket"),
        ("(a:1.2.3:>=x)", "rule"),
        ("(a:dn:=x)", "rule"),
        ("(!" * 25 + "(a=1)" + ")" * 25, "deep"),
    ],
)
def test_what_is_no_filter_is_told_where(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


TEMPLATE = "(&(!(x={user}))(|(a={user}@{domain})(b=*{user}*)(c:1.2:={user})(d=*)(e>={domain})))"


def test_placeholders_are_found_and_filled_everywhere() -> None:
    template = parse(TEMPLATE)
    assert placeholders(template) == {"user", "domain"}
    assert placeholders(parse("(d=*)")) == frozenset()
    assert fill(template, {"user": "u", "domain": "d"}) == parse(
        "(&(!(x=u))(|(a=u@d)(b=*u*)(c:1.2:=u)(d=*)(e>=d)))"
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_never_leaves_its_value(name: str) -> None:
    """Whatever a client types stands in the values, byte for byte, and changes nothing else."""
    filled = fill(parse(TEMPLATE), {"user": name, "domain": "{user}"})
    typed = name.encode()
    assert filled == All(
        (
            Not(Compare("x", typed)),
            Any(
                (
                    Compare("a", typed + b"@{user}"),
                    Like("b", (b"", typed, b"")),
                    Rule("c", "1.2", typed),
                    Has("d"),
                    Compare("e", b"{user}", ">="),
                )
            ),
        )
    )
