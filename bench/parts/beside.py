"""What a server pays for a gateway that its checks do not go by, over a fixed count of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tools import populate
from tools.children import Child, scratch, sessiongate
from tools.load import alternate
from tools.pipelined import clients, get, post, send
from tools.table import PAIRS, Bench, Measured, NotMeasured, Part, Target, median

from parts.checks import FEW

_HOST = "vc1.example.com"
_UPSTREAM = {
    "TYPE": "vcenter",
    "HOSTS": _HOST,
    "VERIFY": "false",
    "ACCOUNT": "service",
    "USERNAME": "bench0",
    "PASSWORD": populate.PASSWORD,
    "ROLES": "administrator",
}
_TURN = 500
"""Checks in a row, each of another session."""
_TOKEN = re.compile(rb'"([^"]+)"')


def _check(bench: Bench) -> Iterator[Measured]:
    turns = 4 if bench.quick else 20
    with scratch() as folder:
        for one in ("upstream", "with"):
            populate.write_users(folder / one, 1)
        for one in ("with", "without"):
            populate.write_sessions(folder / one, FEW)
        with sessiongate(folder / "upstream", tls=True) as center:
            settings = {f"UPSTREAM__VC1__{name}": value for name, value in _UPSTREAM.items()}
            settings["UPSTREAM__VC1__URL"] = center.url
            with (
                sessiongate(folder / "without") as without,
                sessiongate(folder / "with", settings) as with_,
                clients(without.url) as ask,
                clients(with_.url) as ask_with,
            ):
                ours = [populate.token(number) for number in range(_TURN)]
                ways = [
                    partial(_spent, without, ask, _asked(without, ours)),
                    partial(_spent, with_, ask_with, _asked(with_, ours)),
                    partial(_spent, with_, ask_with, _asked(with_, _log_in(with_), _HOST)),
                ]
                _pair(ways, turns)
                found = [_pair(ways, turns) for _ in range(PAIRS)]
    for key, way in (("with", 1), ("there", 2)):
        spent = [median(round_[one] for round_ in found) for one in (way, 0)]
        pairs = f"{PAIRS} pairs of {turns * _TURN:,} checks"
        note = f"CPU {spent[0]:.1f} against {spent[1]:.1f} µs, {pairs}"
        yield Measured.of(key, [round_[0] / round_[way] for round_ in found], note)


def _pair(ways: Sequence[Callable[[], float]], turns: int) -> list[float]:
    """Of each way the middle one of so many turns: some are held up by other work."""
    found = alternate(turns, ways)
    return [median(round_[way] for round_ in found) for way in range(len(ways))]


def _log_in(server: Child) -> list[str]:
    """Sessions that were opened at the upstream's Host."""
    headers = {"Authorization": populate.basic("bench0")}
    asked = post(server.url, "/api/session", headers, b"", _HOST)
    found = [_TOKEN.search(body) for _, body in send(server.url, asked, _TURN, within=60)]
    tokens = [match[1].decode("ascii") for match in found if match is not None]
    if len(tokens) != _TURN:
        raise NotMeasured("too few logins at the upstream's Host")
    return tokens


def _asked(server: Child, tokens: Sequence[str], host: str = "") -> list[bytes]:
    carried = [{"vmware-api-session-id": token} for token in tokens]
    return [get(server.url, "/api/session", headers, host) for headers in carried]


def _spent(
    server: Child, ask: Callable[[Sequence[bytes]], None], requests: Sequence[bytes]
) -> float:
    """Microseconds of the server's processor time for each."""
    before = server.cpu
    ask(requests)
    return (server.cpu - before) / len(requests) * 1e6


PARTS = (
    Part(
        "beside-gateway",
        (
            Target("with", "check, an [upstream] configured", "without, CPU", ">=", 0.97),
            Target("there", "the same at the upstream's Host", "without, CPU"),
        ),
        _check,
    ),
)
