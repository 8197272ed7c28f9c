"""The server of `dev` in its thread."""

import http.client
import time
from pathlib import Path

import pytest

from sessiongate.app.supplied import Supplied
from sessiongate.cli.dev.faults import faults_of
from sessiongate.cli.dev.server import DevServerThread
from sessiongate.cli.dev.settings import throw_away_settings
from sessiongate.testing.clock import TravelClock
from sessiongate.testing.users import cheap_hasher

GRACE, IMPATIENT = 60, 0.2
"""Seconds that requests under way have at the end, and that the client waits."""


def test_a_request_that_a_fault_holds_up_does_not_hold_up_the_end(tmp_path: Path) -> None:
    flags = {"server.plain_http": True, "server.limits.shutdown_grace": f"{GRACE}s"}
    config = throw_away_settings(None, tmp_path, flags, any_port=True)
    clock = TravelClock()
    faults = faults_of([{"fault": "reply.slow", "seconds": 3600}], clock, 1, "token", header=True)
    supplied = Supplied(clock=clock, hasher=cheap_hasher(), faults=faults)
    server = DevServerThread(config, supplied, faults)
    server.begin()
    try:
        client = http.client.HTTPConnection(server.started().addresses[0], timeout=IMPATIENT)
        client.request("GET", "/api/session")
        with pytest.raises(TimeoutError):
            client.getresponse()
        client.close()
        begun = time.monotonic()
    finally:
        server.end()
    assert time.monotonic() - begun < GRACE
