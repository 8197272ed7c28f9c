"""Calls through the gateway against nginx's proxy_pass, which checks and judges nothing.

One upstream for both, with TLS on both sides of both and connections that are kept. It is nginx,
too, and answers the calls that are measured with a constant, so that it costs little and hardly
sleeps; all else, our logins, it passes to another server of ours. What counts is the processor time
that each of the two takes for a request.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools import populate
from tools.children import Child, nginx, passed, passing, scratch, sessiongate
from tools.load import Rounds, Way, alternate, compare, cpu_ratios
from tools.table import Bench, Measured, Part, Target, median
from tools.transfer import download, held_for, upload

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

_READERS = 8

_TIME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<CurrentTimeResponse xmlns="urn:vim25"><returnval>2026-01-01T00:00:00Z</returnval>'
    "</CurrentTimeResponse></soapenv:Body></soapenv:Envelope>"
)
_GOT = "/api/vcenter/datacenter"
FILE, TAKEN, SIZE = "/folder/file", "/folder/taken", 100 * 10**6
"""What the upstream has, what it takes, and how many bytes the first has."""
_PLACES = f"""
        location = {_GOT} {{{{ default_type application/json; return 200 "[]"; }}}}
        location = {FILE} {{{{ root {{folder}}; }}}}
        location = {TAKEN} {{{{ root {{folder}}; dav_methods PUT; client_max_body_size 0; }}}}
"""
# As the gateway has it: a body goes on as it comes.
_STREAMED = "client_max_body_size 0; proxy_request_buffering off;"
_CONSTANT = f"""
            default_type "text/xml; charset=utf-8";
            if ($http_soapaction = "{MEASURED}") {{ return 200 '{_TIME}'; }}
"""


@contextmanager
def before_one(folder: Path) -> Iterator[tuple[Child, Child, Child]]:
    """The gateway, nginx and the floor of a proxy in Python before the same upstream."""
    data_dir, theirs = folder / "server", folder / "upstream"
    for one in (data_dir, theirs):
        populate.write_users(one, 1)
    (folder / "folder").mkdir()
    with (folder / FILE[1:]).open("wb") as file:
        file.truncate(SIZE)
    places = _PLACES.format(folder=folder)
    with (
        sessiongate(theirs, tls=True) as center,
        nginx(folder / "constant", theirs, center.url, _CONSTANT, places) as upstream,
    ):
        settings = {f"UPSTREAM__VC1__{name}": value for name, value in _SERVICE.items()}
        settings["UPSTREAM__VC1__URL"] = upstream.url
        taken = f"location = {TAKEN} {{ {passed(upstream.url, _STREAMED)} }}"
        with (
            sessiongate(data_dir, settings, tls=True) as ours,
            nginx(folder / "nginx", data_dir, upstream.url, places=taken) as plain,
            passing(folder, data_dir, upstream.url) as bare,
        ):
            yield ours, plain, bare


def _forwarded(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder, before_one(folder) as servers:
        ours, plain, _ = servers
        headers, _, _ = logged_in(ours)
        found = compare(bench, *(time_there(server, folder, headers) for server in servers))
        yield _ratio("post", found)
        yield _ratio("post-floor", found, 2)
        found = compare(bench, *(_get(server, folder, headers) for server in servers))
        yield _ratio("get", found)
        yield _ratio("get-floor", found, 2)
        yield from _large(bench, ours, plain, {"Cookie": headers["Cookie"]})


def _get(server: Child, folder: Path, headers: dict[str, str]) -> Way:
    """GET of a path by a session, which the dialect takes from a carrier of its own."""
    tokens = folder / "tokens"
    tokens.write_text(headers["Cookie"].partition("=")[2].strip('"'), encoding="ascii")
    environ = {"BENCH_TOKENS": str(tokens), "BENCH_CARRIER": "vmware-api-session-id"}
    return Way(server, _GOT, "get.lua", environ)


def _large(bench: Bench, ours: Child, plain: Child, headers: dict[str, str]) -> Iterator[Measured]:
    """A hundred megabytes each way, one transfer at a time, and readers who stop."""
    sent = partial(upload, path=TAKEN, headers=headers, size=SIZE)
    for key, move in (("file", partial(download, path=FILE, headers=headers)), ("taken", sent)):
        ways = [partial(_moved, server, move) for server in (ours, plain)]
        for way in ways:
            way()
        found = alternate(bench.rounds, ways)
        (cpu, took), (its_cpu, its_took) = (
            map(median, zip(*way, strict=True)) for way in zip(*found, strict=True)
        )
        note = f"CPU {cpu:.2f} against {its_cpu:.2f} s; {took:.2f} against {its_took:.2f} s"
        yield Measured.of(key, [nginx[0] / gate[0] for gate, nginx in found], note)
    each = held_for(ours, FILE, headers, _READERS)
    yield Measured("readers", each / 1e6, f"growth of the server for {_READERS} who read a head")


def _moved(server: Child, move: Callable[[str], object]) -> tuple[float, float]:
    """Seconds of the server's processor time, and seconds."""
    cpu, began = server.cpu, time.monotonic()
    move(server.url)
    return server.cpu - cpu, time.monotonic() - began


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
                "nginx proxy_pass, CPU",
                ">=",
                0.25,
            ),
            Target("post-floor", "floor in Python: a proxy that passes it on", "nginx, CPU"),
            Target(
                "get",
                "forwarded GET /api/vcenter/datacenter",
                "nginx proxy_pass, CPU",
                ">=",
                0.35,
            ),
            Target("get-floor", "floor in Python: a proxy that passes it on", "nginx, CPU"),
            Target("file", "100 MB through the gateway, down", "nginx, CPU", ">=", 0.75),
            Target("taken", "100 MB through the gateway, up", "nginx, CPU", ">=", 0.75),
            Target("readers", "memory per slow reader of 100 MB", "-", "<=", 15, "MB"),
        ),
        _forwarded,
    ),
)
