"""What a proxy is answered: by trust, by what it says of its client, by session, by rule."""

from datetime import timedelta
from pathlib import Path

import pytest

from sessiongate.dialects.forward_auth.endpoint import refuse
from sessiongate.errors import ForeignOrigin
from sessiongate.http.message import Reply, Request
from sessiongate.rules.forward_auth import AccessPolicy
from sessiongate.session import Client, Ended
from tests.basic import basic
from tests.dialects.forward_auth.door import APP, CLIENT, NAMES, PROXY, RULES, Door, Pairs, said_by
from tests.each import each
from tests.gate import LIMITS
from tests.http.requests import header, request

IDENTITY = ("remote-user", "remote-groups", "remote-name")


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def of(reply: Reply) -> list[str | None]:
    """Whom a reply names."""
    return [header(reply, name) for name in IDENTITY]


@each("name", NAMES)
async def test_a_live_session_passes_with_all_identity_headers(door: Door, name: str) -> None:
    carrier = await door.carrier()
    reply = await door.ask(name, carrier, "/app/x?y=z")
    assert (reply.status, reply.body) == (200, b"")
    assert sorted(reply.headers) == [
        ("cache-control", "no-store"),
        ("remote-groups", "user"),
        ("remote-name", "Bob of local"),
        ("remote-user", "bob"),
    ]


@each("name", NAMES)
async def test_a_refusal_names_nobody_and_is_not_kept(door: Door, name: str) -> None:
    carrier = await door.carrier()
    for reply, status in (
        (await door.ask(name), 401),
        (await door.ask(name, [("vmware-api-session-id", "0" * 40)]), 401),
        (await door.ask(name, carrier, "/admin"), 403),
        (await door.ask(name, carrier, "/other"), 403),
        (await door.ask(name, carrier, "/app/%2e%2e/admin"), 403),
        (await door.ask(name, carrier, method="get"), 403),
    ):
        assert reply.status == status
        assert header(reply, "cache-control") == "no-store"
        challenge = header(reply, "www-authenticate")
        assert challenge == ('Bearer realm="sessiongate"' if status == 401 else None)
        assert of(reply) == [None, None, None]
        assert header(reply, "set-cookie") is header(reply, "location") is None
        assert reply.body.endswith(b".\n")
    assert (await door.ask(name, await door.carrier("ada"), "/admin/x")).status == 200
    assert (await door.ask(name, carrier, host="wiki.example", uri="/a//b")).status == 200
    assert (await door.ask(name, carrier, host="wiki.example", method="PUT")).status == 403


async def test_every_carrier_is_taken_and_no_password(door: Door) -> None:
    [(_, token)] = await door.carrier()
    opened = await door.gate.login("bob")
    signed = door.gate.bearers.tokens.access(opened.session, "https://zvm.example", "c", "")
    carriers = [
        ("vmware-api-session-id", token),
        ("x-zerto-session", token),
        ("cookie", f'other=1; vmware_soap_session="{token}"; Path=/; HttpOnly'),
        ("cookie", f"vmware-api-session-id={token}"),
        ("authorization", f"Bearer {token}"),
        ("authorization", f"Bearer {signed}"),
    ]
    for one in carriers:
        assert (await door.ask("auth-request", [one])).status == 200, one
        for other in carriers:
            assert (await door.ask("auth-request", [one, other])).status == 401, (one, other)


async def test_sec_22_a_password_is_no_way_in_and_none_is_tried(door: Door) -> None:
    password = ("authorization", basic("bob", "bobbob"))
    for name in NAMES:
        reply = await door.ask(name, [password])
        assert reply.status == 401
        assert header(reply, "www-authenticate") == 'Bearer realm="sessiongate"'
    assert door.gate.identity.checks == 0
    # Beside a session it is the application's own affair, where it names the same user.
    carrier = await door.carrier()
    assert (await door.ask("auth-request", [*carrier, password])).status == 200
    another = ("authorization", basic("ada", "adaada"))
    assert (await door.ask("auth-request", [*carrier, another])).status == 401


@each("name", NAMES)
async def test_sec_33_nobody_but_a_trusted_proxy_is_answered(door: Door, name: str) -> None:
    carrier = await door.carrier()
    for more in ([], said_by("forward-auth", "GET", APP, "/app")):
        reply = await door.ask(name, carrier, more=more, peer="192.0.2.9")
        assert reply.status == 403
        assert of(reply) == [None, None, None]
    event = door.events("access refused")[-1]
    assert (event["how"], event["reason"], event["ip"]) == (name, "untrusted", "192.0.2.9")
    assert {one.call_count async for one in door.gate.sessions.list()} == {0}


