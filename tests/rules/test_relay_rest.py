"""Which calls of the Automation API go on, as what, and which addresses are written in one way."""

import pytest

from sessiongate.errors import Malformed
from sessiongate.rules.relay import Kind
from sessiongate.rules.relay_rest import LONGEST, is_below, judge_rest, judge_rpc
from tests.each import each

TAG = "/rest/com/vmware/cis/tagging/tag-association/id:urn:vmomi:InventoryServiceTag:1:GLOBAL"

READS = (
    ("GET", "/api/vcenter/vm", "filter.names=a%20b&filter.vms=vm-1"),
    ("HEAD", "/api/vcenter/vm", ""),
    ("GET", "/api/content/library/item/update-session", ""),
    ("POST", TAG, "~action=list-attached-objects"),
    ("POST", "/rest/com/vmware/content/library", "%7Eaction=find"),
    ("POST", "/api/content/library", "action=find"),
    ("GET", "/api/appliance/local-accounts/root%40localos", ""),
    ("GET", "/api/cis/tagging/tag/urn%3Avmomi%3ATag", ""),
)
CHANGES = (
    ("POST", "/api/vcenter/vm", ""),
    ("POST", "/api/vcenter/vm/vm-1/power", "action=start"),
    ("POST", TAG, "~action=attach"),
    ("POST", "/api/vcenter/vm", "action=List"),
    ("DELETE", "/api/vcenter/vm/vm-1", ""),
    ("PUT", "/api/x", "action=list"),
    ("PATCH", "/api/x", ""),
    ("POST", "/api/vcenter/vm/vm-1/console/tickets", ""),
    ("POST", "/api/content/library/item/download-session/1", "action=keep-alive"),
    ("POST", "/rest/com/vmware/content/library/item/updatesession/file", "~action=add"),
    # What a query says of the verb, nobody has to believe.
    ("GET", "/api/vcenter/vm", "action=delete"),
    ("GET", "/rest/vcenter/vm", "~method=POST"),
)
DENIED = (
    "/api/session/x",
    "/api/Session",
    "/api/cis/session",
    "/rest/session",
    "/rest/com/vmware/cis/session/x",
    "/api/com/vmware/cis/session",
    "/api/vcenter/authentication/token",
    "/api/vcenter/tokenservice/token-exchange",
    "/rest/vcenter/TokenService/exchange",
    "/api/vcenter/identity/providers",
    "/api/vcenter/registered-tokens",
    "/api/vcenter/vm/vm-1/console/tickets/x",
    "/api/vcenter/host/h/console/tickets",
    "/api/content/library/item/session",
    "/api/a%20session",
    "/rest/vcenter/login",
)


@each("case", READS, str)
def test_what_only_reads(case: tuple[str, str, str]) -> None:
    verdict = judge_rest(*case)
    assert (verdict.kind, verdict.reads) == (Kind.STATELESS, True)


@each("case", CHANGES, str)
def test_all_else_counts_as_a_change(case: tuple[str, str, str]) -> None:
    verdict = judge_rest(*case)
    assert (verdict.kind, verdict.reads) == (Kind.STATELESS, False)


@each("path", DENIED)
def test_sec_38_what_hands_out_sessions_tokens_or_tickets_is_not_sent_on(path: str) -> None:
    for verb in ("GET", "POST"):
        assert judge_rest(verb, path, "").kind is Kind.DENY


def test_an_action_may_hand_out_something_too() -> None:
    assert judge_rest("POST", "/api/vcenter/x", "action=createToken").kind is Kind.DENY


def test_settings_may_let_more_through_but_no_session() -> None:
    allowed = ["/api/vcenter/tokenservice/", "/api/session", "/api/cis"]
    exchange = "/api/vcenter/tokenservice/token-exchange"
    assert judge_rest("POST", exchange, "", allowed).kind is Kind.STATELESS
    assert judge_rest("POST", "/api/vcenter/tokenservices", "", allowed).kind is Kind.DENY
    assert judge_rest("GET", "/api/session", "", allowed).kind is Kind.DENY
    assert judge_rest("GET", "/api/cis/session", "", allowed).kind is Kind.DENY


