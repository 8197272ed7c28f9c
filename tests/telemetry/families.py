"""Every metric there is, as the exposition has it once everything has happened at least once."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.prometheus import COUNTERS, GAUGES, Published
from sessiongate.telemetry.upstream_counters import UpstreamMeters, UpstreamNow

VERSION = "1.2.3"


def used() -> Meters:
    """Counts of a process in which everything has happened."""
    meters = Meters()
    meters.logins["zerto", "ok"] += 2
    meters.logins["soap", "refused"] += 1
    meters.ends["logout"] += 1
    meters.not_logged_out["zerto"] += 1
    meters.requests["zerto", 200] += 3
    meters.refusals["malformed_host"] += 4
    meters.access_checks["ext-authz", "allowed"] += 5
    meters.store_errors["add"] += 1
    meters.faults["login.slow"] += 1
    meters.timing(meters.login_times, "zerto").add(0.03)
    meters.upstreams = {"vc1": used_upstream()}
    for seconds in (0.0001, 0.0002, 7.0):
        meters.timing(meters.store_times, "use").add(seconds)
    return meters


def used_upstream() -> UpstreamMeters:
    """Counts of an upstream where everything has happened."""
    meters = UpstreamMeters()
    meters.forwarded["stateless", "ok"] += 5
    meters.forwarded["waits", "gone"] += 1
    meters.forward_times.add(0.02)
    meters.pool_waits.add(0.0)
    meters.timeouts += 2
    meters.given_up += 1
    meters.tickets["issued"] = 3
    meters.login("ok")
    meters.login("refused")
    for key in ("k1", "k2", "k3"):
        meters.client_opened(key)
        meters.served(key)
        meters.served(key)
    states = {"idle": 1, "active": 2, "login": 3, "broken": 4}
    meters.now = lambda: UpstreamNow(states, 10, 5, 6, 7, breaker_open=True)
    return meters


def values() -> dict[str, float]:
    """Momentary values, each another."""
    return {name: float(place) for place, name in enumerate((*GAUGES, *COUNTERS), 1)}


def read(text: bytes) -> dict[str, Metric]:
    """An exposition, as Prometheus's own parser reads it, by the names that are documented."""
    return {name_of(one): one for one in text_string_to_metric_families(text.decode())}


def name_of(family: Metric) -> str:
    """The name that queries use: the parser cuts the ending of counters off."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def everything() -> dict[str, Metric]:
    """Every family by name."""
    return read(Published(used(), VERSION).text(values()))


def labels_of(family: Metric) -> tuple[str, ...]:
    """The labels of a family, without the one that histograms have by themselves."""
    return tuple(sorted({key for one in family.samples for key in one.labels if key != "le"}))


def samples(families: Iterable[Metric]) -> dict[str, frozenset[str]]:
    """The names of all samples, each with its labels: what a query may name."""
    found: dict[str, frozenset[str]] = {}
    for family in families:
        for one in family.samples:
            found[one.name] = found.get(one.name, frozenset()) | one.labels.keys()
    return found


def value(families: Mapping[str, Metric], sample: str, **labels: str) -> float:
    """The value of one sample."""
    (found,) = [
        one.value
        for family in families.values()
        for one in family.samples
        if one.name == sample and one.labels == labels
    ]
    return found
