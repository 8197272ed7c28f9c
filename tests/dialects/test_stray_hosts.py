"""Hosts of no upstream, in the log."""

from structlog.testing import capture_logs

from sessiongate.dialects.relayed_hosts import AtUpstreams, Gates
from sessiongate.dialects.stray_hosts import MOST, SPAN, StrayHosts
from sessiongate.http.message import Reply, Request


class Time:
    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def asked(host: str, path: str = "/sdk") -> Request:
    return Request("POST", path, "", [("host", host)], b"", "192.0.2.7", secure=True)


async def test_a_host_of_no_upstream_is_in_the_log_once_with_the_setting() -> None:
    async def answer(_: Request) -> Reply:
        return Reply(200)

    at = AtUpstreams(answer, Gates({}, None), StrayHosts(["vc2", "vc1"], Time()))
    with capture_logs() as logs:
        for host in ("gate.example:9669", "GATE.example.", "gate.example"):
            assert (await at(asked(host, "/sdk/vim25/8.0.1.0/x"))).status == 200
        await at(asked("health.example", "/v1/session"))
    (line,) = logs
    assert (line["log_level"], line["host"], line["upstreams"]) == (
        *("warning", "gate.example"),
        "vc1, vc2",
    )
    assert "upstream.NAME.hosts" in line["way_out"]


def test_strangers_do_not_fill_the_log_by_hosts() -> None:
    now = Time()
    strays = StrayHosts(["vc1"], now)
    with capture_logs() as logs:
        for number in range(3 * MOST):
            strays.note(asked(f"{number}.{'x' * 10_000}", "/api/vcenter/vm"))
    assert len(logs) == MOST
    assert all(len(line["host"]) == 255 for line in logs)
    now.seconds += SPAN
    with capture_logs() as logs:
        strays.note(asked("0.example"))
    assert [line["host"] for line in logs] == ["0.example"]
