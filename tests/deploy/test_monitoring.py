"""Dashboard and alert rules name nothing that the server does not publish, labels included."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from sessiongate.audit import results
from sessiongate.dialects.automation import rest_endpoint, rpc_endpoint
from sessiongate.dialects.openid import endpoint as openid
from sessiongate.dialects.vim import json_endpoint as vim_json
from sessiongate.dialects.vim import soap_endpoint as vim_soap
from sessiongate.dialects.zerto import endpoint as zerto
from sessiongate.http.connection.causes import CAUSES
from sessiongate.http.objections import CAUSES as UNREAD
from sessiongate.rules.forward_auth import AccessVerdict
from sessiongate.rules.relay import Kind
from sessiongate.session import Ended
from sessiongate.store.measured import OPERATIONS
from sessiongate.telemetry.upstream_counters import STATES
from tests.each import each
from tests.house.sources import ROOT
from tests.telemetry.families import everything, samples

DASHBOARD = ROOT / "deploy" / "grafana" / "sessiongate.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
METRICS_PAGE = ROOT / "docs" / "metrics.md"

KNOWN = samples(everything().values())
# What Prometheus adds to each series when it scrapes.
ADDED = {"instance", "job"}

DIALECTS = {
    rest_endpoint.DIALECT,
    rpc_endpoint.RPC_DIALECT,
    openid.DIALECT,
    vim_json.DIALECT,
    vim_soap.DIALECT,
    zerto.DIALECT,
}
OF_CALLS = {"ok", "fault", "refused", "unknown", "gone"}
OF_CHECKS = {*(one.value for one in AccessVerdict), "no_session", "malformed", "untrusted"}
OF_TICKETS = {"issued", "undelivered", "limited"}
RESULTS = {
    *("ok", "refused", "unavailable"),
    *results.RESULTS.values(),
    *OF_CALLS,
    *OF_CHECKS,
    *OF_TICKETS,
}
KINDS = {*(one.value for one in Kind), "transfer"}


def named_in(query: str) -> set[str]:
    """The names of ours in a query."""
    return set(re.findall(r"\bsessiongate_\w+", query))


def unknown_in(query: str) -> list[str]:
    """What a query names and nobody publishes: metrics, and labels of a metric."""
    wrong = sorted(named_in(query) - KNOWN.keys())
    for name, inside in re.findall(r"\b(sessiongate_\w+)\{([^}]*)\}", query):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
        wrong += sorted(labels - KNOWN.get(name, frozenset()) - ADDED)
    all_labels = ADDED.union(*(KNOWN[name] for name in named_in(query) & KNOWN.keys()))
    for inside in re.findall(r"\bby \(([^)]*)\)", query):
        wrong += sorted({label.strip() for label in inside.split(",")} - all_labels)
    return wrong


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every query there is, and where it stands."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]
    page = METRICS_PAGE.read_text(encoding="utf-8")
    for query in re.findall(r"^```promql\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        yield "docs/metrics.md", query


@each(("where", "query"), list(queries()))
def test_every_name_in_a_query_is_published(where: str, query: str) -> None:
    assert unknown_in(query) == [], where
    for opened, closed in ("()", "{}", "[]"):
        assert query.count(opened) == query.count(closed), where


def test_the_check_of_queries_sees() -> None:
    assert unknown_in('rate(sessiongate_logins_total{result="ok"}[5m])') == []
    assert unknown_in("sessiongate_logins") == ["sessiongate_logins"]
    assert unknown_in('sessiongate_logins_total{user="a"}') == ["user"]
    assert unknown_in("sum by (dialect, reason) (sessiongate_logins_total)") == ["reason"]
    assert unknown_in("sum by (le) (sessiongate_login_seconds_bucket)") == []


def test_every_alert_leads_to_the_table_of_what_to_do() -> None:
    base = "https://github.com/sessiongate/sessiongate/blob/main/docs/operations.md"
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("\n## When an alert fires\n")[2]
    for rule in alerts():
        assert rule["annotations"]["runbook_url"] == f"{base}#when-an-alert-fires"
        assert re.search(rf"\b{rule['alert'].removeprefix('Sessiongate')}\b", table), rule["alert"]


def test_every_name_on_the_page_is_published() -> None:
    assert named_in(METRICS_PAGE.read_text(encoding="utf-8")) <= KNOWN.keys() | everything().keys()


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        name
        for panel in dashboard()["panels"]
        for one in panel["targets"]
        for name in named_in(one["expr"])
    }
    plain = {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in shown}
    assert plain == everything().keys()


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@each("rule", alerts(), ids=lambda rule: rule["alert"])
def test_alerts_say_how_bad_it_is_and_what_it_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    # A label that the query has summed away would be an empty word in the message.
    kept = {"instance", *re.findall(r"\w+", "".join(re.findall(r"by \(([^)]*)\)", rule["expr"])))}
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= kept


def test_values_in_queries_exist() -> None:
    allowed = {
        "dialect": DIALECTS | {"page", "none"},
        "result": RESULTS,
        "operation": set(OPERATIONS),
        "state": set(STATES),
        "kind": KINDS,
        "reason": {one.value for one in Ended},
        "cause": {*CAUSES, *UNREAD.values()},
    }
    seen = set()
    for where, query in queries():
        for label, values in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', query):
            if label in allowed:
                assert set(values.split("|")) <= allowed[label], where
                seen.add(label)
    assert seen >= {"dialect", "result", "operation"}


def test_the_page_lists_the_values_of_labels() -> None:
    page = Path(METRICS_PAGE).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    for label, values in {
        "dialect": DIALECTS | {"forward-auth", "session-manager", "page", "none", "transfer"},
        "result": RESULTS,
        "reason": {one.value for one in Ended},
        "cause": {*CAUSES, *UNREAD.values()},
        "operation": set(OPERATIONS),
        "state": set(STATES),
        "kind": KINDS,
    }.items():
        assert set(re.findall(r"`([\w-]+)`", rows[label])) == values, label