@each("name", NAMES)
@each("other", NAMES)
async def test_sec_33_an_endpoint_reads_its_own_headers_alone(
    door: Door, name: str, other: str
) -> None:
    """What a client has written into those of another convention says nothing."""
    carrier = await door.carrier()
    if name == other:
        return
    claim = said_by(other, "GET", APP, "/app") or [("host", APP)]
    if other != "ext-authz":
        assert (await door.ask(name, carrier, "/admin", more=claim)).status == 403
        assert (await door.ask(name, carrier, host="evil.example", more=claim)).status == 403
    # And in the place of its own they are no word of the proxy's.
    asked = Request("GET", f"/auth/{name}", "", [*carrier, *claim], b"", PROXY, secure=False)
    asked.headers += [] if other == "ext-authz" else [("host", "evil.example")]
    assert (await door.handler(asked)).status == 403
    assert (await door.ask(name, carrier, more=claim if other != "ext-authz" else [])).status == 200


@each("name", [one for one in NAMES if one != "ext-authz"])
async def test_sec_37_two_original_addresses_are_none(door: Door, name: str) -> None:
    carrier = await door.carrier()
    for more in said_by(name, "GET", APP, "/app"):
        assert (await door.ask(name, carrier, more=[more])).status == 403
    assert door.meters.access_checks[name, "malformed"] > 0


async def test_sec_36_query_fragment_and_agent_change_nothing(door: Door) -> None:
    carrier = await door.carrier()
    probe: Pairs = [("user-agent", "kube-probe/1.30"), ("x-health-check", "1")]
    for name in NAMES:
        for uri in ("/admin?/app", "/admin?x=.css", "/admin/x.css", "/admin%3F/app", "/admin%23"):
            for more in ([], probe, [("user-agent", "")]):
                status = (await door.ask(name, carrier, uri, more=more)).status
                assert status == 403, uri
        assert (await door.ask(name, None, "/app", more=probe)).status == 401
        assert (await door.ask(name, None, "/healthz", more=probe)).status == 401


@each("name", NAMES)
async def test_sec_48_what_cannot_be_found_out_is_no(door: Door, name: str) -> None:
    carrier = await door.carrier()
    door.gate.store.away.add("use")
    reply = await door.ask(name, carrier)
    assert (reply.status, header(reply, "retry-after")) == (503, "5")
    assert of(reply) == [None, None, None]
    door.gate.store.away.clear()
    assert (await door.ask(name, carrier)).status == 200
    assert (await door.ask(name, carrier, uri="/app/caf\xe9")).status == 403


async def test_sec_48_errors_that_nobody_foresaw_are_no(door: Door) -> None:
    assert refuse(request("GET", "/"), None).status == 500
    assert refuse(request("GET", "/"), ForeignOrigin("x")).status == 403


@each("name", NAMES)
async def test_sec_08_an_ended_session_is_refused_at_once(door: Door, name: str) -> None:
    carrier = await door.carrier()
    assert (await door.ask(name, carrier)).status == 200
    for key in [one.key async for one in door.gate.sessions.list()]:
        await door.gate.sessions.end(key, Ended.LOGOUT)
    assert (await door.ask(name, carrier)).status == 401


async def test_a_check_keeps_a_session_alive_and_counts_as_a_call(door: Door) -> None:
    carrier = await door.carrier()
    for _ in range(3):
        door.later(minutes=20)
        assert (await door.ask("auth-request", carrier)).status == 200
    [session] = [one async for one in door.gate.sessions.list()]
    assert session.call_count == 3
    door.later(seconds=LIMITS.idle.total_seconds())
    assert (await door.ask("auth-request", carrier)).status == 401


async def test_sec_07_without_touch_a_check_keeps_nothing_alive(tmp_path: Path) -> None:
    door = Door(tmp_path, AccessPolicy(RULES, touch=False))
    opened = await door.gate.login("bob")
    signed = door.gate.bearers.tokens.access(opened.session, "https://zvm.example", "c", "")
    for carrier in (
        ("vmware-api-session-id", opened.token.reveal()),
        ("authorization", f"Bearer {signed}"),
    ):
        assert (await door.ask("auth-request", [carrier])).status == 200
    [session] = [one async for one in door.gate.sessions.list()]
    assert session.call_count == 0
    door.gate.clock.tick(LIMITS.idle - timedelta(seconds=1))
    carrier = ("vmware-api-session-id", opened.token.reveal())
    assert (await door.ask("auth-request", [carrier])).status == 200
    door.later(seconds=1)
    assert (await door.ask("auth-request", [carrier])).status == 401


