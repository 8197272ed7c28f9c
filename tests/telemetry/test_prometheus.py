"""What is published: the documented names, the right numbers, and no label that a client chose."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog
from prometheus_client.core import Metric

from sessiongate.app.presented import Presented
from sessiongate.app.routes import dialects
from sessiongate.app.services import Services
from sessiongate.app.setup.signing_key import signing_key_of
from sessiongate.audit.access_checks import AccessChecks
from sessiongate.config import Config, load
from sessiongate.dialects.openid.access_tokens import AccessTokens
from sessiongate.http.router import Routes
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.prometheus import COUNTERS, GAUGES, Published
from sessiongate.telemetry.timings import BOUNDS
from tests.basic import basic
from tests.end_to_end.serving import vim
from tests.gate import APPLIANCE, OWN_NAMES, SITE, Gate
from tests.http.requests import request
from tests.telemetry.families import (
    VERSION,
    everything,
    labels_of,
    name_of,
    read,
    samples,
    used,
    value,
    values,
)

LABELLED = {
    "sessiongate_access_checks_total": ("endpoint", "result"),
    "sessiongate_build_info": ("version",),
    "sessiongate_faults_total": ("fault",),
    "sessiongate_login_seconds": ("dialect",),
    "sessiongate_logins_total": ("dialect", "result"),
    "sessiongate_refused_requests_total": ("cause",),
    "sessiongate_requests_total": ("dialect", "status"),
    "sessiongate_session_ends_total": ("reason",),
    "sessiongate_unlogged_sessions_total": ("dialect",),
    "sessiongate_store_errors_total": ("operation",),
    "sessiongate_store_seconds": ("operation",),
}
OF_UPSTREAMS = {
    "sessiongate_clone_tickets_total": ("result", "upstream"),
    "sessiongate_forward_seconds": ("upstream",),
    "sessiongate_forwarded_total": ("kind", "result", "upstream"),
    "sessiongate_pool_objects": ("upstream",),
    "sessiongate_pool_sessions": ("state", "upstream"),
    "sessiongate_pool_sessions_max": ("upstream",),
    "sessiongate_pool_timeouts_total": ("upstream",),
    "sessiongate_upstream_sessions_given_up_total": ("upstream",),
    "sessiongate_pool_wait_seconds": ("upstream",),
    "sessiongate_pool_waiters": ("upstream",),
    "sessiongate_pool_waits": ("upstream",),
    "sessiongate_upstream_breaker_open": ("upstream",),
    "sessiongate_upstream_logins_saved_total": ("upstream",),
    "sessiongate_upstream_logins_total": ("result", "upstream"),
}


def test_these_and_no_others() -> None:
    found = {name: labels_of(family) for name, family in everything().items()}
    assert found == LABELLED | OF_UPSTREAMS | dict.fromkeys((*GAUGES, *COUNTERS), ())


def test_without_an_upstream_there_is_nothing_of_one() -> None:
    assert not OF_UPSTREAMS.keys() & read(Published(Meters(), VERSION).text({})).keys()


def test_an_upstream_s_counts_have_its_name() -> None:
    families = everything()

    def of(name: str, **labels: str) -> float:
        return value(families, f"sessiongate_{name}", upstream="vc1", **labels)

    assert of("forwarded_total", kind="stateless", result="ok") == 5
    assert of("forwarded_total", kind="waits", result="gone") == 1
    assert of("upstream_logins_total", result="refused") == 1
    # Three clients went by the session of one login, whatever number of calls each has made.
    assert of("upstream_logins_saved_total") == 2
    assert of("pool_timeouts_total") == 2
    assert of("upstream_sessions_given_up_total") == 1
    assert of("clone_tickets_total", result="issued") == 3
    states = ("idle", "active", "login", "broken")
    assert [of("pool_sessions", state=state) for state in states] == [1, 2, 3, 4]
    gauges = ("sessions_max", "waiters", "waits", "objects")
    assert [of(f"pool_{name}") for name in gauges] == [10, 5, 6, 7]
    assert of("upstream_breaker_open") == 1
    assert of("forward_seconds_count") == of("pool_wait_seconds_count") == 1


def test_names_are_as_prometheus_wants_them() -> None:
    for name, family in everything().items():
        assert name.startswith("sessiongate_")
        assert name.endswith("_total") == (family.type == "counter"), name
        assert family.documentation.endswith("."), name


def test_momentary_values_come_through() -> None:
    families = everything()
    for name, expected in values().items():
        assert value(families, name) == expected


def test_what_is_not_known_is_not_shown() -> None:
    families = read(Published(used(), VERSION).text({"sessiongate_connections": 4}))
    labelled = LABELLED | OF_UPSTREAMS
    assert families.keys() - labelled.keys() == {"sessiongate_connections"}


def test_each_text_is_of_its_own_moment() -> None:
    published = Published(Meters(), VERSION)
    first = read(published.text({"sessiongate_connections": 4}))
    second = read(published.text({"sessiongate_hashing_queue": 1}))
    assert "sessiongate_connections" in first
    assert "sessiongate_connections" not in second


def test_counts_have_their_labels() -> None:
    families = everything()
    assert value(families, "sessiongate_logins_total", dialect="zerto", result="ok") == 2
    assert value(families, "sessiongate_logins_total", dialect="soap", result="refused") == 1
    assert value(families, "sessiongate_requests_total", dialect="zerto", status="200") == 3
    assert value(families, "sessiongate_session_ends_total", reason="logout") == 1
    assert value(families, "sessiongate_unlogged_sessions_total", dialect="zerto") == 1
    assert value(families, "sessiongate_refused_requests_total", cause="malformed_host") == 4
    assert value(families, "sessiongate_store_errors_total", operation="add") == 1
    assert value(families, "sessiongate_build_info", version=VERSION) == 1


def test_buckets_count_from_the_bottom() -> None:
    families = everything()

    def upto(bound: str) -> float:
        return value(families, "sessiongate_store_seconds_bucket", operation="use", le=bound)

    # 0.1 ms, 0.2 ms and 7 s were measured.
    assert [upto(bound) for bound in ("0.0001", "0.00025", "5.0", "+Inf")] == [1, 2, 2, 3]
    assert value(families, "sessiongate_store_seconds_count", operation="use") == 3
    total = value(families, "sessiongate_store_seconds_sum", operation="use")
    assert total == pytest.approx(7.0003)
    bounds = [
        one.labels["le"]
        for one in families["sessiongate_store_seconds"].samples
        if one.name.endswith("_bucket")
    ]
    assert [float(bound) for bound in bounds] == [*BOUNDS, float("inf")]


def test_names_of_samples_are_known() -> None:
    found = samples(everything().values())
    assert found["sessiongate_login_seconds_bucket"] == {"dialect", "le"}
    assert found["sessiongate_sessions_live"] == set()
    assert name_of(Metric("sessiongate_x", "", "counter")) == "sessiongate_x_total"


# 72: whatever clients call themselves and each other, there are as many series as before

CLIENTS = 100_000


@pytest.fixture
def quiet() -> Iterator[None]:
    """No log lines: a hundred thousand of them are not the subject here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def served(gate: Gate, folder: Path) -> Routes:
    """All dialects over the gate, as a server has them."""
    settings: Config = load(overrides={"server.data_dir": str(folder)}, environ={})
    tokens = AccessTokens(
        signing_key_of(settings), gate.clock, settings.dialects.appliance.access_token
    )
    bearers = gate.bearers_over(gate.store, tokens)
    said = Presented(OWN_NAMES, APPLIANCE, SITE)
    checks = AccessChecks(gate.journal, gate.clock)
    services = Services(gate.sessions, gate.logins, gate.center, bearers, gate.clock, said, checks)
    return dialects(settings, services, gate.journal.meters, None)


