"""Health, readiness and metrics, without the socket."""

import json
from collections.abc import Awaitable, Callable

import pytest

from sessiongate.errors import Overloaded, StoreUnavailable
from sessiongate.operations.health import Operations
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.prometheus import Published
from tests.each import each
from tests.http.requests import header, request
from tests.telemetry.families import read, value

PATHS = ("/healthz", "/readyz", "/metrics")


async def two() -> int:
    return 2


async def momentary() -> dict[str, float]:
    return {"sessiongate_sessions_live": await two()}


def operations(probe: Callable[[], Awaitable[object]] = two) -> Operations:
    return Operations(Published(Meters(), "1.2.3"), momentary, probe)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("verb", ["GET", "HEAD"])
async def test_a_server_that_can_serve_says_so(verb: str, path: str) -> None:
    reply = await operations()(request(verb, path))
    assert (reply.status, json.loads(reply.body)) == (200, {"status": "ok"})
    assert header(reply, "content-type") == "application/json"
    assert header(reply, "cache-control") == "no-store"


@pytest.mark.parametrize(
    "error", [StoreUnavailable("redis at 10.0.0.7 refused hunter2"), Overloaded("full")]
)
async def test_without_its_store_a_server_is_alive_and_not_ready(error: Exception) -> None:
    async def probe() -> object:
        raise error

    asked = operations(probe)
    assert (await asked(request("GET", "/healthz"))).status == 200
    reply = await asked(request("GET", "/readyz"))
    assert reply.status == 503
    assert json.loads(reply.body) == {"status": "the session store does not answer"}


async def test_it_is_ready_again_as_soon_as_the_store_is() -> None:
    broken = [True]

    async def probe() -> object:
        if broken:
            raise StoreUnavailable("gone")
        return 0

    asked = operations(probe)
    assert (await asked(request("GET", "/readyz"))).status == 503
    broken.clear()
    assert (await asked(request("GET", "/readyz"))).status == 200


async def test_metrics_are_in_prometheus_own_format() -> None:
    reply = await operations()(request("GET", "/metrics"))
    assert reply.status == 200
    assert header(reply, "content-type") == "text/plain; version=0.0.4; charset=utf-8"
    families = read(reply.body)
    assert value(families, "sessiongate_sessions_live") == 2
    assert value(families, "sessiongate_build_info", version="1.2.3") == 1


async def test_health_and_metrics_ask_the_store_nothing_it_could_refuse() -> None:
    async def probe() -> object:
        raise AssertionError("only /readyz looks at the store")

    for path in ("/healthz", "/metrics"):
        assert (await operations(probe)(request("GET", path))).status == 200


@each("path", PATHS)
@each("verb", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get"])
async def test_other_verbs_are_refused(verb: str, path: str) -> None:
    reply = await operations()(request(verb, path, b"{}"))
    assert reply.status == 405
    assert header(reply, "allow") == "GET, HEAD"


# What steers a dev server is around the operations of that alone (`tests/house`: `serve` has none).
OF_DEV = ("/dev/faults", "/dev/clock", "/dev/reset", "/dev/events", "/dev/ca.pem")


@each(
    "path",
    [
        *("/", "/metrics/", "/METRICS", "//metrics", "/healthz/x", "/readyz%20", "/api/session"),
        *OF_DEV,
    ],
)
@each("verb", ["GET", "POST"])
async def test_there_is_nothing_else(verb: str, path: str) -> None:
    reply = await operations()(request(verb, path))
    assert reply.status == 404
    assert path.strip("/") not in reply.body.decode() or path == "/"


@pytest.mark.parametrize("path", PATHS)
async def test_a_query_changes_nothing(path: str) -> None:
    assert (await operations()(request("GET", f"{path}?name[]=x"))).status == 200


async def test_upstreams_without_clone_tickets_are_named_and_it_is_ready_all_the_same() -> None:
    away = ["vc1"]
    one = Operations(Published(Meters(), "1.2.3"), momentary, two, lambda: away)
    reply = await one(request("GET", "/readyz"))
    assert (reply.status, reply.body) == (200, b'{"status":"ok","without_clone_tickets":["vc1"]}')
    away.clear()
    reply = await one(request("GET", "/readyz"))
    assert reply.body == b'{"status":"ok"}'
