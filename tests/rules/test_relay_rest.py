"""Which calls of the Automation API go on, as what, and which addresses are written in one way."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.errors import Malformed
from sessiongate.rules.relay import Kind
from sessiongate.rules.relay_rest import LONGEST, is_below, judge_rest, judge_rpc
from tests.each import each
from tests.peers.setup import sdk_interpreter

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
    ("GET", "/api/vcenter/vm/vm-1/guest/identity", ""),
    ("GET", "/api/vcenter/trusted-infrastructure/trust-authority-hosts/h/kms/", ""),
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
    # With a name and a password for the guest, which the service account would try out.
    ("POST", "/api/vcenter/vm/vm-1/guest/processes", "action=list"),
    ("POST", "/rest/vcenter/vm/vm-1/guest/environment/PATH", "~action=get"),
    ("POST", "/api/vcenter/vm/vm-1/guest/filesystem/files", "action=list"),
    # What a query says of the verb, nobody has to believe.
    ("GET", "/api/vcenter/vm", "action=delete"),
    ("GET", "/rest/vcenter/vm", "~method=POST"),
)
DENIED = (
    "/api/session/x",
    "/api/session/",
    "/rest/com/vmware/cis/session/",
    "/api/vcenter/vm/vm-1/console/tickets/",
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
    allowed = frozenset({"/api/vcenter/tokenservice/", "/api/session", "/api/cis"})
    exchange = "/api/vcenter/tokenservice/token-exchange"
    assert judge_rest("POST", exchange, "", allowed).kind is Kind.STATELESS
    assert judge_rest("POST", "/api/vcenter/tokenservices", "", allowed).kind is Kind.DENY
    assert judge_rest("GET", "/api/session", "", allowed).kind is Kind.DENY
    assert judge_rest("GET", "/api/cis/session", "", allowed).kind is Kind.DENY
    assert judge_rest("POST", exchange, "", allowed, frozenset({exchange})).kind is Kind.DENY


def test_settings_may_deny_an_address_and_all_below_it() -> None:
    denied = frozenset({"/rest/com/vmware/vcenter/vm"})
    assert judge_rest("GET", "/api/vcenter/vm/vm-1", "", denied=denied).kind is Kind.DENY
    assert judge_rest("GET", "/api/vcenter/vms", "", denied=denied).kind is Kind.STATELESS


@each(
    "path",
    (
        "/api/vcenter//vm",
        "/api/vcenter/./vm",
        "/api/vcenter/../session",
        "/api/vcenter/vm//",
        "/api/",
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


_PIECES = st.sampled_from(
    [
        *("api", "rest", "com", "vmware", "cis", "vcenter", "vm", "session", "Session", "identity"),
        *("tokenservice", "authentication", "%73ession", "sess%69on", "session;x", "session%3Bx"),
        *("..", ".", "", "%2e%2e", "%2E", "a%2fsession", "a%2Fsession", "%5csession", "\\session"),
        *("session%20", "session.", "%252e", "x%00session", "console", "tickets", "id:1", "a%3Ab"),
    ]
)


def _as_others_read(path: str) -> Iterator[list[str]]:
    """The segments of a path, by readers that decode, resolve, and cut in ways of their own."""
    for decode in (str, unquote, lambda text: unquote(unquote(text))):
        for separator in ("/", "[/\\\\]"):
            for cut in (False, True):
                found: list[str] = []
                for one in re.split(separator, decode(path)):
                    text = one.partition(";")[0] if cut else one
                    text = text.partition("\0")[0].strip(" .") if cut else text
                    if one == "..":
                        del found[-1:]
                    elif one not in ("", "."):
                        found.append(text.casefold())
                yield found


@given(st.lists(_PIECES, min_size=1, max_size=6), st.sampled_from(["/api", "/rest"]))
def test_sec_38_nobody_behind_us_reads_a_session_where_we_have_read_none(
    pieces: list[str], face: str
) -> None:
    path = "/".join((face, *pieces))
    try:
        verdict = judge_rest("POST", path, "")
    except Malformed:
        return
    if verdict.kind is Kind.DENY:
        return
    for segments in _as_others_read(path):
        assert segments[0] == face[1:]
        assert not {"session", "tokenservice"} & set(segments)


def test_what_is_below_an_address() -> None:
    assert is_below("/api/vcenter/vm/vm-1", ["/API/vcenter/vm/"])
    assert is_below("/api/vcenter/vm", ["/api/vcenter/vm"])
    assert not is_below("/api/vcenter/vm-template", ["/api/vcenter/vm"])
    assert not is_below("/api/vcenter", [])
    for denied in ("/folder/my disks", "/folder/my%20disks", "/Folder/My%20Disks/"):
        assert is_below("/folder/my%20disks/a", [denied])
    assert is_below("/api/tag/urn%3avmomi", ["/api/tag/urn:vmomi"])


def test_operations_of_json_rpc_are_judged_by_service_and_name() -> None:
    for service, operation, kind, reads in (
        ("com.vmware.vcenter.VM", "list", Kind.STATELESS, True),
        ("com.vmware.cis.tagging.tag_association", "list_attached_tags", Kind.STATELESS, True),
        ("com.vmware.vcenter.vm.power", "start", Kind.STATELESS, False),
        ("com.vmware.vcenter.vm.guest.identity", "get", Kind.STATELESS, True),
        ("com.vmware.vcenter.vm.guest.processes", "list", Kind.STATELESS, False),
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


@pytest.mark.peer
def test_of_the_vendor_s_operations_these_are_denied() -> None:
    """By the bindings of the VCF SDK. Of what is in none, the words of an address decide."""
    library = sdk_interpreter().parents[1] / "lib"
    if not library.exists():
        pytest.skip("the VCF SDK is not installed: run tests/peers/setup.py")
    denied, count = set(), 0
    for file in library.rglob("*_client.py"):
        for verb, template in _OPERATION.findall(file.read_text(encoding="utf-8")):
            path, _, query = f"/api{re.sub(r'{[^}]*}', 'x-1', template)}".partition("?")
            verdict = judge_rest(verb, path, query)
            count += 1
            if verdict.kind is Kind.DENY:
                denied.add(path.removesuffix("/x-1"))
            assert not verdict.reads or verb == "GET" or "action=" in query, template
    assert count > 1000
    assert denied == {
        "/api/session",
        "/api/vcenter/authentication/token",
        "/api/vcenter/identity/broker/tenants/operator-client",
        "/api/vcenter/identity/broker/tenants/x-1/admin-client",
        "/api/vcenter/identity/providers",
        "/api/vcenter/registered-tokens",
        "/api/vcenter/tokenservice/token-exchange",
    }


_OPERATION = re.compile(r"http_method='([A-Z]+)',\s+url_template='([^']*)'")