async def from_one_client(routes: Routes, number: int) -> None:
    """A login and a check that nobody has made before, by a different dialect each time."""
    odd = f"{number}{{}}\"\n=,'"
    named = {
        "user_agent": f"agent/{odd}",
        "x_request_id": f"id-{number}",
        "vapi_ctx_opid": f"op-{number}",
        "host": f"h{number}.example",
        "accept_language": f"x-{number}",
        "authorization": basic(f"user-{odd}", f"wrong-{number}"),
        "x_forwarded_for": f"10.0.0.{number}",
        "x_zerto_session": f"{number:032x}",
    }
    # The same credential as the header's: two that disagree are refused before anybody is asked.
    who = {"userName": f"user-{odd}", "password": f"wrong-{number}", "locale": f"en_{number}"}
    body = msgspec.json.encode(who)
    asked = (
        ("POST", "/v1/session/add"),
        ("GET", f"/v1/{number}?a={number}"),
        ("POST", vim("Login")),
        ("POST", vim(f"Login{number}")),
        ("POST", f"/sdk/{number}"),
        (f"VERB{number}", "/api/session"),
        ("GET", f"/{number}"),
        ("POST", "/rest/com/vmware/cis/session"),
    )
    method, path = asked[number % len(asked)]
    await routes(request(method, path, body, peer=f"2001:db8::{number:x}"[:16], **named))


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
async def test_sec_72_a_hundred_thousand_clients_make_no_new_series(
    gate: Gate, tmp_path: Path
) -> None:
    routes = served(gate, tmp_path)
    meters = gate.journal.meters
    published = Published(meters, VERSION)

    def series() -> set[str]:
        text = published.text(values()).decode()
        return {line.rpartition(" ")[0] for line in text.splitlines() if line[:1] != "#"}

    for number in range(1_000):
        await from_one_client(routes, number)
    before = series()
    requests = sum(meters.requests.values())
    for number in range(1_000, CLIENTS):
        await from_one_client(routes, number)
    assert series() == before
    assert len(before) < 150
    # They did come through, and were counted.
    assert sum(meters.requests.values()) - requests == CLIENTS - 1_000
    assert sum(meters.logins.values()) > CLIENTS // 4
    said = "".join(before)
    assert not [word for word in ("agent", "user-", "id-", "op-", "2001:", "VERB") if word in said]