@each("headers", ["x-auth-request", "x-forwarded"])
async def test_the_identity_has_other_names_where_the_settings_say_so(
    tmp_path: Path, headers: str
) -> None:
    door = Door(tmp_path, AccessPolicy(headers=headers))
    reply = await door.ask("forward-auth", await door.carrier())
    assert header(reply, f"{headers}-user") == "bob"
    assert header(reply, f"{headers}-groups") == "user"
    assert of(reply) == [None, None, None]


async def test_sec_44_a_browser_is_sent_to_the_one_page_of_the_settings(tmp_path: Path) -> None:
    url = "https://login.example/"
    door = Door(tmp_path, AccessPolicy(RULES, login_url=url))
    browser: Pairs = [("accept", "text/html,application/xhtml+xml")]
    hostile: Pairs = [*browser, ("referer", "https://evil.example/"), ("x-original-url", "//evil")]
    for name in ("forward-auth", "ext-authz"):
        for uri in ("/app", "/app?rd=https://evil.example", "/app?next=//evil", "/app/@evil"):
            reply = await door.ask(name, None, uri, more=hostile)
            assert (reply.status, header(reply, "location")) == (302, url)
        assert (await door.ask(name, None)).status == 401
        assert (await door.ask(name, None, method="POST", more=browser)).status == 401
        assert (await door.ask(name, await door.carrier(), "/admin", more=browser)).status == 403
    # nginx would make a 500 of it.
    assert (await door.ask("auth-request", None, more=browser)).status == 401
    assert (await Door(tmp_path / "b").ask("ext-authz", None, more=browser)).status == 401


async def test_a_session_of_any_upstream_is_one(door: Door) -> None:
    """The Host of a check is the application's, or the proxy's; it means no upstream of ours."""
    at_vc1 = Client("192.0.2.7", "govc", "soap", upstream="vc1")
    opened = await door.gate.login("bob", at_vc1)
    carrier = [("vmware-api-session-id", opened.token.reveal())]
    for name in NAMES:
        assert (await door.ask(name, carrier)).status == 200


async def test_sec_69_what_is_refused_is_written_down_and_the_query_is_not(door: Door) -> None:
    carrier = await door.carrier()
    await door.ask("ext-authz", carrier, "/admin/x?token=secret", method="DELETE")
    [event] = door.events("access refused")
    [session] = [one async for one in door.gate.sessions.list()]
    assert (event["key"], event["user"], event["provider"]) == (session.key, "bob", "local")
    assert (event["dialect"], event["how"], event["reason"]) == (
        "forward-auth",
        "ext-authz",
        "no_role",
    )
    assert (event["ip"], event["result"]) == (CLIENT, "refused")
    assert event["detail"] == f"DELETE {APP}/admin/x through {PROXY}"
    await door.ask("auth-request", [("x-zerto-session", "0" * 36)])
    event = door.events("access refused")[-1]
    assert (event["reason"], event.get("key")) == ("no_session", None)
    assert not any(b"secret" in line or b"0" * 36 in line for line in door.lines)


async def test_metrics_count_each_check(door: Door) -> None:
    carrier = await door.carrier()
    for _ in range(3):
        await door.ask("ext-authz", carrier)
    await door.ask("ext-authz")
    await door.ask("auth-request", carrier, "/admin")
    await door.ask("forward-auth", carrier, peer="192.0.2.9")
    assert door.meters.access_checks == {
        ("ext-authz", "allowed"): 3,
        ("ext-authz", "no_session"): 1,
        ("auth-request", "no_role"): 1,
        ("forward-auth", "untrusted"): 1,
    }


OVERRIDES = [
    [("x-http-method-override", "DELETE")],
    [("x-http-method", "delete")],
    [("x-method-override", "GET"), ("x-method-override", "DELETE")],
    [("x-http-method-override", "GET, DELETE")],
    [("x_http_method_override", "DELETE")],
    [("x-http-method-override", "no method")],
    [("x-http-method-override", ",".join("ABCDEFGHIJ"))],
]


@each("override", OVERRIDES)
async def test_sec_38_a_method_that_an_application_may_take_instead_is_judged_too(
    door: Door, override: Pairs
) -> None:
    carrier = await door.carrier()
    for name in NAMES:
        asked = await door.ask(name, carrier, "/", host="wiki.example", more=override)
        assert asked.status == 403
        # Where no rule has methods, it makes no difference what is taken.
        plain = await door.ask(name, carrier, more=override)
        assert plain.status == (403 if len(override[0][1]) > 15 else 200)
    events = door.events("access refused")
    assert all(one["reason"] in ("no_rule", "malformed") for one in events)


@each("name", NAMES)
async def test_the_same_method_once_more_changes_nothing(door: Door, name: str) -> None:
    same = [("x-http-method-override", " get "), ("x-http-method", "")]
    asked = await door.ask(name, await door.carrier(), "/", host="wiki.example", more=same)
    assert asked.status == 200
