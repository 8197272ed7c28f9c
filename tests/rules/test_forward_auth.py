"""Which session may do what at an application behind a proxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.rules.forward_auth import (
    AccessRule,
    AccessVerdict,
    ProxiedRequest,
    covers,
    decide,
    parse_request,
    plain_path,
)
from tests.each import each

HOST = "grafana.example.com"
ADMIN = AccessRule(host=HOST, path="/admin", roles=frozenset({"operator", "administrator"}))
APP = AccessRule(host=HOST, path="/app")
READ = AccessRule(host=HOST, path="/api", methods=frozenset({"GET", "HEAD"}))
WHOLE = AccessRule(host="wiki.example.com", roles=frozenset({"user"}))
RULES = (ADMIN, APP, READ, WHOLE)


def verdict(path: str, roles: str = "user", host: str = HOST, method: str = "GET") -> AccessVerdict:
    return decide(RULES, parse_request(method, host, path), roles.split())


@each(
    ("path", "roles", "expected"),
    [
        ("/admin", "user", AccessVerdict.NO_ROLE),
        ("/admin", "operator", AccessVerdict.ALLOWED),
        ("/admin", "user administrator", AccessVerdict.ALLOWED),
        ("/admin/", "operator", AccessVerdict.ALLOWED),
        ("/admin/users?x=1", "user", AccessVerdict.NO_ROLE),
        ("/admin?x=/app", "user", AccessVerdict.NO_ROLE),
        ("/%61dmin", "user", AccessVerdict.NO_ROLE),
        ("/administrator", "operator", AccessVerdict.NO_RULE),
        ("/app", "user", AccessVerdict.ALLOWED),
        ("/app/x/", "user", AccessVerdict.ALLOWED),
        ("/application", "user", AccessVerdict.NO_RULE),
        ("/app-x", "user", AccessVerdict.NO_RULE),
        ("/app_x", "user", AccessVerdict.NO_RULE),
        ("/app%C3%A9", "user", AccessVerdict.NO_RULE),
        ("/other.app", "user", AccessVerdict.NO_RULE),
        ("/", "administrator", AccessVerdict.NO_RULE),
        ("/ADMIN", "operator", AccessVerdict.ODD_PATH),
        ("/App/x", "user", AccessVerdict.ODD_PATH),
    ],
)
def test_the_first_rule_whose_path_fits_decides(
    path: str, roles: str, expected: AccessVerdict
) -> None:
    assert verdict(path, roles) is expected


def test_host_and_method_decide_too() -> None:
    assert verdict("/", host="wiki.example.com") is AccessVerdict.ALLOWED
    assert verdict("/", "operator", host="WIKI.example.com.:8443") is AccessVerdict.NO_ROLE
    assert verdict("/", host="other.example.com") is AccessVerdict.NO_RULE
    assert verdict("/api/x") is AccessVerdict.ALLOWED
    assert verdict("/api/x", method="HEAD") is AccessVerdict.ALLOWED
    assert verdict("/api/x", method="POST") is AccessVerdict.NO_RULE


def test_without_rules_every_live_session_passes() -> None:
    assert decide((), parse_request("POST", HOST, "/a//../b"), ()) is AccessVerdict.ALLOWED


ODD = [
    "/app/%2e%2e/admin",
    "/app/%2E%2e/admin",
    "/app/../admin",
    "/app/./admin",
    "/app/.",
    "/app/..",
    "/app/%2e",
    "//admin",
    "/app//admin",
    "/app//",
    "/app%2f..%2fadmin",
    "/app%2Fadmin",
    "/app%5cadmin",
    "/app\\admin",
    "/app/..;/admin",
    "/app;x=1/admin",
    "/app%3Bx",
    "/app%00",
    "/app%0a",
    "/app%7f",
    "/app/%252e%252e/admin",
    "/app%252fadmin",
    "/app%ff",
    "/app%c0%afadmin",
    "/app%c0%ae%c0%ae/admin",
    "/app%ef%bc%8fadmin",
    "/app/%ef%bc%8e%ef%bc%8e/admin",
    "/app%3fx",
    "/app/%3Fx",
    "/app%23x",
    "/app%ef%bc%9fx",
    "/app%ef%bc%83x",
]


@each("path", ODD)
def test_sec_38_a_path_that_can_be_read_in_two_ways_is_denied_where_a_path_decides(
    path: str,
) -> None:
    for roles in ("user", "administrator"):
        assert verdict(path, roles) is AccessVerdict.ODD_PATH
    # Where the whole host is meant, nothing depends on how the path is read.
    assert verdict(path, host="wiki.example.com") is AccessVerdict.ALLOWED
    assert verdict(path, "operator", host="wiki.example.com") is AccessVerdict.NO_ROLE


def test_sec_38_a_rule_for_the_whole_host_opens_no_way_around_a_path_before_it() -> None:
    rules = (ADMIN, AccessRule(host=HOST))
    for path in (*ODD, "/ADMIN", "/Admin/x"):
        assert decide(rules, parse_request("GET", HOST, path), ("user",)) is AccessVerdict.ODD_PATH
    assert decide(rules, parse_request("GET", HOST, "/other"), ("user",)) is AccessVerdict.ALLOWED


# What Windows, NTFS, frameworks that cut a suffix off, and readers of Unicode take for `/admin`.
CLOSE = [
    "/admin.",
    "/admin%20",
    "/admin+",
    "/admin.json",
    "/admin::$DATA",
    "/admin:x/y",
    "/admin%26x",
    "/admin,x",
    "/admin*",
    "/admin!x",
    "/admin%25",
    "/%20admin",
    "/Admin./x",
    "/admin%c2%a0",
    "/admin%c2%85x",
    "/admin%e2%80%8b",
    "/adm%c2%adin",
    "/%ef%bd%81dmin",
    "/%e2%93%90dmin",
    "/adm%c4%b1n",
    "/adm%c4%b0n",
    "/%c3%a1dmin",
    "/admin%cc%81",
]


@each("path", CLOSE)
def test_sec_38_what_an_application_may_take_for_a_rules_path_is_odd(path: str) -> None:
    rules = (ADMIN, AccessRule(host=HOST))
    for roles in ("user", "administrator"):
        assert decide(rules, parse_request("GET", HOST, path), (roles,)) is AccessVerdict.ODD_PATH


@each("path", ["/app./admin", "/app%20/admin/x", "/App/admin.", "/app::$INDEX_ALLOCATION/admin"])
def test_sec_38_so_is_what_may_be_taken_for_a_folder_in_it(path: str) -> None:
    inner = AccessRule(host=HOST, path="/app/admin", roles=frozenset({"administrator"}))
    rules = (inner, AccessRule(host=HOST))
    assert decide(rules, parse_request("GET", HOST, path), ("user",)) is AccessVerdict.ODD_PATH
    assert decide(rules, parse_request("GET", HOST, "/app./x"), ("user",)) is AccessVerdict.ALLOWED


@each("path", ["/", "/a", "/a/", "/a%20b", "/caf%C3%A9", "/a%25", "/a%26b", "/~a.b-c_d/..."])
def test_other_paths_are_read_in_one_way(path: str) -> None:
    assert plain_path(path) is not None


def test_escapes_are_read_once() -> None:
    assert plain_path("/caf%c3%a9/%41") == "/café/A"
    assert plain_path("/a%25x") == "/a%x"


@each(
    ("method", "host", "target"),
    [
        ("", HOST, "/"),
        ("get", HOST, "/"),
        ("GET ", HOST, "/"),
        ("GET", "", "/"),
        ("GET", ".", "/"),
        ("GET", "a b", "/"),
        ("GET", "user@a", "/"),
        ("GET", "a, b", "/"),
        ("GET", "a/b", "/"),
        ("GET", "a%2fb", "/"),
        ("GET", "[::1", "/"),
        ("GET", f"{HOST}:65536", "/"),
        ("GET", f"{HOST}:99999", "/"),
        ("GET", f"{HOST}..:99999", "/"),
        ("GET", "[::1]:65536", "/"),
        ("GET", "[12345::]", "/"),
        ("GET", "[1:2]:80", "/"),
        ("GET", "[127.0.0.1]", "/"),
        ("GET", HOST, ""),
        ("GET", HOST, "*"),
        ("GET", HOST, "admin"),
        ("GET", HOST, "?/admin"),
        ("GET", HOST, "http://a/admin"),
        ("GET", HOST, "/a b"),
        ("GET", HOST, "/a\tb"),
        ("GET", HOST, "/a#/b"),
        ("GET", HOST, "/café"),
        ("GET", HOST, "/a%"),
        ("GET", HOST, "/a%2"),
        ("GET", HOST, "/a%zz"),
        ("GET", HOST, "/" + "a" * 20_000),
    ],
)
def test_sec_37_what_cannot_be_read_is_no(method: str, host: str, target: str) -> None:
    with pytest.raises(Malformed):
        parse_request(method, host, target)


def test_a_host_is_one_in_all_its_spellings() -> None:
    assert parse_request("GET", "A.Example.:443", "/x?y").host == "a.example"
    assert parse_request("GET", "[0:0:0::1]:8080", "/").host == "[::1]"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255)), st.text("/.%2ef5cAa;\\"))
def test_any_target_is_denied_or_read_as_one_path(free: str, hostile: str) -> None:
    """Whatever comes, a path that is judged has no segment that means another, and no escape."""
    for target in (free, hostile, f"/{hostile}"):
        try:
            wanted = parse_request("GET", HOST, target)
        except Malformed:
            continue
        plain = plain_path(wanted.path)
        if plain is not None:
            assert plain.startswith("/")
            assert not {"", ".", ".."} & set(plain[1:].split("/")[:-1])
            assert "\\" not in plain


@each(
    ("first", "later", "covered"),
    [
        (AccessRule(), ADMIN, True),
        (APP, AccessRule(host=HOST, path="/app/x"), True),
        (APP, AccessRule(host=HOST, path="/application"), False),
        (APP, AccessRule(host=HOST, path="/app.json"), True),
        (APP, AccessRule(host=HOST, path="/App"), True),
        (APP, AccessRule(host=HOST), False),
        (APP, AccessRule(path="/app"), False),
        (READ, AccessRule(host=HOST, path="/api"), False),
        (READ, AccessRule(host=HOST, path="/api", methods=frozenset({"GET"})), True),
    ],
)
def test_a_rule_may_leave_nothing_to_a_later_one(
    first: AccessRule, later: AccessRule, covered: bool
) -> None:
    assert covers(first, later) is covered


def test_what_is_asked_for_is_a_value() -> None:
    assert parse_request("GET", HOST, "/x?y") == ProxiedRequest("GET", HOST, "/x")
