"""Calls through the gateway against nginx's proxy_pass, which checks and judges nothing.

One upstream for both, with TLS on both sides of both and connections that are kept. It is nginx,
too, and answers the calls that are measured with a constant, so that it costs little and hardly
sleeps; all else, our logins, it passes to another server of ours. What counts is the processor time
that each of the two takes for a request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import populate
from tools.children import Child, nginx, passing, scratch, sessiongate
from tools.load import Rounds, Way, compare, cpu_ratios
from tools.table import Bench, Measured, Part, Target, median

from parts.soap import MEASURED, logged_in, time_there

_SERVICE = {
    "TYPE": "vcenter",
    "ACCOUNT": "service",
    "USERNAME": "bench0",
    "PASSWORD": populate.PASSWORD,
    "ROLES": "administrator",
    "MODE": "shared",
    "SIZE": "5",
    "VERIFY": "false",
    "POOL__CALLS_EACH": "64",  # all connections of wrk have one session
}


_TIME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<CurrentTimeResponse xmlns="urn:vim25"><returnval>2026-01-01T00:00:00Z</returnval>'
    "</CurrentTimeResponse></soapenv:Body></soapenv:Envelope>"
)
_GOT, _FILE, _SIZE = "/api/vcenter/datacenter", "/folder/file", 10 * 2**20
_PLACES = f"""
        location = {_GOT} {{{{ default_type application/json; return 200 "[]"; }}}}
        location = {_FILE} {{{{ root {{folder}}; }}}}
"""
_CONSTANT = f"""
            default_type "text/xml; charset=utf-8";
            if ($http_soapaction = "{MEASURED}") {{ return 200 '{_TIME}'; }}
"""


@contextmanager
def _both(folder: Path) -> Iterator[tuple[Child, Child, Child]]:
    """The gateway, nginx and the floor of a proxy in Python before the same upstream."""
    data_dir, theirs = folder / "server", folder / "upstream"
    for one in (data_dir, theirs):
        populate.write_users(one, 1)
    (folder / "folder").mkdir()
    with (folder / _FILE[1:]).open("wb") as file:
        file.truncate(_SIZE)
    places = _PLACES.format(folder=folder)
    with (
        sessiongate(theirs, tls=True) as center,
        nginx(folder / "constant", theirs, center.url, _CONSTANT, places) as upstream,
    ):
        settings = {f"UPSTREAM__VC1__{name}": value for name, value in _SERVICE.items()}
        settings["UPSTREAM__VC1__URL"] = upstream.url
        with (
            sessiongate(data_dir, settings, tls=True) as ours,
            nginx(folder / "nginx", data_dir, upstream.url) as plain,
            passing(folder, data_dir, upstream.url) as bare,
        ):
            yield ours, plain, bare


def _forwarded(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder, _both(folder) as servers:
        ours, plain, _ = servers
        headers, _, _ = logged_in(ours)
        found = compare(bench, *(time_there(server, folder, headers) for server in servers))
        yield _ratio("post", found)
        yield _ratio("post-floor", found, 2)
        found = compare(bench, *(_get(server, folder, headers, _GOT, 32) for server in servers))
        yield _ratio("get", found)
        yield _ratio("get-floor", found, 2)
        ways = [_get(server, folder, headers, _FILE, 1) for server in (ours, plain)]
        yield _ratio("file", compare(bench, *ways, rounds=3, seconds=4))


def _get(server: Child, folder: Path, headers: dict[str, str], path: str, connections: int) -> Way:
    """GET of a path by a session, which each dialect takes from a carrier of its own."""
    cookie = headers["Cookie"]
    token = cookie.partition("=")[2].strip('"')
    tokens = folder / "tokens"
    tokens.write_text(f"{cookie if path == _FILE else token}\n", encoding="ascii")
    carrier = "Cookie" if path == _FILE else "vmware-api-session-id"
    environ = {"BENCH_TOKENS": str(tokens), "BENCH_CARRIER": carrier}
    return Way(server, path, "get.lua", environ, connections)


def _ratio(key: str, found: Rounds, one: int = 0) -> Measured:
    """Processor time of nginx to that of one way: 1 is alike, 0.5 is twice as dear."""
    spent = [median(loads[way].cpu for loads in found) for way in (one, 1)]
    rate = [median(loads[way].rate for loads in found) for way in (one, 1)]
    note = (
        f"CPU {spent[0]:.1f} against {spent[1]:.1f} µs; {rate[0]:,.0f}/s against {rate[1]:,.0f}/s"
    )
    return Measured.of(key, cpu_ratios(found, one, 1), note)


PARTS = (
    Part(
        "forwarding",
        (
            Target(
                "post",
                "forwarded SOAP CurrentTime, HTTPS",
                "nginx proxy_pass",
                ">=",
                0.25,
            ),
            Target("post-floor", "the same by a proxy in Python that only passes on", "nginx"),
            Target(
                "get",
                "forwarded GET /api/vcenter/datacenter",
                "nginx proxy_pass",
                ">=",
                0.35,
            ),
            Target("get-floor", "the same by a proxy in Python that only passes on", "nginx"),
            Target("file", "forwarded GET of 10 MB", "the same", ">=", 0.75),
        ),
        _forwarded,
    ),
)
