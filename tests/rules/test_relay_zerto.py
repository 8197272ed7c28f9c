"""Which calls of Zerto's API go on, and which addresses are written in one way."""

import pytest

from sessiongate.errors import Malformed, UnknownAddress, WrongVerb
from sessiongate.rules.relay import Kind
from sessiongate.rules.relay_zerto import LONGEST, judge_zerto


@pytest.mark.parametrize(
    ("verb", "path", "reads"),
    [
        ("GET", "/v1/vpgs", True),
        ("HEAD", "/V1/Vms", True),
        ("GET", "/v1/vpgs/5b1c/checkpoints", True),
        ("POST", "/v1/vpgs/5b1c/FailoverTest", False),
        ("PUT", "/v1/vpgSettings/5b1c", False),
        ("DELETE", "/v1/vpgs/5b1c", False),
        ("GET", "/v1/zsspsessions", True),
    ],
)
def test_resources_go_on(verb: str, path: str, reads: bool) -> None:
    verdict = judge_zerto(verb, path, "startDate=2026-01-01T00%3A00&vpgName=a%20b")
    assert (verdict.kind, verdict.reads) == (Kind.STATELESS, reads)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/session", "/v1/Session/add", "/v1/sessions", "/v1/SESSIONS/types"),
        *("/auth/realms/zerto", "/management/api", "/v2/vpgs"),
    ],
)
def test_sec_46_sessions_and_all_else_of_a_zvm_stay_here(path: str) -> None:
    with pytest.raises(UnknownAddress):
        judge_zerto("GET", path, "")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/vpgs/../session", ""),
        ("/v1//session", ""),
        ("/v1/./session/add", ""),
        ("/v1/%73ession", ""),
        ("/v1/vpgs%2f..%2fsession", ""),
        ("/v1/vpgs;x", ""),
        ("/v1/vpgs\\", ""),
        ("/v1/vpgs", "a=%0d%0ab"),
        ("/v1/vpgs", "a b"),
        ("/v1/vpgs", "X-Zerto-Session=1"),
        ("/v1/vpgs", "access_token=1"),
        (f"/v1/{'a' * LONGEST}", ""),
    ],
)
def test_sec_38_an_address_that_two_could_read_in_two_ways_goes_nowhere(
    path: str, query: str
) -> None:
    with pytest.raises(Malformed):
        judge_zerto("GET", path, query)


def test_the_settings_may_deny_more_and_verbs_are_a_closed_list() -> None:
    denied = ("/v1/licenses", "/v1/vpgs/one/")
    assert judge_zerto("PUT", "/v1/Licenses/x", "", denied).kind is Kind.DENY
    assert judge_zerto("GET", "/v1/vpgs/ONE", "", denied).kind is Kind.DENY
    assert judge_zerto("GET", "/v1/licensesother", "", denied).kind is Kind.STATELESS
    with pytest.raises(WrongVerb):
        judge_zerto("TRACE", "/v1/vpgs", "")
