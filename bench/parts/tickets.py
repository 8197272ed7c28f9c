"""Clone tickets of the session manager, asked for as the drivers do: a connection for each."""

from collections.abc import Iterator

from tools import populate
from tools.children import scratch, sessiongate
from tools.load import Way, compare, p99s
from tools.table import Bench, Measured, Part, Target, median

_TOKEN = f"sgm_{'b' * 40}"
_SETTINGS = """
[upstream.vc1]
type = "vcenter"
url = "{url}"
verify = false
account = "service"
username = "bench0"
password = "{password}"
roles = ["administrator"]
size = 3
[session_manager]
rate = "99999/s"
[session_manager.clients.bench]
upstreams = ["vc1"]
token_files = ["{token}"]
"""
_AT_ONCE = 4
"""Drivers that ask at the same time. Each asks once for a session, so that they are few."""


def _tickets(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        for one in ("upstream", "server"):
            populate.write_users(folder / one, 1)
        token, bearer, settings = (folder / one for one in ("token", "bearer", "settings.toml"))
        token.write_text(_TOKEN, encoding="ascii")
        bearer.write_text(f"Bearer {_TOKEN}\n", encoding="ascii")
        with sessiongate(folder / "upstream", tls=True) as center:
            text = _SETTINGS.format(url=center.url, password=populate.PASSWORD, token=token)
            settings.write_text(text, encoding="utf-8")
            with sessiongate(folder / "server", {"CONFIG": str(settings)}, tls=True) as server:
                environ = {"BENCH_TOKENS": str(bearer), "BENCH_CARRIER": "Authorization"}
                way = Way(server, "/session-manager/vc1", environ=environ, connections=_AT_ONCE)
                found = compare(bench, way, rounds=5)
    spent = median(loads[0].cpu for loads in found)
    rate = median(loads[0].rate for loads in found)
    yield Measured("ticket", spent / 1e3, f"by processor time; {rate:,.0f}/s were answered")
    note = f"from request to ticket, {_AT_ONCE} at a time"
    yield Measured.of("ticket-p99", p99s(found, 0), note)


PARTS = (
    Part(
        "tickets",
        (
            Target("ticket", "clone ticket, with its TLS handshake", "-", unit="ms"),
            Target("ticket-p99", "its p99, with a live parent", "-", "<=", 100, "ms"),
        ),
        _tickets,
    ),
)
