"""Checks for proxies (forward-auth) over kept connections, against a check of our own."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tools import populate
from tools.children import Child, result_of, scratch, sessiongate
from tools.load import CONNECTIONS, compare, cpu_ratios, p99s
from tools.table import Bench, Measured, Part, Target, median

from parts.checks import check

# As an operator with some applications has them; the last one decides.
_RULES = "\n".join(
    f'[[forward_auth.rules]]\nhost = "app{number}.example.com"\npath = "/admin"\nroles = ["user"]'
    for number in range(9)
)
_SETTINGS = f"""
[server]
trusted_proxies = ["127.0.0.1"]
[forward_auth]
enabled = true
{_RULES}
[[forward_auth.rules]]
path = "/app"
"""
# The first check of each is an event of the audit, which costs more: they are few beside all.
_SESSIONS = 200
_RATE = 2000
"""Checks a second that are promised, whose latency counts from the moment at which each is due."""
_PACED = 4.0
"""Seconds of each of three runs at this rate."""
_PATH = "/auth/ext-authz/app/page%20one?query=1"


def _access(bench: Bench) -> Iterator[Measured]:
    with scratch() as folder:
        tokens = populate.write_sessions(folder / "server", _SESSIONS)
        settings = folder / "sessiongate.toml"
        settings.write_text(_SETTINGS, encoding="utf-8")
        with sessiongate(folder / "server", {"CONFIG": str(settings)}) as server:
            found = compare(bench, check(server, tokens), check(server, tokens, _PATH))
            paced = [_paced(server, tokens) for _ in range(3)]
    spent = [median(loads[way].cpu for loads in found) for way in (0, 1)]
    note = f"CPU {spent[1]:.1f} against {spent[0]:.1f} µs"
    yield Measured.of("access", cpu_ratios(found, 1, 0), note)
    rate = median(loads[1].rate for loads in found)
    note = f"by processor time; {rate:,.0f}/s were answered"
    yield Measured.of("access-rate", [1e6 / loads[1].cpu for loads in found], note)
    note = f"a check of our own: {median(p99s(found, 0)):.1f} ms"
    yield Measured.of("access-p99", p99s(found, 1), note)
    rate, middle, _, longest = (median(column) for column in zip(*paced, strict=True))
    note = f"{rate:,.0f}/s were answered; median {middle:.2f} ms, longest {longest:.1f} ms"
    yield Measured.of("access-paced", [one[2] for one in paced], note)


def _paced(server: Child, tokens: Path) -> list[float]:
    where = urlsplit(server.url)
    asked = str(where.hostname), str(where.port), _PATH, str(tokens)
    numbers = str(_RATE), str(_PACED), str(CONNECTIONS)
    return result_of("paced.py", *asked, *numbers, timeout=_PACED + 30)


PARTS = (
    Part(
        "access",
        (
            Target("access", "check for a proxy: ext-authz, ten rules", "check of our own"),
            Target("access-rate", "the same, on one core", "-", ">=", _RATE, "/s"),
            Target("access-p99", "its p99, 32 connections that never pause", "-"),
            Target("access-paced", f"its p99 at {_RATE:,} a second", "-", "<=", 5, "ms"),
        ),
        _access,
    ),
)