@each(
    "path",
    (
        "/api/vcenter//vm",
        "/api/vcenter/./vm",
        "/api/vcenter/../session",
        "/api/vcenter/vm/",
        "/api/vcenter/%2e%2e/session",
        "/api/vcenter/%2E%2E/session",
        "/api/vcenter%2Fvm",
        "/api/vcenter%2fvm",
        "/api/vcenter/%76m",
        "/api/%73ession",
        "/api/vcenter/vm;x=1",
        "/api/vcenter/vm%3Bx",
        "/api/vcenter\\vm",
        "/api/vcenter%5Cvm",
        "/api/vcenter/vm%00",
        "/api/vcenter/vm%0d%0a",
        "/api/vcenter/vm%253A",
        "/api/vcenter/vm%",
        "/api/vcenter/vm%3",
        "/api/vcenter/vm%3F",
        "/api/vcenter/vm%23",
        "/api/vcenter/v\u00e4",
        "/api/vcenter/vm%C0%AF",
        "/api/vcenter/vm#x",
        "api/vcenter/vm",
        "/api/" + "x" * LONGEST,
    ),
)
def test_sec_38_an_address_has_one_spelling(path: str) -> None:
    with pytest.raises(Malformed):
        judge_rest("GET", path, "")


@each(
    "query",
    (
        "a=1;action=delete",
        "a=%zz",
        "a=%aB",
        "a=%",
        "a=%00",
        "a=%0a",
        "a=%7f",
        "a\\b",
        "a#b",
        "a=\u00e4",
        "action=list&action=delete",
        "~action=list&%61ction=delete",
        "action=list&Action=delete",
        "a=" + "x" * LONGEST,
    ),
)
def test_sec_38_a_query_says_one_thing(query: str) -> None:
    with pytest.raises(Malformed):
        judge_rest("POST", "/api/vcenter/vm", query)


def test_what_is_below_an_address() -> None:
    assert is_below("/api/vcenter/vm/vm-1", ["/API/vcenter/vm/"])
    assert is_below("/api/vcenter/vm", ["/api/vcenter/vm"])
    assert not is_below("/api/vcenter/vm-template", ["/api/vcenter/vm"])
    assert not is_below("/api/vcenter", [])


def test_operations_of_json_rpc_are_judged_by_service_and_name() -> None:
    for service, operation, kind, reads in (
        ("com.vmware.vcenter.VM", "list", Kind.STATELESS, True),
        ("com.vmware.cis.tagging.tag_association", "list_attached_tags", Kind.STATELESS, True),
        ("com.vmware.vcenter.vm.power", "start", Kind.STATELESS, False),
        ("com.vmware.vcenter.vm.console.tickets", "create", Kind.STATELESS, False),
        ("com.vmware.content.library.item.update_session", "create", Kind.STATELESS, False),
        ("com.vmware.content.library.item.downloadsession.File", "list", Kind.STATELESS, True),
        ("com.vmware.cis.session", "create", Kind.DENY, False),
        ("com.vmware.CIS.Session", "create", Kind.DENY, False),
        ("com.vmware.vcenter.tokenservice.token_exchange", "exchange", Kind.DENY, False),
        ("com.vmware.vcenter.identity.providers", "list", Kind.DENY, False),
        ("com.vmware.vcenter.x", "create_token", Kind.DENY, False),
        ("com.vmware.vcenter.host.console.tickets", "create", Kind.DENY, False),
    ):
        verdict = judge_rpc(service, operation)
        assert (verdict.kind, verdict.reads) == (kind, reads), service
    exchange = ("com.vmware.vcenter.tokenservice.token_exchange", "exchange")
    allowed = ["/api/vcenter/tokenservice"]
    assert judge_rpc(*exchange, allowed).kind is Kind.STATELESS
    for service, operation in (
        ("", "list"),
        ("a b", "list"),
        ("com.vmware.x", "a/b"),
        ("\u00e4", "a"),
    ):
        with pytest.raises(Malformed):
            judge_rpc(service, operation)
